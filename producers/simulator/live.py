"""What a floor does on top while somebody watches: a given number of events a second, without inflating a total.

Forty people make one event in forty seconds. To show a lively floor at twenty a second whose totals stay
believable, a few more clients ring and write (so that somebody always waits), open deals are edited (their
pipeline moves, their count does not), and chats carry what messengers send all the time: receipts and notices.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from heapq import merge
from random import Random

from producers.simulator.calls import tell_call
from producers.simulator.chats import tell_chat
from producers.simulator.deals import STEP
from producers.simulator.floor import EVENTS_PER_DAY, Event, Floor, Setup, moments
from producers.simulator.rhythm import DAY, MINUTE, SECOND
from producers.simulator.script import HORIZON, Line, Script

_CALLS, _CHATS = 0.0018, 0.002
"""Additional ones begun a second for each manager, at an average hour."""
_EVENTS_A_CALL, _EVENTS_A_CHAT = 2.8, 6.5
_EDIT_EVERY = 300.0
"""No open deal is edited more often than every so many seconds, on average."""


class LiveFloor:
    """A floor that makes `rate` events a second from `live_us` on, and what it naturally does before that."""

    def __init__(self, setup: Setup, rate: float, live_us: int) -> None:
        self.floor = Floor(setup, watch=self._see)
        self._rate = rate
        self._live_us = live_us
        self._open: dict[str, tuple[Line, int]] = {}
        self._chats: deque[tuple[str, str]] = deque(maxlen=64)

    def events(self, start_us: int, end_us: int | None = None) -> Iterator[tuple[int, Event]]:
        """Yield (moment of publishing in us, event) from `start_us` on; for ever without `end_us`."""
        base = self.floor.lines(start_us, end_us)
        extra = self._extra(max(start_us, self._live_us), end_us)
        for line in merge(base, extra, key=lambda line: line[:2]):
            yield line.publish_us, self.floor.event(line)

    def _see(self, line: Line) -> None:
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

    def _extra(self, start_us: int, end_us: int | None) -> Iterator[Line]:
        pending: list[Line] = []
        minute = start_us // MINUTE
        while end_us is None or minute * MINUTE < end_us:
            begin = minute * MINUTE
            pending += [line for line in self._minute(begin) if line.publish_us >= start_us]
            pending.sort(key=lambda line: line[:2])
            due = [line for line in pending if line.publish_us < begin + MINUTE]
            del pending[: len(due)]
            for line in due:
                if end_us is None or line.publish_us < end_us:
                    yield line
            minute += 1

    def _minute(self, begin: int) -> list[Line]:
        """Tell one minute: calls and chats first, then edits, and notices for the rest."""
        setup, floor = self.floor.setup, self.floor
        share = floor.rhythm.share(begin)
        tempo = min(1.5, share * 24)
        natural = share * setup.managers * setup.volume * EVENTS_PER_DAY / 60
        budget = self._rate * 60 * (1.0 if setup.always_open else min(1.0, tempo)) - natural
        if budget <= 0:
            return []
        rng = Random(f"{setup.seed}:live:{begin // MINUTE}")  # noqa: S311  # a seed, not a secret
        clients = max(20, 12 * setup.managers)
        tag = f"{setup.seed}v{begin // MINUTE:x}"
        script = Script(rng, floor.staff, floor.rhythm, tag, clients=clients)
        wanted = 60 * setup.managers * tempo * (_CALLS * _EVENTS_A_CALL + _CHATS * _EVENTS_A_CHAT)
        part = min(1.0, budget / wanted)
        for at in moments(rng, 60 * setup.managers * tempo * _CALLS * part, begin, MINUTE):
            tell_call(script, at)
        for at in moments(rng, 60 * setup.managers * tempo * _CHATS * part, begin, MINUTE):
            self._chats.append(tell_chat(script, at))
        rest = budget - wanted * part
        edits = min(rest * 0.3, len(self._open) * 60 / _EDIT_EVERY)
        self._edit(script, moments(rng, edits, begin, MINUTE))
        self._notice(script, moments(rng, rest - edits, begin, MINUTE))
        return script.lines

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


def load_floor(setup: Setup, rate: float) -> Floor:
    """Return a floor for measuring: the full mix at `rate` events a second at any hour, deals within minutes."""
    volume = rate * DAY / SECOND / EVENTS_PER_DAY / setup.managers
    stretch = 10 * MINUTE / HORIZON
    return Floor(replace(setup, volume=volume, stretch=stretch, layer="x", flat=True, always_open=True))
