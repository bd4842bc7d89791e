"""What one partition's log has led to: sums by cell and entities by client. No clock, no I/O."""
