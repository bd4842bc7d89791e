"""The HTTP way in: upstream systems publish CloudEvents without knowing Kafka."""
