"""Calls of every kind, played on an exchange, each with what a person who stood beside it would say of it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from tests.support.pbx import Channel, Exchange

PEOPLE = {"PJSIP/101": "m-101", "PJSIP/102": "m-102", "PJSIP/103": "m-103"}
TALK = 60
RING = 20


@dataclass(frozen=True)
class Rung:
    """One desk that rings: how it is reached, and what becomes of it."""

    desk: str = "PJSIP/101"
    via: str = "device"  # or local, optimised
    does: str = "ignores"  # or answers, busy, broken
    after: int = 5


@dataclass(frozen=True)
class Transfer:
    """Who talks passes the call on: blind, or after a word with whom it goes to."""

    how: str  # blind, phone (a second channel of the same desk), features (the channel it has)
    to: tuple[Rung, ...] = ()
    into: str = "desk"  # or queue, voicemail
    linked: bool = True


@dataclass(frozen=True)
class Script:
    """One call: the way in, who rings, what comes when nobody answers, where it is passed on to, who ends it."""

    way: str  # desk, group, queue (all ring), turns (a queue, one after the other), outbound, internal, menu, feature
    rung: tuple[Rung, ...] = ()
    greeted: bool = False
    impatient: bool = False
    otherwise: str = "hangup"  # or voicemail, announcement
    transfer: Transfer | None = None
    ends: str = "caller"  # or agent
    lingers: bool = False  # whether people of the house are still on the line when the client has left
    number: str = "79000000001"
    trunk: str = "PJSIP/trunk"


@dataclass
class Told:
    """What happened, as the person beside it says."""

    direction: str
    number: str
    started: int
    outcome: str = "missed"
    answered: int | None = None
    manager: str | None = None
    ended: int = 0
    rang: set[str] = field(default_factory=set)
    results: list[str] = field(default_factory=list)
    uniqueid: str = ""


@dataclass
class Line:
    """A desk that has answered: the channels between it and who called."""

    near: Channel
    device: Channel
    between: tuple[Channel, ...] = ()


class Play:
    """Plays one script."""

    def __init__(self, pbx: Exchange, script: Script) -> None:
        self.pbx = pbx
        self.script = script
        self.queue: str | None = None

    def play(self) -> Told | None:
        """What is told of it; nothing, if no client was in it."""
        if self.script.way == "outbound":
            return self._outbound()
        if self.script.way in {"internal", "feature"}:
            return self._internal()
        return self._inbound()

    def _inbound(self) -> Told:
        pbx, script = self.pbx, self.script
        caller = pbx.channel(script.trunk, script.number, "600", "from-trunk")
        told = Told("inbound", script.number, pbx.now, uniqueid=caller.uniqueid)
        if script.greeted or script.way == "menu":
            pbx.run(caller, "BackGround", "custom/welcome")
            pbx.answer(caller)
            pbx.wait(7)
        line = (
            None
            if script.way == "menu"
            else self._ring(caller, script.way, script.rung, told, impatient=script.impatient)
        )
        if line:
            line = self._talk(caller, line, told)
        elif script.way != "menu" and not script.impatient:
            self._otherwise(caller)
        self._end(caller, line)
        told.ended = told.ended or pbx.now
        return _judged(told)

    def _ring(self, caller: Channel, way: str, rung: tuple[Rung, ...], told: Told, *, impatient: bool) -> Line | None:
        """Rings the desks, at once or in turn, until one answers, all have failed, or the caller has had enough."""
        pbx = self.pbx
        queue = way in {"queue", "turns"}
        self.queue = "sales" if queue else None
        dialed = "&".join(each.desk for each in rung)
        pbx.run(caller, "Queue", "sales,t,,,60") if queue else pbx.run(caller, "Dial", f"{dialed},{RING}")
        entered = pbx.now
        if queue:
            pbx.queued("sales", caller, "NONE", "ENTERQUEUE", "", caller.number, 1)
            pbx.wait(3)
        rounds = [(each,) for each in rung] if way == "turns" else [rung]
        for number, together in enumerate(rounds):
            line = self._round(caller, together, told, leaves=impatient and number == len(rounds) - 1, entered=entered)
            if line:
                return line
        if queue:
            self._left(caller, entered, "ABANDON" if impatient else "EXITWITHTIMEOUT")
        return None

    def _round(self, caller: Channel, rung: tuple[Rung, ...], told: Told, *, leaves: bool, entered: int) -> Line | None:
        pbx = self.pbx
        began = pbx.now
        tried = [(each, self._dial(caller, each, told)) for each in rung]
        open_ = list(tried)
        for each, line in sorted(tried, key=lambda t: (t[0].after, t[0].desk)):
            if each.does == "ignores":
                continue
            pbx.wait(max(0, each.after - (pbx.now - began)))
            open_.remove((each, line))
            if each.does == "answers":
                self._answer(caller, line, [other for _, other in open_], told)
                if self.queue:
                    pbx.queued(
                        "sales", caller, each.desk, "CONNECT", pbx.now - entered, line.device.uniqueid, pbx.now - began
                    )
                return self._optimised(caller, line) if each.via == "optimised" else line
            told.results.append(each.does)
            self._failed(caller, line, "BUSY" if each.does == "busy" else "CHANUNAVAIL")
        if open_:
            pbx.wait(max(1, (RING // 2 if leaves else RING) - (pbx.now - began)))
            for each, line in open_:
                told.results.append("ignores")
                self._failed(caller, line, "CANCEL" if leaves else "NOANSWER")
                if self.queue and not leaves:
                    pbx.queued("sales", caller, each.desk, "RINGNOANSWER", 1000 * RING)
        return None

    def _dial(self, caller: Channel, rung: Rung, told: Told) -> Line:
        pbx = self.pbx
        told.rang.add(rung.desk)
        extension = rung.desk.partition("/")[2]
        if rung.via == "device":
            device = pbx.channel(rung.desk, extension, "", "from-internal", caller, dialed=True, person=rung.desk)
            pbx.dial(caller, device)
            return Line(device, device)
        pair = f"Local/{extension}@from-queue-{pbx.now % 65536:08x}{len(told.rang):02x}"
        one = pbx.channel(f"{pair};1", extension, "", "from-queue", caller, dialed=True)
        two = pbx.channel(f"{pair};2", caller.number, extension, "from-queue", caller)
        pbx.dial(caller, one)
        pbx.run(two, "Dial", f"{rung.desk},{RING}")
        device = pbx.channel(rung.desk, extension, "", "from-internal", two, dialed=True, person=rung.desk)
        pbx.dial(two, device)
        return Line(one, device, (one, two))

    def _answer(self, caller: Channel, line: Line, others: list[Line], told: Told) -> None:
        pbx = self.pbx
        for other in others:
            told.results.append("ignores")
            self._failed(caller, other, "CANCEL")
        if line.between:
            pbx.dialed(line.between[1], line.device, "ANSWER")
            pbx.bridge(line.between[1], line.device)
        pbx.dialed(caller, line.near, "ANSWER")
        pbx.bridge(caller, line.near)
        if told.answered is None:
            told.answered, told.manager = pbx.now, PEOPLE.get(line.device.person or "")

    def _optimised(self, caller: Channel, line: Line) -> Line:
        self.pbx.part(*line.between)
        self.pbx.hang_up(*line.between)
        self.pbx.bridge(caller, line.device)
        return Line(line.device, line.device)

    def _failed(self, caller: Channel, line: Line, status: str) -> None:
        if line.between:
            self.pbx.dialed(line.between[1], line.device, status)
        self.pbx.dialed(caller, line.near, status)
        self.pbx.hang_up(line.device, *line.between)

    def _left(self, caller: Channel, entered: int, how: str) -> None:
        self.pbx.queued("sales", caller, "NONE", how, 1, 1, self.pbx.now - entered)
        self.queue = None

    def _otherwise(self, caller: Channel) -> None:
        pbx = self.pbx
        if self.script.otherwise == "voicemail":
            pbx.run(caller, "VoiceMail", "101@default,u", "vmu101", "from-trunk")
            pbx.answer(caller)
            pbx.wait(30)
        elif self.script.otherwise == "announcement":
            pbx.run(caller, "Playback", "closed", "s", "app-closed")
            pbx.answer(caller)
            pbx.wait(9)

    def _talk(self, caller: Channel, line: Line, told: Told) -> Line | None:
        """They talk, and perhaps the call is passed on; who is on the line afterwards."""
        pbx, transfer = self.pbx, self.script.transfer
        pbx.wait(TALK)
        if transfer is None:
            return line
        if transfer.how == "blind":
            self._passed_on(caller, line, "BLINDTRANSFER", "102", "from-internal")
            pbx.part(caller, line.near)
            pbx.hang_up(line.device, *line.between)
            if transfer.into == "voicemail":
                pbx.run(caller, "VoiceMail", "102@default,u", "vmu102", "from-internal")
                pbx.wait(20)
                return None
            caller.exten, caller.context = "102", "from-internal-xfer"
            got = self._ring(
                caller, "queue" if transfer.into == "queue" else "desk", transfer.to, told, impatient=False
            )
            if got:
                pbx.wait(TALK)
            return got
        return self._consulted(caller, line, transfer, told)

    def _consulted(self, caller: Channel, line: Line, transfer: Transfer, told: Told) -> Line | None:
        pbx = self.pbx
        first = line.device
        asking = first
        if transfer.how == "phone":
            asking = pbx.channel(first.person or "", "101", "102", "from-internal", person=first.person)
        extension = transfer.to[0].desk.partition("/")[2]
        asking.exten = extension
        pbx.run(asking, "Dial", f"{transfer.to[0].desk},{RING}", extension, "from-internal")
        rang = set(told.rang)
        to = self._dial(asking, replace(transfer.to[0], via="device"), told)
        told.rang = rang
        pbx.wait(transfer.to[0].after)
        if transfer.to[0].does != "answers":
            self._failed(asking, to, "NOANSWER")
            if asking is not first:
                pbx.hang_up(asking)
            pbx.wait(TALK)
            return line
        pbx.dialed(asking, to.near, "ANSWER")
        pbx.bridge(asking, to.near)
        pbx.wait(10)
        if self.script.lingers:
            self._left_waiting(caller, line, told)
            pbx.wait(TALK)
            pbx.part(asking, to.near)
            pbx.hang_up(asking, to.device, first, *line.between)
            return None
        self._passed_on(caller, line, "ATTENDEDTRANSFER", "BRIDGE", "3f0b1c52-0001")
        pbx.part(asking, to.near)
        pbx.part(caller, line.near)
        if transfer.linked and asking.linkedid != caller.linkedid:
            asking.linkedid = caller.linkedid
        if asking is not first:
            pbx.hang_up(asking)
        pbx.hang_up(first, *line.between)
        pbx.bridge(caller, to.device)
        pbx.wait(TALK)
        return to

    def _left_waiting(self, caller: Channel, line: Line, told: Told) -> None:
        """The client does not wait for the end of what they ask each other."""
        if self.queue:
            self.pbx.queued(self.queue, caller, line.device.person or "", "COMPLETECALLER", 8, TALK, 1)
            self.queue = None
        self.pbx.part(caller, line.near)
        self.pbx.hang_up(caller)
        told.ended = self.pbx.now

    def _passed_on(self, caller: Channel, line: Line, event: str, *to: str) -> None:
        if self.queue:
            self.pbx.queued(self.queue, caller, line.device.person or "", event, *to, 8, TALK, 1)
            self.queue = None

    def _end(self, caller: Channel, line: Line | None) -> None:
        pbx = self.pbx
        if line is None:
            pbx.hang_up(caller)
            return
        if self.queue:
            pbx.queued(
                self.queue,
                caller,
                line.device.person or "",
                f"COMPLETE{'CALLER' if self.script.ends == 'caller' else 'AGENT'}",
                8,
                TALK,
                1,
            )
            self.queue = None
        pbx.part(caller, line.near)
        ends = (caller, *line.between, line.device)
        pbx.hang_up(*(ends if self.script.ends == "caller" else reversed(ends)))

    def _outbound(self) -> Told:
        pbx, script = self.pbx, self.script
        rung = script.rung[0]
        desk = pbx.channel("PJSIP/101", "101", script.number, "from-internal", person="PJSIP/101")
        told = Told("outbound", script.number, pbx.now, manager="m-101", uniqueid=desk.uniqueid)
        pbx.run(desk, "Dial", f"PJSIP/{script.number}@trunk,300")
        client = pbx.channel(script.trunk, script.number, "", "from-trunk", desk, dialed=True)
        pbx.dial(desk, client)
        pbx.wait(rung.after)
        if rung.does != "answers":
            told.results.append(rung.does)
            pbx.dialed(desk, client, {"ignores": "NOANSWER", "busy": "BUSY", "broken": "CHANUNAVAIL"}[rung.does])
            pbx.hang_up(client, desk)
            told.ended = pbx.now
            return _judged(told)
        pbx.dialed(desk, client, "ANSWER")
        pbx.bridge(desk, client)
        told.answered = pbx.now
        pbx.wait(TALK)
        if script.transfer and script.transfer.how == "blind" and script.transfer.into == "desk":
            pbx.part(desk, client)
            pbx.hang_up(desk)
            client.exten, client.context = "102", "from-internal-xfer"
            line = self._ring(client, "desk", script.transfer.to, told, impatient=False)
            if line:
                pbx.wait(TALK)
            self._end(client, line)
        elif script.lingers:
            pbx.part(desk, client)
            pbx.hang_up(client)
            told.ended = pbx.now
            pbx.run(desk, "Playback", "how-was-it")
            pbx.wait(9)
            pbx.hang_up(desk)
        else:
            pbx.part(desk, client)
            pbx.hang_up(*((client, desk) if script.ends == "caller" else (desk, client)))
        told.ended = told.ended or pbx.now
        return _judged(told)

    def _internal(self) -> None:
        pbx, script = self.pbx, self.script
        desk = pbx.channel("PJSIP/101", "101", "102", "from-internal", person="PJSIP/101")
        if script.way == "feature":
            pbx.run(desk, "VoiceMailMain", "", "*97")
            pbx.answer(desk)
            pbx.wait(20)
            pbx.hang_up(desk)
            return
        line = self._ring(desk, "desk", script.rung, Told("", "", 0), impatient=script.impatient)
        if line:
            pbx.wait(TALK)
        elif not script.impatient:
            self._otherwise(desk)
        self._end(desk, line)


def _judged(told: Told) -> Told:
    """The outcome: answered by a person, else missed, else busy, else failed; abandoned where nothing rang.

    What only one desk was rung for is that one's.
    """
    if told.answered is not None:
        told.outcome = "answered"
    elif told.direction == "inbound" and not told.rang:
        told.outcome = "abandoned"
    elif told.results and "ignores" not in told.results:
        told.outcome = "busy" if "busy" in told.results else "failed"
    if told.direction == "inbound" and told.answered is None and len(told.rang) == 1:
        told.manager = PEOPLE.get(next(iter(told.rang)))
    return told
