"""What gateways and workers know of each sender, shared through Redis, for a day; it can be lost like the view."""

import asyncio
from collections.abc import Mapping
from typing import Any

import msgspec
import structlog
from redis.exceptions import RedisError

from metrics.redis_client import connect
from metrics.view import Keys
from producers.senders import DAY, MOST_REFUSALS, QUARTER, KnownSenders, Notes, SenderCount, SenderRefusal, SharedAway
from streams.runtime.sensors import WorkerSensors

log = structlog.get_logger(__name__)

_SECONDS = 1.0
_LETTERS_SECONDS = 60
"""Between two times that the dead letters are told, though they did not change."""
_LAST_DAYS = 8
_LONGEST = 1_000
"""Characters of a detail."""

_encode = msgspec.json.encode
_names = msgspec.json.Decoder(tuple[str, str, str]).decode
_type = msgspec.json.Decoder(tuple[str, str]).decode
_refusal = msgspec.json.Decoder(tuple[str, str, str, str]).decode
_letters = msgspec.json.Decoder(list[tuple[str, str, int]]).decode


class RedisNotes:
    """Notes of all, under the keys of one application id. Not connected before it is used."""

    def __init__(self, url: str, app_id: str) -> None:
        self._keys = Keys(app_id)
        self._redis: Any = connect(url)

    async def close(self) -> None:
        """Let go of Redis."""
        await self._redis.aclose()

    async def write(self, notes: Notes) -> None:
        """Add to what is there. Raises SharedAway."""
        pipe = self._redis.pipeline(transaction=False)
        for count, n in notes.counts.items():
            pipe.hincrby(self._keys.senders(f"counts:{count.quarter}"), _encode(count[1:]), n)
        for quarter in {count.quarter for count in notes.counts}:
            pipe.expire(self._keys.senders(f"counts:{quarter}"), DAY + 2 * QUARTER)
        last = self._keys.senders("last")
        for (source, kind), at in notes.last.items():
            pipe.hset(last, _encode((source, kind)), repr(at))
        pipe.expire(last, _LAST_DAYS * DAY)
        for source, refusals in notes.refusals.items():
            key = self._keys.senders(f"refusals:{source}")
            pipe.zadd(key, {_encode((*one[:3], one.detail[:_LONGEST])): at for one, at in refusals.items()})
            pipe.zremrangebyrank(key, 0, -MOST_REFUSALS - 1)
            pipe.expire(key, DAY)
        await _answered(pipe.execute())

    async def read(self, now: float) -> KnownSenders:
        """All that is there. Raises SharedAway."""
        quarter = int(now) // QUARTER
        quarters = range(quarter - DAY // QUARTER - 1, quarter + 2)
        pipe = self._redis.pipeline(transaction=False)
        for one in quarters:
            pipe.hgetall(self._keys.senders(f"counts:{one}"))
        pipe.hgetall(self._keys.senders("last"))
        pipe.get(self._keys.senders("letters"))
        *counts, last, letters = await _answered(pipe.execute())
        known = KnownSenders()
        for one, found in zip(quarters, counts, strict=True):
            known.notes.counts.update({SenderCount(one, *_names(names)): int(n) for names, n in found.items()})
        known.notes.last.update({_type(names): float(at) for names, at in last.items()})
        await self._refusals(known.notes)
        if letters is not None:
            known.letters = {(source, reason): n for source, reason, n in _letters(letters)}
        return known

    async def _refusals(self, notes: Notes) -> None:
        sources = sorted({count.source for count in notes.counts})
        pipe = self._redis.pipeline(transaction=False)
        for source in sources:
            pipe.zrange(self._keys.senders(f"refusals:{source}"), 0, -1, withscores=True)
        for source, found in zip(sources, await _answered(pipe.execute()), strict=True):
            for names, at in found:
                notes.refuse(source, SenderRefusal(*_refusal(names)), at)

    async def write_letters(self, counts: Mapping[tuple[str, str], int]) -> None:
        """Tell how many dead letters are open, by reason and source; every worker knows all. Raises SharedAway."""
        told = [(source, reason, n) for (reason, source), n in counts.items()]
        await _answered(self._redis.set(self._keys.senders("letters"), _encode(told), ex=3 * _LETTERS_SECONDS))


async def _answered(asked: Any) -> Any:
    try:
        return await asked
    except (RedisError, OSError, TimeoutError) as error:
        raise SharedAway(f"Redis: {str(error) or type(error).__name__}") from error


async def share(notes: RedisNotes, sensors: WorkerSensors) -> None:
    """Leave what a worker notes for all to see, for ever; what cannot be left now is kept."""
    told: tuple[object, float] = (None, 0.0)
    clock = asyncio.get_running_loop().time
    while True:
        await asyncio.sleep(_SECONDS)
        taken, sensors.notes = sensors.notes, Notes()
        letters = sensors.open_letters.counts
        try:
            if taken:
                await notes.write(taken)
                taken = Notes()
            if letters is not None and (letters != told[0] or clock() - told[1] > _LETTERS_SECONDS):
                await notes.write_letters(letters)
                told = letters, clock()
        except SharedAway as error:
            log.warning("what senders may see of themselves is not shared", problem=str(error))
            taken.add(sensors.notes)
            sensors.notes = taken
