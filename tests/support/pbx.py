"""An exchange that writes call records as Asterisk's documentation says they come to be: channels, dials, bridges."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count

STATUS = {"ANSWER": "ANSWERED", "BUSY": "BUSY", "CANCEL": "NO ANSWER", "NOANSWER": "NO ANSWER", "CHANUNAVAIL": "FAILED"}


@dataclass(eq=False)
class Channel:
    """One party's connection with the exchange; a person's device, a trunk, or half of a Local channel."""

    name: str
    uniqueid: str
    linkedid: str
    born: int
    number: str
    exten: str
    context: str
    dialed: bool
    person: str | None
    up: bool = False
    app: str = ""
    data: str = ""
    hung_up: bool = False
    records: list[Record] = field(default_factory=list)


@dataclass(eq=False)
class Record:
    """The relation of one party with the exchange or with one other party, from its begin to its end."""

    a: Channel
    start: int
    sequence: int
    app: str
    data: str
    exten: str
    context: str
    b: Channel | None = None
    answer: int | None = None
    end: int | None = None
    disposition: str | None = None
    state: str = "single"
    linkedid: str = ""

    def finish(self, now: int) -> None:
        """Nothing changes in it after this."""
        self.state = "final"
        if self.end is None:
            self.end = now
            self.disposition = self.disposition or ("NO ANSWER" if self.answer is None else "ANSWERED")


@dataclass(frozen=True)
class PbxRow:
    """A record as it is handed to what writes the file."""

    clid: str
    src: str
    dst: str
    dcontext: str
    channel: str
    dstchannel: str
    lastapp: str
    lastdata: str
    start: int
    answer: int | None
    end: int
    disposition: str
    uniqueid: str
    linkedid: str
    sequence: int

    @property
    def duration(self) -> int:
        return self.end - self.start

    @property
    def billsec(self) -> int:
        return 0 if self.answer is None else self.end - self.answer


class Exchange:
    """Channels and their records; rows come when a channel hangs up, all records of which it is the first party."""

    def __init__(self, now: int, system: str = "", serial: int = 1, *, unanswered: bool = True) -> None:
        self.now = now
        self.rows: list[PbxRow] = []
        self.queue_log: list[tuple[int, str, str, str, str, tuple[object, ...]]] = []
        self.met: list[tuple[int, Channel, Channel]] = []
        self._prefix = f"{system}-" if system else ""
        self._unanswered = unanswered
        self._ids = count(serial)
        self._sequence = count(1)
        self._channels: list[Channel] = []

    def wait(self, seconds: int) -> None:
        self.now += seconds

    def channel(
        self,
        device: str,
        number: str,
        exten: str,
        context: str,
        by: Channel | None = None,
        *,
        dialed: bool = False,
        person: str | None = None,
    ) -> Channel:
        """A channel comes to be; one that somebody dialed is linked with who dialed it."""
        serial = next(self._ids)
        uniqueid = f"{self._prefix}{self.now}.{serial}"
        name = device if device.startswith("Local/") else f"{device}-{serial:08x}"
        linkedid = by.linkedid if by else uniqueid
        made = Channel(name, uniqueid, linkedid, serial, number, exten, context, dialed, person)
        self._channels.append(made)
        self._append(made)
        return made

    def run(self, a: Channel, app: str, data: str = "", exten: str | None = None, context: str | None = None) -> None:
        """A goes on in the dialplan; once all its records are closed that begins another one."""
        a.app, a.data = app, data
        a.exten, a.context = exten or a.exten, context or a.context
        for each in [r for r in a.records if r.state == "pending"]:
            each.finish(self.now)
        alive = [r for r in a.records if r.state != "final"]
        for each in alive:
            each.exten, each.context = a.exten, a.context
            if each.state == "single":
                each.app, each.data = app, data
        if not alive:
            self._append(a)

    def answer(self, a: Channel) -> None:
        """A is answered, by the exchange or because who it calls has answered."""
        a.up = True
        for each in a.records:
            if each.state != "final" and each.answer is None:
                each.answer = self.now

    def dial(self, a: Channel, b: Channel) -> None:
        for each in [r for r in a.records if r.state == "pending"]:
            each.finish(self.now)
        single = next((r for r in a.records if r.state == "single"), None) or self._append(a)
        single.b, single.state = b, "dial"

    def dialed(self, a: Channel, b: Channel, status: str) -> None:
        """How it ended that A dialed B."""
        for each in a.records:
            if each.b is b and each.state == "dial":
                each.disposition = STATUS[status]
                if status == "ANSWER":
                    each.state = "pending"
                else:
                    each.finish(self.now)

    def bridge(self, one: Channel, other: Channel) -> None:
        """Both can hear each other; the first party is who was not dialed, else the older one."""
        a, b = sorted((one, other), key=lambda c: (c.dialed, c.born))
        for each in (a, b):
            self.answer(each)
        oldest = min(a.linkedid, b.linkedid, key=_age)
        for each in self._channels:
            if each.linkedid in {a.linkedid, b.linkedid}:
                each.linkedid = oldest
        waiting = next((r for r in a.records if r.b is b and r.state in {"dial", "pending"}), None)
        record = waiting or next((r for r in a.records if r.state == "single"), None) or self._append(a)
        record.b, record.state = b, "bridge"
        for each in b.records:
            if each.b is None and each.state == "single":
                each.finish(self.now)
        self.met.append((self.now, one, other))

    def part(self, *channels: Channel) -> None:
        """The bridges of these are broken."""
        for holder in self._channels:
            for each in holder.records:
                if each.state == "bridge" and (each.a in channels or each.b in channels):
                    each.finish(self.now)

    def hang_up(self, *channels: Channel) -> None:
        for gone in channels:
            if gone.hung_up:
                continue
            gone.hung_up = True
            for holder in self._channels:
                for each in holder.records:
                    if each.b is gone and each.state != "final":
                        each.finish(self.now)
            for each in gone.records:
                each.finish(self.now)
                self._write(each)
            self._channels.remove(gone)

    def queued(self, queue: str, caller: Channel, agent: str, event: str, *data: object) -> None:
        """A line of the queue log."""
        self.queue_log.append((self.now, caller.uniqueid, queue, agent, event, data))

    def _append(self, a: Channel) -> Record:
        made = Record(a, self.now, next(self._sequence), a.app, a.data, a.exten, a.context)
        made.answer = self.now if a.up else None
        a.records.append(made)
        return made

    def _write(self, record: Record) -> None:
        if record.a.dialed and record.b is None:
            return
        if not self._unanswered and record.disposition != "ANSWERED" and record.b is None:
            return
        assert record.end is not None
        assert record.disposition is not None
        a = record.a
        self.rows.append(
            PbxRow(
                f'"{a.number}" <{a.number}>',
                a.number,
                record.exten,
                record.context,
                a.name,
                record.b.name if record.b else "",
                record.app,
                record.data,
                record.start,
                record.answer,
                record.end,
                record.disposition,
                a.uniqueid,
                a.linkedid,
                record.sequence,
            )
        )


def _age(linkedid: str) -> tuple[int, int]:
    second, _, serial = linkedid.rpartition("-")[2].partition(".")
    return int(second), int(serial)
