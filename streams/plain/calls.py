"""What the end of a call adds, and who waits on the line."""

from collections.abc import Iterator

from producers.events import wire
from streams.plain.contribution import Contribution
from streams.plain.exact import moment
from streams.plain.rules import Rules

HOUR = 3600 * 10**6
"""A call that never ends waits no longer than this, us."""

FORGIVEN = 5 * 10**6
"""A missed or abandoned call is due a response when it lasted longer than this, us."""


def response_at(call: wire.CallEnded) -> int | None:
    """When the call was answered, us; None when there was no response."""
    data = call.data
    if data.direction == "inbound" and data.outcome == "answered" and data.answered_at is not None:
        return moment(data.answered_at)
    return None


def contributions(call: wire.CallEnded, rules: Rules) -> Iterator[Contribution]:
    """Everything that a call's end adds."""
    data = call.data
    who = (data.manager_id or "unknown", data.team_id or "")
    what = ("call", data.call_id, data.client_id)
    start, end, answer = moment(data.started_at), moment(call.time), response_at(call)
    yield Contribution("c", (data.direction, data.outcome), *who, end, 1, *what)
    if answer is not None:
        worked = rules.calendar.working_us(start, answer, who[1])
        yield Contribution("r", ("call", "first"), *who, answer, answer - start, *what)
        yield Contribution("b", ("call", "first"), *who, answer, worked, *what)
        yield Contribution("d", ("call",), *who, answer, 1, *what)
        if answer - start <= rules.call_target:
            yield Contribution("t", ("call",), *who, answer, 1, *what)
    elif data.direction == "inbound" and data.outcome in ("missed", "abandoned") and end - start > FORGIVEN:
        yield Contribution("d", ("call",), *who, end, 1, *what)
