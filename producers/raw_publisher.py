"""What gateway, imports and connectors need of `SalesPublisher`, so that they do without a broker in tests."""

from collections.abc import Iterable
from typing import Protocol


class RawPublisher(Protocol):
    """Sends events that are valid and encoded already."""

    async def publish_many_raw(self, records: Iterable[tuple[bytes, bytes]], *, reference: bool = False) -> int:
        """Send (key, value) pairs, in order per key, and wait for the brokers. Raises PublisherError."""
