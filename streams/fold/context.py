"""What a fold function is given besides its event: the client's state, the rules, the time, and where sums go."""

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from producers.events.version import Version
from streams.fold.deltas import Deltas
from streams.fold.encoding import encode
from streams.fold.page import Page
from streams.fold.rules import Rules
from streams.fold.state import DUPLICATE, FOLDED, STALE, Outcome, Remembered, Ringing


class Context(Deltas):
    """The same for all events of a partition; being its sums, it adds by itself.

    fence: offset of the last record folded or refused.
    time: partition time, us.
    horizon, horizon_day: what counts last before is forgotten (us; local day). recall: the same for what also says
    how something later counts: a lead's touch, a missed client's call back.
    """

    __slots__ = ("fence", "horizon", "horizon_day", "recall", "rules", "time")

    def __init__(self, rules: Rules) -> None:
        super().__init__(rules.local)
        self.rules = rules
        self.fence = -1
        self.time = 0
        self.horizon = 0
        self.horizon_day = 0
        self.recall = 0


class Forgettable(Protocol):
    """A record that is known until what it counts in is past, or as long as it is pinned."""

    @property
    def last(self) -> int: ...  # noqa: D102
    @property
    def pinned(self) -> bool: ...  # noqa: D102


F_ = TypeVar("F_", bound=Forgettable)
R_ = TypeVar("R_", bound=Remembered)


def known(raw: bytes | None, decode: Callable[[bytes], F_], horizon: int) -> F_ | None:
    """The record that `raw` holds, unless it is logically forgotten."""
    if raw is None:
        return None
    record = decode(raw)
    return record if record.last >= horizon or record.pinned else None


def outdated(version: Version, held: Remembered | Ringing) -> Outcome | None:
    """DUPLICATE or STALE when what is held is that version or a later one; None when the version is news."""
    other = (held.sequence, held.time, held.id)
    if version > other:
        return None
    return DUPLICATE if version == other else STALE


def replace(
    client: Page, name: str, new: R_, decode: Callable[[bytes], R_], count: Callable[[R_, "Context", int], None],
    out: "Context",
) -> Outcome:  # fmt: skip
    """Fold a version of an entity that counts by itself: take back what an older one added, add what this one says.

    count: adds so many times what a version says. Entities that others refer to do more, each in its module.
    """
    old = known(client.get(name), decode, out.horizon)
    if old is not None:
        if (seen := outdated((new.sequence, new.time, new.id), old)) is not None:
            return seen
        count(old, out, -1)
    count(new, out, 1)
    client.put(name, encode(new))
    return FOLDED


Handler = Callable[[Page, Any, int, Context], Outcome]
"""(client, event, its time in us, context) → FOLDED, DUPLICATE or STALE."""

Keeper = Callable[[Page, bytes, Context], bytes | None]
"""(client, entity, context) → what is still to be remembered of the entity: all, a shorter form, or nothing."""


def while_it_counts(decode: Callable[[bytes], Forgettable]) -> Keeper:
    """An entity is remembered until all that it counts in is forgotten."""
    return lambda _, entity, out: entity if known(entity, decode, out.horizon) is not None else None


def while_it_is_recalled(decode: Callable[[bytes], Forgettable]) -> Keeper:
    """The same, and for longer, as it says how others count."""
    return lambda _, entity, out: entity if known(entity, decode, out.recall) is not None else None
