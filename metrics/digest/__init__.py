"""A period's numbers, sent to people: asked of the exporter, written as the wall writes them."""
