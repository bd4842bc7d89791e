"""What goes out: the catalogue of every number, and the exporter that shows them."""
