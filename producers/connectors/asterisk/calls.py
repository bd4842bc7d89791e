"""The rules by which the legs of a call become one call: its direction, who answered it and when, and its end.

They are written down, with where they come from, in deploy/docs/asterisk.md.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from producers.connectors.asterisk.config import AsteriskNames
from producers.connectors.asterisk.legs import Leg, device, extension, is_extension, is_local

MACHINES = frozenset({
    "answer", "background", "busy", "congestion", "dictate", "directory", "disa", "echo", "hangup", "milliwatt",
    "minivmrecord", "mp3player", "musiconhold", "playback", "playtones", "progress", "read", "record", "ringing",
    "saydigits", "sayalpha", "saynumber", "sayphonetic", "sayunixtime", "voicemail", "voicemailmain", "wait",
    "waitexten", "waitmusiconhold", "zapateller",
})  # fmt: skip
"""Applications that talk themselves: who is connected with one has reached nobody."""
_NO_EXTENSION = 5
"""Digits from which on a number may be one outside."""
_WORST = (("NO ANSWER", "missed"), ("ANSWERED", "missed"), ("BUSY", "busy"))


class KnownCalls(NamedTuple):
    """One call. `end` in seconds since the epoch; `strangers`: who took part and is not in the configuration."""

    data: dict[str, Any]
    started: float
    answered: float | None
    end: float
    strangers: tuple[str, ...] = ()


class LeftOut(NamedTuple):
    """Why legs are no call of the sales department with a client."""

    why: str


class CallRules:
    """What the legs of one call come to."""

    def __init__(self, names: AsteriskNames) -> None:
        self._names = names
        self._config = names.config
        self._extensions: Mapping[str, str] = {extension(name): name for name in self._config.agents if "/" in name}

    def tell(self, call: str, legs: Sequence[Leg]) -> KnownCalls | LeftOut:
        """Return the call that these legs are, in whatever order they come."""
        legs = sorted(legs, key=lambda leg: (leg.start, leg.sequence, leg.end, leg.channel, leg.dstchannel))
        roots = [leg for leg in legs if leg.uniqueid == (leg.linkedid or leg.uniqueid)] or legs
        root = next((leg for leg in roots if not is_local(leg.channel)), roots[0])
        own = [leg for leg in legs if leg.channel == root.channel]
        contexts = {leg.context for leg in own}
        if is_local(root.channel):
            return LeftOut("begun by the exchange itself, on a Local channel")
        if not self._is_desk(root.channel, root.src) and not contexts.isdisjoint(self._config.inbound_contexts):
            return self._inbound(call, root, own, legs)
        from_inside = self._may_be_desk(root.channel) or not contexts.isdisjoint(self._config.outbound_contexts)
        if from_inside:
            return self._from_desk(call, root, own, legs)
        return LeftOut(f"the context {root.context} is neither in inbound_contexts nor in outbound_contexts")

    def _inbound(self, call: str, root: Leg, own: Sequence[Leg], legs: Sequence[Leg]) -> KnownCalls | LeftOut:
        if self._config.queue_calls == "queue_log" and self._queue_first(own):
            return LeftOut("of a queue: its log tells of it (queue_calls: records takes it from here)")
        answers = [leg for leg in legs if self._answered(leg)]
        people = [leg for leg in answers if not is_local(leg.dstchannel)] or answers
        answered = None
        if people:
            first = min(people, key=lambda leg: leg.answer or leg.end)
            outcome, agent, answered = "answered", self._person(first.dstchannel), self._moment(first, people, own)
        else:
            outcome, agent = self._unanswered(legs)
        queue = next((leg.data.split(",")[0] for leg in own if leg.app == "Queue"), "")
        number = self._names.client(root.src, call)
        return self._call(
            call, number, "inbound", outcome, agent, own[0].start, answered, self._end(root.channel, legs), queue
        )

    def _from_desk(self, call: str, root: Leg, own: Sequence[Leg], legs: Sequence[Leg]) -> KnownCalls | LeftOut:
        outside = [leg for leg in own if self._is_outside(leg)]
        if not outside:
            outside = [leg for leg in legs if is_local(leg.channel) and self._is_outside(leg)]
        if not outside:
            if any(leg.dstchannel for leg in legs) or root.app.lower() in MACHINES or not _is_number(root.dst):
                return LeftOut("inside the house")
            outside = list(own)
        reached = next(
            (leg for leg in outside if leg.dstchannel and leg.disposition == "ANSWERED" and leg.answer), None
        )
        number = self._names.client(_dialled(reached or outside[-1]), call)
        outcome = "answered" if reached else _worst(outside)
        end = self._end(reached.dstchannel if reached else root.channel, legs)
        answered = reached.answer if reached else None
        return self._call(call, number, "outbound", outcome, device(root.channel), own[0].start, answered, end, "")

    def _call(
        self, call: str, client: str, direction: str, outcome: str, agent: str,
        started: float, answered: float | None, end: float, queue: str,
    ) -> KnownCalls:  # fmt: skip
        who = self._names.who(agent, queue)
        strangers = (agent,) if agent and "manager_id" not in who else ()
        data = {"call_id": call, "client_id": client, **who, "direction": direction, "outcome": outcome}
        return KnownCalls(data, started, answered, max(end, answered or end), strangers)

    def _answered(self, leg: Leg) -> bool:
        """Whether somebody, at a desk or wherever the call was sent on to, talked with the first party."""
        is_connected = leg.disposition == "ANSWERED" and leg.answer is not None and bool(leg.dstchannel)
        return is_connected and leg.app.lower() not in MACHINES

    def _moment(self, first: Leg, people: Sequence[Leg], own: Sequence[Leg]) -> float | None:
        """When the first person answered; None where legs do not say it, as the exchange had answered before."""
        taken = [leg.answer for leg in people if leg.answer is not None and is_local(leg.channel)]
        if taken and first.answer is not None and min(taken) <= first.answer:
            return min(taken)
        # Where a Local channel is optimised away, its leg ends as the one of the telephone behind it begins.
        first = next(
            (leg for leg in own if is_local(leg.dstchannel) and self._answered(leg) and leg.end == first.start), first
        )
        # A leg of a call that was answered before it says so with its beginning; else somebody took it at once.
        before = any(leg.answer is not None and leg.start < first.start for leg in own)
        again = before and first.answer == first.start
        if not again and not self._config.answers_first:
            return first.answer
        # Telephones that rang beside the one that was answered stopped ringing at that moment.
        beside = [leg.end for leg in own if leg.dstchannel and leg.disposition == "NO ANSWER"]
        stopped = [end for end in beside if first.start < end < first.end]
        return max(stopped) if stopped else None

    def _unanswered(self, legs: Sequence[Leg]) -> tuple[str, str]:
        """The outcome, and whose telephone alone rang."""
        rang = [leg for leg in legs if leg.dstchannel]
        if not rang:
            return ("missed" if any("voicemail" in leg.app.lower() for leg in legs) else "abandoned"), ""
        real = [leg for leg in rang if not is_local(leg.dstchannel)] or rang
        people = {self._person(leg.dstchannel) for leg in real}
        # Before Asterisk 12 one leg stands for all that rang: what was dialled names them.
        people.update(name for leg in real if leg.app == "Dial" for name in _dialled_devices(leg.data))
        managers = {self._names.who(name).get("manager_id", name) for name in people}
        return _worst(real), min(people) if len(managers) == 1 else ""

    def _queue_first(self, own: Sequence[Leg]) -> bool:
        """Whether the call was in a queue before anybody had answered it."""
        for leg in own:
            if leg.app == "Queue":
                return True
            if self._answered(leg):
                return False
        return False

    def _end(self, client: str, legs: Sequence[Leg]) -> float:
        return max(leg.end for leg in legs if client in (leg.channel, leg.dstchannel))

    def _is_desk(self, channel: str, number: str) -> bool:
        """Whether it is somebody's in the house: it is in the configuration, or called as its own number."""
        name = device(channel)
        return name in self._config.agents or (self._may_be_desk(channel) and extension(name) == number)

    def _may_be_desk(self, channel: str) -> bool:
        """Whether it is named like an extension; lines to outside may be, too."""
        name = device(channel)
        return name not in self._config.trunks and (name in self._config.agents or is_extension(extension(name)))

    def _is_outside(self, leg: Leg) -> bool:
        """Whether the second party is outside of the house."""
        if not leg.dstchannel or is_local(leg.dstchannel) or self._is_desk(leg.dstchannel, leg.dst):
            return False
        name = device(leg.dstchannel)
        # Who dials as many digits as a line's name has, and other ones, dials through it: 214943 on SIP/211553.
        return not self._may_be_desk(leg.dstchannel) or len(leg.dst) >= max(_NO_EXTENSION, len(extension(name)))

    def _person(self, channel: str) -> str:
        """The agent's name for a channel; behind a Local channel it is the desk with that extension."""
        name = device(channel)
        if name in self._config.agents or not is_local(channel):
            return name
        return self._extensions.get(extension(name), name)


def _worst(legs: Sequence[Leg]) -> str:
    found = {leg.disposition for leg in legs}
    return next((outcome for disposition, outcome in _WORST if disposition in found), "failed")


def _is_number(text: str) -> bool:
    return sum(map(str.isdigit, text)) > 6


def _dialled(leg: Leg) -> str:
    """The number outside: the extension that was dialled, else what the trunk was told to dial."""
    if _is_number(leg.dst):
        return leg.dst
    told = [part for part in leg.data.replace("@", "/").split(",")[0].split("/") if _is_number(part)]
    return told[-1] if told else leg.dst


def _dialled_devices(data: str) -> list[str]:
    """The devices that Dial was told to ring: PJSIP/101&PJSIP/102,20."""
    return [name for name in data.partition(",")[0].split("&") if "/" in name and not is_local(name)]
