"""What the end of a call adds, and who waits on the line."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from metrics.catalogue.activities import CALLS, DUE, IN_TIME, RESPONSE, RESPONSE_BUSINESS
from producers.events import wire
from streams.plain.contribution import Contribution, OpenThing
from streams.plain.exact import keep_greater, moment
from streams.plain.rules import KEPT_DAYS, PlainRules

NAMES: Mapping[type, tuple[str, str]] = {wire.CallEnded: ("call", "call_id")}
"""Kind of the entity that an event is a version of, and the field that is its id."""

HOUR = 3600 * 10**6
"""A call that never ends is shown no longer than this by the clock, us."""

LISTED = 2 * HOUR
"""The view lists it until the log's time is so far past its start."""

FORGIVEN = 5 * 10**6
"""A missed or abandoned call is due a response when it lasted longer than this, us."""


@dataclass
class PlainRing:
    """A call whose end is not known: the version of its start that counts, and the last answer."""

    start: wire.CallStarted | None = None
    answer: wire.CallAnswered | None = None

    def take(self, event: wire.CallStarted | wire.CallAnswered) -> str:
        """Fold a start or an answer; says "folded", "stale" or "duplicate"."""
        if isinstance(event, wire.CallStarted):
            held = {} if self.start is None else {"start": self.start}
            outcome = keep_greater(held, "start", event)
            self.start = held["start"]
            return outcome
        self.answer = event if self.answer is None or event.time > self.answer.time else self.answer
        return "folded"

    def is_known(self, today: int, rules: PlainRules) -> bool:
        """Whether it is within 800 days of `today` (ordinal of the log's local day)."""
        last = max(moment(event.time) for event in (self.start, self.answer) if event is not None)
        return rules.day(last) >= today - KEPT_DAYS

    def open_things(self) -> Iterator[OpenThing]:
        """The client: waiting when an inbound call rings, else in a call; who shows it looks at the clock."""
        if self.start is None:
            if self.answer is not None:
                said = self.answer.data
                what = ("call", said.call_id, said.client_id)
                yield OpenThing("talk", (), "unknown", "", 1, *what, since=moment(self.answer.time))
            return
        data, since = self.start.data, moment(self.start.time)
        who = (data.manager_id or "unknown", data.team_id or "")
        what = ("call", data.call_id, data.client_id)
        if data.direction == "outbound":
            yield OpenThing("talk", (), *who, 1, *what, since=since)
        elif self.answer is not None:
            yield OpenThing("talk", (), *who, 1, *what, since=max(since, moment(self.answer.time)))
        else:
            yield OpenThing("waiting", ("call",), *who, 1, *what, since=since)


def is_unanswered(call: wire.CallEnded) -> bool:
    """Whether a response was due that nobody gave."""
    data = call.data
    lasted = moment(call.time) - moment(data.started_at)
    return data.direction == "inbound" and data.outcome in ("missed", "abandoned") and lasted > FORGIVEN


def response_at(call: wire.CallEnded) -> int | None:
    """When the call was answered, us; None when there was no response."""
    data = call.data
    if data.direction == "inbound" and data.outcome == "answered" and data.answered_at is not None:
        return moment(data.answered_at)
    return None


def contributions(call: wire.CallEnded, rules: PlainRules) -> Iterator[Contribution]:
    """Everything that a call's end adds."""
    data = call.data
    who = (data.manager_id or "unknown", data.team_id or "")
    what = ("call", data.call_id, data.client_id)
    start, end, answer = moment(data.started_at), moment(call.time), response_at(call)
    yield Contribution(CALLS.code, (data.direction, data.outcome), *who, end, 1, *what)
    if answer is not None:
        waited = answer - start if answer > start else 0
        worked = rules.calendar.working_us(start, answer, who[1])
        yield Contribution(RESPONSE.code, ("call", "first"), *who, answer, waited, *what)
        yield Contribution(RESPONSE_BUSINESS.code, ("call", "first"), *who, answer, worked, *what)
        yield Contribution(DUE.code, ("call",), *who, answer, 1, *what)
        if waited <= rules.call_target:
            yield Contribution(IN_TIME.code, ("call",), *who, answer, 1, *what)
    elif is_unanswered(call):
        yield Contribution(DUE.code, ("call",), *who, end, 1, *what)
