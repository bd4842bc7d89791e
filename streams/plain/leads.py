"""What a lead adds: its opening and its warming, each as first counted; and who touched it first, and how soon."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import NamedTuple

from metrics.catalogue.activities import LEADS_OPENED, LEADS_WARMED
from metrics.catalogue.unanswered import LEAD_RESPONSE, LEADS_DUE, LEADS_IN_TIME
from producers.events import wire
from streams.plain.contribution import Contribution, OpenThing, Pending
from streams.plain.exact import moment, version
from streams.plain.returns import is_contact
from streams.plain.rules import KEPT_DAYS, PlainRules

DAY = 86_400 * 10**6
TOUCHED_WITHIN = 30 * DAY
RECALLED = 31 * DAY
"""What touches leads, and they themselves, are known for so much longer than they count."""
_NEVER = 1 << 62


class PlainTouch(NamedTuple):
    """When (us), by what (0: a call, 1: a meeting, 2: a message), and who. The least of these three is the first."""

    at: int
    kind: int
    entity: str
    manager: str
    team: str


def touches(created: int, events: Iterable[wire.Event]) -> Iterator[PlainTouch]:
    """All touches of a lead created at a moment (us) by calls and meetings."""
    for event in events:
        match event:
            case wire.CallEnded(data=call) if is_contact(event):
                who = (call.call_id, call.manager_id or "unknown", call.team_id or "")
                if call.direction == "outbound":
                    at = moment(call.started_at)
                elif call.answered_at is None:
                    continue
                else:
                    at = moment(call.answered_at)
                    if at < created < moment(event.time):
                        at = created
                yield PlainTouch(at, 0, *who)
            case wire.MeetingHeld(data=meeting):
                yield PlainTouch(moment(event.time), 1, meeting.meeting_id, meeting.manager_id, meeting.team_id or "")
            case _:
                pass


def first_touches(created: Iterable[int], events: Iterable[wire.Event]) -> dict[int, PlainTouch]:
    """By calls and meetings, the first touch of a lead created at each of these moments (us) that has one.

    A client may have thousands of leads and of calls, so the moments are gone through once, in their order: the first
    touch that begins then or later, or the least of the calls that are going on.
    """
    begun = [(touch, event) for event in events for touch in touches(_NEVER, [event])]
    later = deque(sorted(touch for touch, _ in begun))
    taken = deque(sorted((touch, moment(event.time)) for touch, event in begun if _is_inbound(event)))
    going_on: list[tuple[str, int, PlainTouch]] = []
    found = {}
    for at in sorted(set(created)):
        while later and later[0].at < at:
            later.popleft()
        while taken and taken[0][0].at < at:
            touch, end = taken.popleft()
            heappush(going_on, (touch.entity, end, touch))
        while going_on and going_on[0][1] <= at:
            heappop(going_on)
        candidates = [*(touch._replace(at=at) for _, _, touch in going_on[:1]), *([later[0]] if later else [])]
        first = min(candidates, key=lambda touch: touch[:3], default=None)
        if first is not None and first.at <= at + TOUCHED_WITHIN:
            found[at] = first
    return found


def _is_inbound(event: wire.Event) -> bool:
    return isinstance(event, wire.CallEnded) and event.data.direction == "inbound"


@dataclass
class PlainLead:
    """One lead: the first snapshot folded, the latest version, and the snapshot that warmed it.

    was_cold: whether any snapshot was. message: the first one that touched it.
    """

    latest: wire.LeadChanged | wire.LeadDeleted | None = None
    first: wire.LeadChanged | None = None
    warmed: wire.LeadChanged | None = None
    was_cold: bool = False
    message: PlainTouch | None = None

    def is_known(self, today: int, rules: PlainRules) -> bool:
        """Whether what it counts in, or its latest version, is within 800 days of `today` (of the log)."""
        moments = [moment(event.time) for event in (self.latest, self.warmed) if event is not None]
        created = [event for event in (self.latest, self.first) if isinstance(event, wire.LeadChanged)]
        moments += [moment(event.data.created_at) for event in created]
        return rules.day(max(moments) + RECALLED) >= today - KEPT_DAYS

    def take(self, event: wire.LeadChanged | wire.LeadDeleted, latest_message: PlainTouch | None) -> str:
        """Fold a snapshot or a deletion; says "folded", "stale" or "duplicate".

        latest_message: the latest of a manager's messages to the client folded so far.
        """
        if self.latest is not None and version(event) <= version(self.latest):
            return "duplicate" if version(event) == version(self.latest) else "stale"
        self.latest = event
        if isinstance(event, wire.LeadChanged):
            self.first = self.first or event
            if event.data.temperature == "cold":
                self.was_cold = True
            elif self.was_cold and self.warmed is None:
                self.warmed = event
            if not self._is_touch(self.message):
                self.message = latest_message if self._is_touch(latest_message) else None
        return "folded"

    def hear(self, message: PlainTouch) -> None:
        """A manager wrote to the client."""
        if self._is_touch(message) and (self.message is None or message[:3] < self.message[:3]):
            self.message = message

    def _is_touch(self, touch: PlainTouch | None) -> bool:
        if touch is None or not isinstance(self.latest, wire.LeadChanged):
            return False
        created = moment(self.latest.data.created_at)
        return created <= touch.at <= created + TOUCHED_WITHIN

    def created(self) -> int | None:
        """When it was created (us); None of one that is deleted."""
        return moment(self.latest.data.created_at) if isinstance(self.latest, wire.LeadChanged) else None

    def touched(self, firsts: Mapping[int, PlainTouch]) -> PlainTouch | None:
        """The first touch; None when there is none, or the lead is deleted. firsts: see `first_touches`."""
        if (created := self.created()) is None:
            return None
        found = [touch for touch in (firsts.get(created), self.message) if touch is not None]
        return min(found, key=lambda touch: touch[:3], default=None)

    def contributions(self, firsts: Mapping[int, PlainTouch], rules: PlainRules) -> Iterator[Contribution]:
        """The opening at `created_at`, the warming at the time of its snapshot, the first touch at its moment."""
        if self.first is not None:
            data = self.first.data
            what = ("lead", data.lead_id, data.client_id)
            who = (data.manager_id, data.team_id or "")
            yield Contribution(LEADS_OPENED.code, (data.temperature,), *who, moment(data.created_at), 1, *what)
        if self.warmed is not None:
            data = self.warmed.data
            what = ("lead", data.lead_id, data.client_id)
            yield Contribution(
                LEADS_WARMED.code, (), data.manager_id, data.team_id or "", moment(self.warmed.time), 1, *what
            )
        if isinstance(self.latest, wire.LeadChanged):
            yield from self._answered(self.latest, self.touched(firsts), rules)

    def _answered(self, lead: wire.LeadChanged, touch: PlainTouch | None, rules: PlainRules) -> Iterator[Contribution]:
        data = lead.data
        created, team = moment(data.created_at), data.team_id or ""
        at = (data.manager_id, team, created, 1, "lead", data.lead_id, data.client_id)
        if touch is None:
            if (data.status or "open") == "open":
                yield Contribution(LEADS_DUE.code, (), *at, pending=Pending(_NEVER, created, rules.lead_target, team))
            return
        worked = rules.calendar.working_us(created, touch.at, team)
        yield Contribution(LEADS_DUE.code, (), *at)
        if worked <= rules.lead_target:
            yield Contribution(LEADS_IN_TIME.code, (), *at)
        yield Contribution(
            LEAD_RESPONSE.code, (), touch.manager, touch.team, touch.at, worked, "lead", data.lead_id, data.client_id
        )

    def open_things(self, firsts: Mapping[int, PlainTouch]) -> Iterator[OpenThing]:
        """The lead, while it is open and nobody has touched it; who shows it looks at the clock."""
        lead = self.latest
        if isinstance(lead, wire.LeadChanged) and (lead.data.status or "open") == "open" and not self.touched(firsts):
            data = lead.data
            what = ("lead", data.lead_id, data.client_id)
            created = moment(data.created_at)
            until = created + TOUCHED_WITHIN + 1
            yield OpenThing("lead", (), data.manager_id, data.team_id or "", 1, *what, since=created, until=until)
