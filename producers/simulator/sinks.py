"""Where simulated events go: Kafka, a gateway, standard output. Each takes batches; when it returns, they are safe."""

from collections.abc import Sequence
from typing import BinaryIO, Protocol

import httpx
import msgspec
from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt, wait_exponential_jitter

from producers.events import REFERENCE_TYPES
from producers.publisher import SalesPublisher
from producers.simulator.errors import GatewayRefused
from producers.simulator.floor import Event

_encode = msgspec.json.Encoder()
_GATEWAY_BATCH = 500


class EventSink(Protocol):
    """Takes (Kafka key, event) pairs, in order. When `send` returns, the receiver has acknowledged them."""

    async def send(self, batch: Sequence[tuple[str, Event]]) -> None:
        """Deliver a batch. Raises what the receiver's client raises when it cannot."""


class KafkaSink:
    """Sends to the contract's topics through a started publisher."""

    def __init__(self, publisher: SalesPublisher) -> None:
        self._publisher = publisher

    async def send(self, batch: Sequence[tuple[str, Event]]) -> None:
        """Publish all and wait for the acknowledgements."""
        events: list[tuple[bytes, bytes]] = []
        reference: list[tuple[bytes, bytes]] = []
        for key, event in batch:
            records = reference if event["type"] in REFERENCE_TYPES else events
            records.append((key.encode(), _encode.encode(event)))
        await self._publisher.publish_many_raw(reference, reference=True)
        await self._publisher.publish_many_raw(events)


class LinesSink:
    """Writes JSON Lines to a binary stream."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    async def send(self, batch: Sequence[tuple[str, Event]]) -> None:
        """Write a line for each event."""
        self._stream.write(_encode.encode_lines([event for _, event in batch]))
        self._stream.flush()


class GatewaySink:
    """Posts CloudEvents batches to a gateway; waits as long as it asks when it is busy."""

    def __init__(self, client: httpx.AsyncClient, url: str) -> None:
        self._client = client
        self._url = url

    async def send(self, batch: Sequence[tuple[str, Event]]) -> None:
        """Post the events, some hundred a request. Raises GatewayRefused."""
        for begin in range(0, len(batch), _GATEWAY_BATCH):
            body = _encode.encode([event for _, event in batch[begin : begin + _GATEWAY_BATCH]])
            try:
                await self._patiently(body)
            except httpx.HTTPStatusError as error:
                words = error.response.text[:300]
                raise GatewayRefused(f"{self._url} answers {error.response.status_code}: {words}") from error
            except httpx.TransportError as error:
                raise GatewayRefused(f"{self._url} cannot be reached: {error}") from error

    async def _patiently(self, body: bytes) -> None:
        async for attempt in AsyncRetrying(
            retry=retry_if_exception(_passing),
            wait=wait_exponential_jitter(initial=0.2, max=5),
            stop=stop_after_attempt(8),
            reraise=True,
        ):
            with attempt:
                await self._post(body)

    async def _post(self, body: bytes) -> None:
        headers = {"content-type": "application/cloudevents-batch+json"}
        answer = await self._client.post(self._url, content=body, headers=headers)
        answer.raise_for_status()


def _passing(error: BaseException) -> bool:
    if isinstance(error, httpx.HTTPStatusError):
        return error.response.status_code in (429, 503)
    return isinstance(error, httpx.TransportError)
