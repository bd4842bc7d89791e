"""The exporter: the Redis view in, Prometheus text, JSON and the wall out."""
