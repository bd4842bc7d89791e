"""Responses, which calls and chats give alike: how long, how long in working hours, due, in time."""

from metrics import measure
from metrics.catalogue.activities import DUE, IN_TIME, RESPONSE, RESPONSE_BUSINESS
from streams.fold.context import Context
from streams.fold.rules import response_bin


def respond(
    out: Context, start: int, at: int, manager: str, team: str, channel: str, kind: str, target: int, n: int
) -> None:
    """Count (n = 1) or take back (-1) a response at `at` to a client who waited since `start`."""
    value = at - start
    business = out.rules.working(start, at, team)
    cell, specs, in_all = out.cell(at, manager, team), out.specs, response_bin(value)
    if value == business:
        cell[specs[given, channel, kind, in_all, in_all, value <= target]] += n
        cell[specs[both_sums, channel, kind]] += n * value
    else:
        cell[specs[given, channel, kind, in_all, response_bin(business), value <= target]] += n
        cell[specs[total, channel, kind]] += n * value
        if business:  # many clients wait outside of working hours only
            cell[specs[business_total, channel, kind]] += n * business


def given(channel: str, kind: str, bin_: int, business: int, in_time: bool) -> tuple[str, ...]:
    """Measures that grow by one with a response."""
    names = (
        measure.key(RESPONSE.code, channel, kind, str(bin_)),
        measure.key(RESPONSE_BUSINESS.code, channel, kind, str(business)),
        measure.key(DUE.code, channel),
    )
    return (*names, measure.key(IN_TIME.code, channel)) if in_time else names


def total(channel: str, kind: str) -> tuple[str, ...]:
    """The sum of response times."""
    return (measure.key(RESPONSE.code, channel, kind, "s"),)


def business_total(channel: str, kind: str) -> tuple[str, ...]:
    """The same in working hours."""
    return (measure.key(RESPONSE_BUSINESS.code, channel, kind, "s"),)


def both_sums(channel: str, kind: str) -> tuple[str, ...]:
    """Both sums, where all the time was working time."""
    return (*total(channel, kind), *business_total(channel, kind))


def due(channel: str) -> tuple[str, ...]:
    """A response that was due and never given."""
    return (measure.key(DUE.code, channel),)
