"""What Prometheus would have recorded in the past, worked out of the day cells: for charts of imported years."""
