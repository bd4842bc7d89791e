"""What became of each sender's events, for the sender to see: put together, served as JSON and as a page."""
