"""The past in a Prometheus of its own: its blocks made by promtool, and kept equal to what the view now says."""
