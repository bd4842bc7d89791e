"""What comes in: the event contract and everything that publishes events to Kafka."""

import producers.compiled  # noqa: F401 - the first thing: it decides in which form modules come
