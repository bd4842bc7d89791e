"""The queue log (`time|call|queue|agent|verb|…`): the one place where Asterisk says how long a caller waited."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from producers.connectors.asterisk.clock import Clock
from producers.connectors.asterisk.config import AsteriskNames
from producers.connectors.asterisk.events import CALL_TYPES, event, stamp
from producers.connectors.asterisk.queue_lines import QueueLines, Said
from producers.errors import Refused
from producers.importer.formats import EventOrigin, InputRecord, behind
from producers.importer.source import SourceFile, SourceLine
from producers.importer.state import State

_FORGET_SECONDS = 86_400


@dataclass(slots=True)
class _QueueCall:
    """A call as far as it has been read. Times in seconds since the epoch."""

    client: str
    queue: str
    entered: float
    agent: str = ""
    answered: float | None = None


class QueueLog:
    """Makes started, answered and ended of each call. A caller who goes from queue to queue is one call.

    What a call waits is counted from its first queue, and who answered it first has answered it. A log that begins in
    the middle of a call is made good from the durations that its last line states. One of them reads all files of one
    import: a call may lie in two.
    """

    def __init__(self, names: AsteriskNames) -> None:
        self.header = b""
        self.origin = EventOrigin(names.config.source, CALL_TYPES, given=True, ranked=True)
        self.notes: list[str] = []
        self._names = names
        self._clock = Clock(names.zone)
        self._calls: dict[str, _QueueCall] = {}
        self._unknown = 0
        self._growing = QueueLines(self._clock)
        self.now = 0.0
        self._verbs: dict[str, Callable[[Said], list[bytes]]] = {
            "ENTERQUEUE": self._enter,
            "CONNECT": self._connect,
            "RINGNOANSWER": self._ring,
            "RINGCANCELED": self._ring,
            "ABANDON": lambda said: self._gone(said, "abandoned", 2),
            "EXITWITHTIMEOUT": lambda said: self._gone(said, "missed", 2),
            "EXITEMPTY": lambda said: self._gone(said, "missed", 2),
            "EXITWITHKEY": lambda said: self._gone(said, "missed", 3),
            "SYSCOMPAT": lambda said: self._gone(said, "failed", 2),
            "COMPLETEAGENT": lambda said: self._talked(said, 0),
            "COMPLETECALLER": lambda said: self._talked(said, 0),
            "TRANSFER": lambda said: self._talked(said, 2),
            "BLINDTRANSFER": lambda said: self._talked(said, 2),
            # BRIDGE|bridge, APP|application, or LINK|channel|channel, before the durations and the position
            "ATTENDEDTRANSFER": lambda said: self._talked(said, 3 if said.rest[0] == "LINK" else 2),
        }

    def records(self, source: SourceFile, after: State) -> Iterator[InputRecord]:
        """Yield a record for each line. The lines that are done are read, too: a call is more than one line."""
        with source.lines() as lines:
            yield from behind(self._records(QueueLines(self._clock), lines), after)
        self._note()

    @property
    def names(self) -> AsteriskNames:
        """Who and which client is meant; it is given the identities once they are at hand."""
        return self._names

    def take(self, lines: list[SourceLine]) -> list[InputRecord]:
        """Take lines of a log that grows; return what is known of them."""
        made = list(self._records(self._growing, iter(lines)))
        self._note()
        return made

    def _note(self) -> None:
        self.notes.clear()
        if self._clock.seen_gmt:
            self.notes.append("times are GMT, as the ids of the channels show")
        if self._unknown:
            self.notes.append(
                f"{self._unknown} calls began before this file, so that their clients are not known: import the "
                "earlier file in the same command, before it"
            )

    def _records(self, reader: QueueLines, lines: Iterator[SourceLine]) -> Iterator[InputRecord]:
        for number, raw, end in lines:
            if not raw.strip():
                continue
            try:
                if number == 1:
                    self.header = b""
                if number == 1 and reader.is_header(raw):
                    self.header = raw if raw.endswith(b"\n") else raw + b"\n"
                    continue
                values, left_out = self.events(reader.said(raw))
                yield InputRecord(number, raw, end, tuple(values), None, left_out)
            except Refused as refused:
                yield InputRecord(number, raw, end, (), refused)

    def events(self, said: Said) -> tuple[list[bytes], str]:
        """Return the events of a line, and why it is no call's, if so. Raises Refused."""
        self.now = said.now
        told = self._verbs.get(said.verb)
        if told is None:
            return [], f"{said.verb if said.verb.isprintable() else 'what it says'} is nothing of a call"
        if self._names.config.queues and said.queue not in self._names.config.queues:
            return [], "of a queue that the mapping does not name"
        if len(self._calls) > 10_000:
            self._forget(said.now)
        return told(said), ""

    def _enter(self, said: Said) -> list[bytes]:
        held = self._calls.get(said.call)
        if held is not None:  # on to another queue: the wait goes on
            held.queue = held.queue if held.answered is not None else said.queue
            return []
        number = said.rest[1] if len(said.rest) > 1 else ""
        held = self._calls[said.call] = _QueueCall(self._names.client(number, said.call), said.queue, said.now)
        return [self._event("started", said.now, self._base(said.call, held) | {"direction": "inbound"})]

    def _ring(self, said: Said) -> list[bytes]:
        held = self._calls.get(said.call)
        if held is not None and held.answered is None:
            held.agent = said.agent  # whose telephone rang last is who missed it
        return []

    def _connect(self, said: Said) -> list[bytes]:
        held = self._known(said, said.now - _seconds(said.rest, 0))
        if held.answered is not None:
            return []
        held.agent, held.answered, held.queue = said.agent, said.now, said.queue
        data = self._base(said.call, held)
        return [self._event("answered", said.now, data)] if "manager_id" in data else []

    def _talked(self, said: Said, place: int) -> list[bytes]:
        held_for, talked_for = _seconds(said.rest, place), _seconds(said.rest, place + 1)
        held = self._known(said, said.now - talked_for - held_for)
        if held.answered is None:
            held.agent, held.answered, held.queue = said.agent, said.now - talked_for, said.queue
        return [self._ended(said, held, "answered")]

    def _gone(self, said: Said, outcome: str, waited: int) -> list[bytes]:
        held = self._known(said, said.now - _seconds(said.rest, waited))
        return [self._ended(said, held, outcome if held.answered is None else "answered")]

    def _known(self, said: Said, entered: float) -> _QueueCall:
        held = self._calls.get(said.call)
        if held is None:
            self._unknown += 1
            held = self._calls[said.call] = _QueueCall(self._names.client("", said.call), said.queue, entered)
        return held

    def _ended(self, said: Said, held: _QueueCall, outcome: str) -> bytes:
        data = self._base(said.call, held) | {
            "direction": "inbound",
            "outcome": outcome,
            "started_at": stamp(held.entered),
        }
        if held.answered is not None:
            data["answered_at"] = stamp(held.answered)
        return self._event("ended", said.now, data)

    def _base(self, call: str, held: _QueueCall) -> dict[str, Any]:
        return {"call_id": call, "client_id": held.client, **self._names.who(held.agent, held.queue)}

    def _event(self, kind: str, now: float, data: dict[str, Any]) -> bytes:
        return event(self._names.config.source, kind, now, data)

    def _forget(self, now: float) -> None:
        old = [call for call, held in self._calls.items() if now - held.entered > _FORGET_SECONDS]
        for call in old:
            del self._calls[call]


def _seconds(rest: Sequence[str], place: int) -> float:
    if len(rest) <= place or not rest[place]:
        return 0.0
    try:
        return float(rest[place])
    except ValueError:
        raise Refused("invalid_data", f"{rest[place]!r} is not a number of seconds") from None
