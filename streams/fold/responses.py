"""Responses, which calls and chats give alike: how long, how long in working hours, due, in time."""

from itertools import product
from typing import Final

from metrics import measure
from metrics.catalogue.activities import DUE, IN_TIME, RESPONSE, RESPONSE_BOUNDS, RESPONSE_BUSINESS
from streams.fold.context import Context
from streams.fold.deltas import constant, plus
from streams.fold.rules import response_bin

_BINS: Final = len(RESPONSE_BOUNDS) + 1


class Responses:
    """The responses of one channel and kind (`first`, `next`): the numbers of what they count."""

    __slots__ = ("_given", "both", "business", "total")

    def __init__(self, channel: str, kind: str) -> None:
        total = measure.key(RESPONSE.code, channel, kind, "s")
        business = measure.key(RESPONSE_BUSINESS.code, channel, kind, "s")
        self.total = constant(total)
        self.business = constant(business)
        self.both = constant(total, business)
        self._given = [
            constant(
                measure.key(RESPONSE.code, channel, kind, str(bin_)),
                measure.key(RESPONSE_BUSINESS.code, channel, kind, str(business_bin)),
                measure.key(DUE.code, channel),
                *([measure.key(IN_TIME.code, channel)] if in_time else []),
            )
            for bin_, business_bin, in_time in product(range(_BINS), range(_BINS), (False, True))
        ]

    def given(self, bin_: int, business: int, in_time: bool) -> int:
        """What grows by one with a response in these bins."""
        return self._given[2 * (bin_ * _BINS + business) + in_time]


def due(channel: str) -> int:
    """What grows by one with a response that was due and never given."""
    return constant(measure.key(DUE.code, channel))


def respond(
    out: Context, start: int, at: int, manager: str, team: str, responses: Responses, target: int, n: int
) -> None:
    """Count (n = 1) or take back (-1) a response at `at` to a client who waited since `start`."""
    value = at - start
    business = out.rules.working(start, at, team)
    cell, in_all = out.cell(at, manager, team), response_bin(value)
    if value == business:
        plus(cell, responses.given(in_all, in_all, value <= target), n)
        plus(cell, responses.both, n * value)
    else:
        plus(cell, responses.given(in_all, response_bin(business), value <= target), n)
        plus(cell, responses.total, n * value)
        if business:  # many clients wait outside of working hours only
            plus(cell, responses.business, n * business)
