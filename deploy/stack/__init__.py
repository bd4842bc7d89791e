"""The local stack: real Kafka, Redis, Prometheus and our own processes on a bare machine, without Docker or root."""
