"""The queue log (`time|call|queue|agent|verb|…`): the one place where Asterisk says how long a caller waited."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from producers.connectors.asterisk.config import Names
from producers.connectors.asterisk.events import CALL_TYPES, event, records, stamp
from producers.errors import Refused
from producers.importer.formats import Origin, Record
from producers.importer.source import Source
from producers.importer.state import State

_FORGET_SECONDS = 86_400
_GAVE_UP = frozenset({"EXITWITHTIMEOUT", "EXITEMPTY", "EXITWITHKEY"})


@dataclass(slots=True)
class _Call:
    """A call as far as it has been read. Times in seconds since the epoch."""

    client: str
    queue: str
    entered: float
    agent: str = ""
    answered: float | None = None


class QueueLog:
    """Makes started, answered and ended of each call. A caller who goes from queue to queue is one call.

    What a call waits is counted from its first queue. A log that begins in the middle of a call is made good from
    the durations that its last line states.
    """

    header = b""

    def __init__(self, names: Names) -> None:
        self._names = names
        self.origin = Origin(names.config.source, CALL_TYPES, given=True)
        self.notes: list[str] = []
        self._calls: dict[str, _Call] = {}
        self._verbs: dict[str, Callable[..., list[bytes]]] = {
            "ENTERQUEUE": self._enter,
            "CONNECT": self._connect,
            "RINGNOANSWER": self._ring,
            "ABANDON": self._abandon,
            "COMPLETEAGENT": self._complete,
            "COMPLETECALLER": self._complete,
            "TRANSFER": self._transfer,
            "BLINDTRANSFER": self._transfer,
            "ATTENDEDTRANSFER": self._transfer,
            **dict.fromkeys(_GAVE_UP, self._give_up),
        }

    def records(self, source: Source, after: State) -> Iterator[Record]:
        """Yield a record for each line; most have an event, some none."""
        return records(source, after, self._events)

    def _events(self, raw: bytes) -> list[bytes]:
        try:
            cells = raw.decode().strip().split("|")
            now, (call, queue, agent, verb) = float(cells[0]), cells[1:5]
        except (UnicodeDecodeError, ValueError):
            raise Refused("invalid_data", "the line is no time|call|queue|agent|verb") from None
        told = self._verbs.get(verb)
        if told is None or (self._names.config.queues and queue not in self._names.config.queues):
            return []
        if len(self._calls) > 10_000:
            self._forget(now)
        return told(now, call, queue, agent, cells[5:])

    def _enter(self, now: float, call: str, queue: str, _: str, rest: list[str]) -> list[bytes]:
        held = self._calls.get(call)
        if held is not None:  # on to another queue: the wait goes on
            held.queue = queue
            return []
        number = rest[1] if len(rest) > 1 else ""
        self._calls[call] = held = _Call(self._names.client(number, call), queue, now)
        return [self._event("started", now, self._base(call, held) | {"direction": "inbound"})]

    def _ring(self, now: float, call: str, queue: str, agent: str, rest: list[str]) -> list[bytes]:
        del now, queue, rest
        if call in self._calls:
            self._calls[call].agent = agent  # whose telephone rang last is who missed it
        return []

    def _connect(self, now: float, call: str, queue: str, agent: str, rest: list[str]) -> list[bytes]:
        held = self._known(call, queue, now - _seconds(rest, 0))
        held.agent, held.answered, held.queue = agent, now, queue
        data = self._base(call, held)
        return [self._event("answered", now, data)] if "manager_id" in data else []

    def _complete(self, now: float, call: str, queue: str, agent: str, rest: list[str]) -> list[bytes]:
        return self._talked(now, call, queue, agent, _seconds(rest, 0), _seconds(rest, 1))

    def _transfer(self, now: float, call: str, queue: str, agent: str, rest: list[str]) -> list[bytes]:
        return self._talked(now, call, queue, agent, _seconds(rest, 2), _seconds(rest, 3))

    def _talked(self, now: float, call: str, queue: str, agent: str, held_for: float, talked_for: float) -> list[bytes]:
        held = self._known(call, queue, now - talked_for - held_for)
        held.agent = agent
        if held.answered is None:
            held.answered = now - talked_for
        return [self._ended(now, call, held, "answered")]

    def _abandon(self, now: float, call: str, queue: str, _: str, rest: list[str]) -> list[bytes]:
        return [self._ended(now, call, self._known(call, queue, now - _seconds(rest, 2)), "abandoned")]

    def _give_up(self, now: float, call: str, queue: str, _: str, rest: list[str]) -> list[bytes]:
        waited = _seconds(rest, 3) if len(rest) > 3 else _seconds(rest, 2)
        return [self._ended(now, call, self._known(call, queue, now - waited), "missed")]

    def _known(self, call: str, queue: str, entered: float) -> _Call:
        held = self._calls.get(call)
        if held is None:
            held = self._calls[call] = _Call(self._names.client("", call), queue, entered)
        return held

    def _ended(self, now: float, call: str, held: _Call, outcome: str) -> bytes:
        data = self._base(call, held) | {
            "direction": "inbound",
            "outcome": outcome,
            "started_at": stamp(held.entered),
        }
        if outcome == "answered" and held.answered is not None:
            data["answered_at"] = stamp(held.answered)
        return self._event("ended", now, data)

    def _base(self, call: str, held: _Call) -> dict[str, Any]:
        return {"call_id": call, "client_id": held.client, **self._names.who(held.agent, held.queue)}

    def _event(self, kind: str, now: float, data: dict[str, Any]) -> bytes:
        return event(self._names.config.source, kind, now, data)

    def _forget(self, now: float) -> None:
        old = [call for call, held in self._calls.items() if now - held.entered > _FORGET_SECONDS]
        for call in old:
            del self._calls[call]


def _seconds(rest: list[str], place: int) -> float:
    if len(rest) <= place or not rest[place]:
        return 0.0
    try:
        return float(rest[place])
    except ValueError:
        raise Refused("invalid_data", f"{rest[place]!r} is no number of seconds") from None
