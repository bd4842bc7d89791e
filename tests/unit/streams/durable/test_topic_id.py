"""Whether topics are still the ones that a worker began with."""

import asyncio
from types import SimpleNamespace
from uuid import UUID

import pytest

from producers.settings import KafkaSettings
from streams.durable.topic_id import EventsTopic, compare
from streams.errors import WorkerError

_IDS = {"sales.events": 1, "cells": 2, "clients": 3, "sales.reference": 4}


class _FarBroker:
    """Answers each question after a third of a second. `ids`: by topic."""

    def __init__(self, ids: dict[str, int]) -> None:
        self._ids = ids

    def get_random_node(self) -> int:
        return 0

    async def send(self, _: int, request: object) -> SimpleNamespace:
        await asyncio.sleep(0.3)
        name = vars(request)["_topic"]
        return SimpleNamespace(topics=[(0, name, UUID(int=self._ids[name]).bytes, False, [None])])


@pytest.mark.parametrize("name", _IDS)
async def test_a_far_broker_says_in_time_that_a_topic_was_recreated(name: str) -> None:
    """All topics are asked about within the second that the worker takes for it."""
    settings = KafkaSettings(_env_file=None)
    events, cells, clients, reference = (str(UUID(int=number)) for number in _IDS.values())
    before = EventsTopic(1, events, {"cells": cells, "clients": clients}, reference)
    async with asyncio.timeout(1):
        await compare(_FarBroker(_IDS), settings, before)  # type: ignore[arg-type]
    async with asyncio.timeout(1):
        with pytest.raises(WorkerError, match=f"^{name} was deleted and recreated"):
            await compare(_FarBroker({**_IDS, name: 9}), settings, before)  # type: ignore[arg-type]
