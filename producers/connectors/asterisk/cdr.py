"""Call detail records as cdr_csv, cdr_custom, a table or FreePBX's report have them: legs are put together to calls.

A call is over for its file once the file has gone a day on from it, in either direction; at the end of the file all
are told, and told again, as a later version, if the next file has more of their legs.
"""

from collections import Counter, OrderedDict, deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain, islice

from producers.connectors.asterisk.calls import CallRules, KnownCalls, LeftOut
from producers.connectors.asterisk.clock import Clock
from producers.connectors.asterisk.config import AsteriskNames
from producers.connectors.asterisk.events import CALL_TYPES, event, stamp
from producers.connectors.asterisk.layouts import Layout
from producers.connectors.asterisk.legs import Leg
from producers.errors import Refused
from producers.events.wire import decode
from producers.importer.formats import EventOrigin, InputRecord, behind
from producers.importer.source import SourceFile, SourceLine
from producers.importer.state import State

_DAY = 86_400
_NEXT_TO = 60
"""Seconds between legs of one channel that are one call, where a log has no ids."""
_NAMED = 10
_HEAD = 1000
"""Lines that are looked at first, to find out by which clock they were written."""


@dataclass(slots=True, eq=False)
class _Row:
    line: SourceLine
    call: "_CdrCall | None" = None
    problem: Refused | None = None
    left_out: str = ""
    values: tuple[bytes, ...] = ()


@dataclass(slots=True, eq=False)
class _CdrCall:
    key: str
    legs: list[Leg] = field(default_factory=list)
    rows: list[_Row] = field(default_factory=list)
    numbered: bool = True

    @property
    def begun(self) -> bool:
        """Whether there is a leg of the channel that the call is named by."""
        return any(leg.uniqueid == (leg.linkedid or leg.uniqueid) for leg in self.legs)


class Calls:
    """Puts legs together, and says of a call what it is."""

    def __init__(self, names: AsteriskNames) -> None:
        self.now = 0.0
        self._names = names
        self._rules = CallRules(names)
        self._open: OrderedDict[str, _CdrCall] = OrderedDict()
        # Hashes, as there is one for each call of an import, which may have millions; two that collide (64 bits) would
        # have a line refused, never counted wrongly.
        self._closed: set[int] = set()
        self._channels: dict[str, _CdrCall] = {}
        self.strangers: Counter[str] = Counter()

    def add(self, leg: Leg, row: _Row) -> Iterator[_CdrCall]:
        """Take a leg; yield the calls that are over by now. Raises Refused."""
        call = self._of(leg)
        row.call = call
        call.legs.append(leg)
        call.rows.append(row)
        self._open.move_to_end(call.key)
        self.now = leg.end
        yield from self._over(self.now)

    def touched(self, *, begun: bool = False) -> list[_CdrCall]:
        """All that have rows that nothing was said of. They are kept, as more of their legs may come.

        begun: those only whose first channel has told of itself; before that it is not known what they are.
        """
        return [call for call in self._open.values() if call.rows and (not begun or call.begun)]

    def tell(self, call: _CdrCall) -> list[_Row]:
        """Say of each row of a call what became of it; return them."""
        rows, call.rows = call.rows, []
        try:
            told = self._told(call)
        except Refused as refused:
            for row in rows:
                row.problem, row.call = refused, None
            return rows
        for row in rows:
            row.left_out, row.call = told.why if isinstance(told, LeftOut) else "", None
        if not isinstance(told, LeftOut):
            rows[-1].values = (told,)
        return rows

    def _told(self, call: _CdrCall) -> bytes | LeftOut:
        name = call.key if call.numbered else f"{call.legs[0].channel}@{min(leg.start for leg in call.legs):.0f}"
        known = self._rules.tell(name, call.legs)
        if isinstance(known, LeftOut):
            return known
        self.strangers.update(known.strangers)
        made = _ended(self._names.config.source, known, len(call.legs))
        decode(made)
        return made

    def _of(self, leg: Leg) -> _CdrCall:
        key = leg.linkedid or leg.uniqueid
        numbered = bool(key)
        if not numbered:
            known = self._channels.get(leg.channel)
            if known and any(x.start - _NEXT_TO <= leg.end and leg.start <= x.end + _NEXT_TO for x in known.legs):
                return known
            key = f"{leg.channel}@{leg.start:.0f}"
        if key in self._open:
            return self._open[key]
        if hash(key) in self._closed:
            raise Refused(
                "invalid_data", "other legs of its call are more than a day away in the file; sort the file by time"
            )
        made = self._open[key] = _CdrCall(key, numbered=numbered)
        if not numbered:
            self._channels[leg.channel] = made
        return made

    def _over(self, now: float) -> Iterator[_CdrCall]:
        while self._open:
            key, call = next(iter(self._open.items()))
            if abs(now - call.legs[-1].end) <= _DAY:
                return
            del self._open[key]
            self._closed.add(hash(key))
            if self._channels.get(call.legs[0].channel) is call:
                del self._channels[call.legs[0].channel]
            if call.rows:
                yield call


