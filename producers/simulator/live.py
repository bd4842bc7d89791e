"""What a floor does on top while somebody watches: a given number of events a second, without inflating a total.

Forty people make one event in forty seconds. To show a lively floor at twenty a second whose totals stay
believable, a few more clients ring and write (so that somebody always waits), open deals are edited (their
pipeline moves, their count does not), and chats carry what messengers send all the time: receipts and notices.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
from heapq import merge
from random import Random
from typing import NamedTuple

from producers.simulator.calls import tell_call
from producers.simulator.chats import tell_chat
from producers.simulator.deal import STEP
from producers.simulator.floor import EVENTS_PER_DAY, Event, Setup, SimulatedFloor, moments
from producers.simulator.rhythm import DAY, HOUR, MINUTE, SECOND
from producers.simulator.script import HORIZON, Script, ScriptLine

_CALLS, _CHATS = 0.0018, 0.002
"""Additional ones begun a second for each manager, at an average hour."""
_EVENTS_A_CALL, _EVENTS_A_CHAT = 2.8, 6.5
_EDIT_EVERY = 300.0
"""No open deal is edited more often than every so many seconds, on average."""
_NOTHING = ScriptLine(0, "", "", 0, None, {})
_LATEST = 2 * DAY + HOUR
"""No call or chat tells anything later than this after it began."""


class Stretch(NamedTuple):
    """A time (us) in which an earlier run made `rate` events a second."""

    since_us: int
    until_us: int
    rate: float


class LiveFloor:
    """A floor that makes `rate` events a second from `live_us` on, and what it naturally does before that.

    `lived` are the live times of earlier runs: who called or wrote then is answered now, and waits no longer.
    """

    def __init__(self, setup: Setup, rate: float, live_us: int, lived: Sequence[Stretch] = ()) -> None:
        self.floor = SimulatedFloor(setup, watch=self._see)
        self._rate = rate
        self._live_us = live_us
        self._lived = lived
        self._open: dict[str, tuple[ScriptLine, int]] = {}
        self._chats: deque[tuple[str, str]] = deque(maxlen=64)

    def events(self, start_us: int, end_us: int | None = None) -> Iterator[tuple[int, Event]]:
        """Yield (moment of publishing in us, event) from `start_us` on; for ever without `end_us`."""
        base = self.floor.lines(start_us, end_us)
        extra = self._extra(start_us, end_us)
        for line in merge(base, extra, key=lambda line: line[:2]):
            if line.type:
                yield line.publish_us, self.floor.event(line)

    def _see(self, line: ScriptLine) -> None:
        """Keep which deals are open and which chats go on, from every line of the floor."""
        if line.type == "sales.deal.changed.v1":
            deal = line.data["deal_id"]
            known = self._open.get(deal)
            if known and (known[0].sequence or "") >= (line.sequence or ""):
                return
            if line.data["status"] == "open":
                self._open[deal] = (line, int(line.sequence or 0))
            else:
                self._open.pop(deal, None)
        elif line.type == "sales.deal.deleted.v1":
            self._open.pop(line.data["deal_id"], None)
        elif line.type == "sales.chat.message.v1":
            self._chats.append((line.data["chat_id"], line.data["client_id"]))

    def left_open(self, until_us: int) -> Iterator[tuple[int, Event]]:
        """Yield the rest of all calls and chats begun before `until_us`, for a floor that does not go on."""
        rest: list[ScriptLine] = []
        begun_later: set[str] = set()
        for line in [*self.floor.short_lines(until_us, until_us), *self._unfinished(until_us)]:
            if line.publish_us >= until_us:
                contact = line.data.get("call_id") or line.data.get("chat_id") or line.data["contact_id"]
                if line.id in (f"{contact}-s", f"{contact}-1"):
                    begun_later.add(contact)
                if contact not in begun_later:
                    rest.append(line)
        for line in sorted(rest, key=lambda line: line[:2]):
            yield line.publish_us, self.floor.event(line)

    def _extra(self, start_us: int, end_us: int | None) -> Iterator[ScriptLine]:
        pending = self._unfinished(start_us)
        live = max(start_us, self._live_us)
        # The minute in which an earlier run stopped was told whole by it.
        first = max([live // MINUTE, *(until // MINUTE + 1 for _, until, _ in self._lived)])
        minute = start_us // MINUTE if pending else first
        while end_us is None or minute * MINUTE < end_us:
            begin = minute * MINUTE
            if minute >= first:
                pending += [line for line in self._minute(begin) if line.publish_us >= live]
            pending.sort(key=lambda line: line[:2])
            due = [line for line in pending if line.publish_us < begin + MINUTE]
            del pending[: len(due)]
            for line in due:
                if end_us is None or line.publish_us < end_us:
                    yield line
            # The floor itself goes on after a minute without anything on top: merging waits for a line of each.
            if not due:
                yield _NOTHING._replace(publish_us=begin + MINUTE)
            minute += 1

    def _unfinished(self, start_us: int) -> list[ScriptLine]:
        """Return what the calls and chats of earlier runs still have to tell, from `start_us` on."""
        minutes = {
            minute: rate
            for since, until, rate in self._lived
            for minute in range(max(since, start_us - _LATEST) // MINUTE, until // MINUTE + 1)
        }
        told = (self._stories(minute * MINUTE, rate)[0].lines for minute, rate in minutes.items())
        return [line for lines in told for line in lines if line.publish_us >= start_us]

    def _minute(self, begin: int) -> list[ScriptLine]:
        """Tell one minute: calls and chats first, then edits, and notices for the rest."""
        script, rest = self._stories(begin, self._rate)
        written = (line.data for line in script.lines if line.type == "sales.chat.message.v1")
        self._chats.extend(dict.fromkeys((data["chat_id"], data["client_id"]) for data in written))
        edits = min(rest * 0.3, len(self._open) * 60 / _EDIT_EVERY)
        self._edit(script, moments(script.rng, edits, begin, MINUTE))
        self._notice(script, moments(script.rng, rest - edits, begin, MINUTE))
        return script.lines

    def _stories(self, begin: int, rate: float) -> tuple[Script, float]:
        """Tell the calls and chats of one minute, which follow from its seed alone; and how many events are left."""
        setup, floor = self.floor.setup, self.floor
        share = floor.rhythm.share(begin)
        tempo = min(1.5, share * 24)
        natural = share * setup.managers * setup.volume * EVENTS_PER_DAY / 60
        budget = rate * 60 * (1.0 if setup.always_open else min(1.0, tempo)) - natural
        rng = Random(f"{setup.seed}:live:{begin // MINUTE}")  # noqa: S311  # a seed, not a secret
        tag = f"{setup.seed}v{begin // MINUTE:x}"
        script = Script(rng, floor.staff, floor.rhythm, tag, clients=max(20, 12 * setup.managers))
        if budget <= 0:
            return script, 0.0
        wanted = 60 * setup.managers * tempo * (_CALLS * _EVENTS_A_CALL + _CHATS * _EVENTS_A_CHAT)
        part = min(1.0, budget / wanted)
        for at in moments(rng, 60 * setup.managers * tempo * _CALLS * part, begin, MINUTE):
            tell_call(script, at)
        for at in moments(rng, 60 * setup.managers * tempo * _CHATS * part, begin, MINUTE):
            tell_chat(script, at)
        return script, budget - wanted * part

    def _edit(self, script: Script, moments_: list[int]) -> None:
        """Change the amount of open deals a little, as people do while they negotiate."""
        deals = list(self._open)
        for at in sorted(moments_) if deals else []:
            deal = deals[int(script.rng.random() * len(deals))]
            line, latest = self._open[deal]
            base = int(line.sequence or 0)
            version = base + 1 + (at - line.at_us) // SECOND
            if at <= line.at_us or version <= latest or version - base >= STEP:
                continue  # edited this second, or so long in its stage that the next version's number is near
            self._open[deal] = (line, version)
            amount = float(line.data["amount"]) * (0.98 + 0.04 * script.rng.random())
            data = line.data | {"amount": f"{round(amount)}.00"}
            id_ = f"{deal}-e{version}"
            script.say(at, line.type, id_, data, sequence=f"{version:012d}", steady=True)

    def _notice(self, script: Script, moments_: list[int]) -> None:
        """Send receipts into chats: seen, delivered, typing."""
        chats = list(self._chats)
        for number, at in enumerate(sorted(moments_) if chats else []):
            chat, client = chats[int(script.rng.random() * len(chats))]
            data = {"chat_id": chat, "client_id": client, "author": "system"}
            script.say(at, "sales.chat.message.v1", f"n-{script.tag}-{number:x}", data, steady=True)


def load_floor(setup: Setup, rate: float) -> SimulatedFloor:
    """Return a floor for measuring: the full mix at `rate` events a second at any hour, deals within minutes."""
    volume = rate * DAY / SECOND / EVENTS_PER_DAY / setup.managers
    stretch = 10 * MINUTE / HORIZON
    return SimulatedFloor(replace(setup, volume=volume, stretch=stretch, layer="x", flat=True, always_open=True))
