"""What the exporter holds of the view: parts, their sums by window and day, and what the clock makes of them."""
