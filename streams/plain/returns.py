"""Clients whose calls nobody answered, and what became of each, from all calls of a client in their order."""

from collections.abc import Iterable, Iterator
from datetime import date, timedelta

from metrics.catalogue.unanswered import CALLBACK, CALLBACKS_DUE, CALLBACKS_IN_TIME, MISSED
from producers.events import wire
from streams.plain.calls import is_unanswered
from streams.plain.contribution import Contribution, OpenThing, Pending
from streams.plain.exact import moment
from streams.plain.rules import PlainRules

_DAYS_ON = 14
Pair = tuple[wire.CallEnded, wire.CallEnded | None]
"""A miss and the first contact after it."""


def is_contact(call: wire.CallEnded) -> bool:
    """Whether somebody of ours called, or took the client's call; an attempt counts."""
    data = call.data
    return data.outcome != "failed" if data.direction == "outbound" else data.outcome == "answered"


def misses(calls: Iterable[wire.CallEnded], rules: PlainRules) -> Iterator[Pair]:
    """Every miss, and the contact that followed it, if any."""
    ordered = sorted(calls, key=lambda call: (moment(call.time), call.data.call_id))
    waiting: list[tuple[int, wire.CallEnded]] = []
    for call in ordered:
        if is_contact(call):
            yield from ((missed, call) for _, missed in waiting)
            waiting = []
        elif is_unanswered(call) and not call.data.client_id.startswith("anonymous:"):
            day = rules.day(moment(call.time))
            if all(day != other for other, _ in waiting):
                waiting.append((day, call))
    yield from ((missed, None) for _, missed in waiting)


def lost_from(missed: wire.CallEnded, rules: PlainRules) -> int:
    """The moment (us) from which a call back comes too late."""
    today = date.fromordinal(rules.day(moment(missed.time)))
    days = [today + timedelta(days=days) for days in range(1, _DAYS_ON + 1)]
    last = next((day for day in days if rules.calendar.is_working_day(day, missed.data.team_id or "")), days[-1])
    return rules.start(last + timedelta(days=1))


def contributions(calls: Iterable[wire.CallEnded], rules: PlainRules) -> Iterator[Contribution]:
    """What every miss adds, and the call back that closed it."""
    for missed, contact in misses(calls, rules):
        data = missed.data
        team = data.team_id or ""
        end, until = moment(missed.time), lost_from(missed, rules)
        at = (data.manager_id or "unknown", team, end, 1, "call", data.call_id, data.client_id)
        if contact is None:
            pending = Pending(until, end, rules.callback_target, team)
            yield Contribution(MISSED.code, ("lost",), *at, pending=pending)
            yield Contribution(CALLBACKS_DUE.code, (), *at, pending=pending)
            continue
        start = moment(contact.data.started_at)
        if start >= until:
            yield Contribution(MISSED.code, ("lost",), *at)
            yield Contribution(CALLBACKS_DUE.code, (), *at)
            continue
        worked = rules.calendar.working_us(end, start, team)
        in_time = worked <= rules.callback_target
        if contact.data.direction == "inbound":
            yield Contribution(MISSED.code, ("client_called",), *at)
            if not in_time:
                yield Contribution(CALLBACKS_DUE.code, (), *at)
            continue
        yield Contribution(MISSED.code, ("called_back",), *at)
        yield Contribution(CALLBACKS_DUE.code, (), *at)
        if in_time:
            yield Contribution(CALLBACKS_IN_TIME.code, (), *at)
        by = contact.data
        who = (by.manager_id or "unknown", by.team_id or "")
        yield Contribution(CALLBACK.code, (), *who, start, worked, "call", by.call_id, by.client_id)


def open_things(calls: Iterable[wire.CallEnded], rules: PlainRules) -> Iterator[OpenThing]:
    """The misses that nothing has closed; who shows them looks at the clock."""
    for missed, contact in misses(calls, rules):
        if contact is None:
            data, end = missed.data, moment(missed.time)
            who = (data.manager_id or "unknown", data.team_id or "")
            what = ("call", data.call_id, data.client_id)
            yield OpenThing("miss", (), *who, 1, *what, since=end, until=lost_from(missed, rules))
