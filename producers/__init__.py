"""What comes in: the event contract and everything that publishes events to Kafka."""
