"""Making Kafka agree with the portal: entity by entity, after hooks, and for years of history."""