def _ended(source: str, known: KnownCalls, legs: int) -> bytes:
    data = known.data | {"started_at": stamp(known.started)}
    if known.answered is not None:
        data["answered_at"] = stamp(known.answered)
    return event(source, "ended", known.end, data, legs)


class Cdr:
    """Makes the end of each call that a client was in. One of them reads all files of one import."""

    def __init__(self, names: AsteriskNames) -> None:
        self.header = b""
        self.origin = EventOrigin(names.config.source, CALL_TYPES, given=True, ranked=True)
        self.notes: list[str] = []
        self._names = names
        self._clock = Clock(names.zone)
        self._calls = Calls(names)
        self._growing: Layout | None = None

    def records(self, source: SourceFile, after: State) -> Iterator[InputRecord]:
        """Yield a record for each line, in order; the last one of a call has its event."""
        with source.lines() as lines:
            yield from behind(self._records(lines), after)
        self._note()

    def _records(self, lines: Iterator[SourceLine]) -> Iterator[InputRecord]:
        waiting: deque[_Row] = deque()
        layout = Layout(self._clock)
        self.header = b""
        head = list(islice(lines, _HEAD))
        self._look(layout, head)
        for line in chain(head, lines):
            if not line.raw.strip():
                continue
            row = _Row(line)
            waiting.append(row)
            try:
                if not self.header and line.number == 1 and layout.is_header(line.raw):
                    waiting.pop()
                    self.header = line.raw if line.raw.endswith(b"\n") else line.raw + b"\n"
                    continue
                for over in self._calls.add(layout.leg(line.raw), row):
                    self._calls.tell(over)
            except Refused as refused:
                row.problem = refused
            yield from _settled(waiting)
        for over in self._calls.touched():
            self._calls.tell(over)
        yield from _settled(waiting)

    def _look(self, layout: Layout, head: list[SourceLine]) -> None:
        for line in head:
            with suppress(Refused):
                if line.number > 1 or not layout.is_header(line.raw):
                    layout.leg(line.raw)
        self._clock.settle()

    @property
    def now(self) -> float:
        """The end of the leg that was read last."""
        return self._calls.now

    @property
    def names(self) -> AsteriskNames:
        """Who and which client is meant; it is given the identities once they are at hand."""
        return self._names

    def take(self, lines: list[SourceLine]) -> list[InputRecord]:
        """Take lines of a log that grows; return what is known now of these and of lines before."""
        if self._growing is None:
            self._growing = Layout(self._clock)
            self._look(self._growing, lines)
        told = []
        for line in lines:
            row = _Row(line)
            try:
                if line.number == 1 and self._growing.is_header(line.raw):
                    self.header = line.raw
                    continue
                for over in self._calls.add(self._growing.leg(line.raw), row):
                    told += self._calls.tell(over)
            except Refused as refused:
                row.problem = refused
                told.append(row)
        for call in self._calls.touched(begun=True):
            told += self._calls.tell(call)
        self._note()
        return [_record(row) for row in told]

    def _note(self) -> None:
        self.notes.clear()
        if self._clock.seen_gmt:
            self.notes.append("times are GMT, as the ids of the channels show")
        if self._calls.strangers:
            named = ", ".join(f"{name} ({count})" for name, count in self._calls.strangers.most_common(_NAMED))
            self.notes.append(f"took calls and are not in `agents`, so that nobody is credited: {named}")


def _settled(waiting: deque[_Row]) -> Iterator[InputRecord]:
    """The rows, in order, that it is known of what became of them."""
    while waiting and waiting[0].call is None:
        yield _record(waiting.popleft())


def _record(row: _Row) -> InputRecord:
    number, raw, end = row.line
    return InputRecord(number, raw, end, row.values, row.problem, row.left_out)
