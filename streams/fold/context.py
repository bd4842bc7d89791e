"""What a fold function is given besides its event: the client's state, the rules, the time, and where sums go."""

from collections.abc import Callable, Iterator
from typing import Any, Protocol, TypeVar

from metrics.view import Waiting
from streams.fold.deltas import Deltas
from streams.fold.lead_index import Leads
from streams.fold.line import Line
from streams.fold.rules import Rules
from streams.fold.state import FOLDED, Outcome, ReadyDeal, Remembered, Trail, encode, outdated


class Client(Protocol):
    """The state of one client: encoded entities by name (key prefix of the kind, then the id), and what spans them."""

    first: tuple[int, str] | None
    """The earliest won deal: (closing time, deal id)."""

    line: Line | None
    """Its calls and meetings in order, where something made them; None at any time."""

    leads: Leads | None
    """Its leads by creation, where something made that; None at any time."""

    trail: Trail | None
    """What is known of its calls, meetings and leads together; None of one who was never missed, and has no leads."""

    until: int
    """Where there is no trail: the latest moment that calls and meetings speak of. `touch` says that it changed."""

    waits: dict[str, Waiting]
    """Who waits, misses among them; of a client in several pages, misses alone. To be changed by `wait`."""

    @property
    def name(self) -> str:
        """The client's id."""

    def credited(self, owner: str) -> ReadyDeal | None:
        """The deal that the client's readiness is credited by to an owner."""

    def get(self, name: str) -> bytes | None:
        """An entity as encoded."""

    def put(self, name: str, entity: bytes) -> None:
        """Remember an entity."""

    def drop(self, name: str) -> None:
        """Forget an entity, if it is there."""

    def touch(self) -> None:
        """Say that `first`, `trail` or `until` changed."""

    def credit(self, owner: str, ready: ReadyDeal | None) -> None:
        """Say which deal that is; None: there is none."""

    def named(self, prefix: str) -> Iterator[tuple[str, bytes]]:
        """All entities of a kind, as (id, entity)."""

    def wait(self, name: str, wait: Waiting | None) -> None:
        """Say that an entity waits, or no longer does."""


class Context:
    """The same for all events of a partition.

    fence: offset of the last record folded or refused.
    time: partition time, us.
    horizon, horizon_day: what counts last before is forgotten (us; local day). recall: the same for what also says
    how something later counts: a lead's touch, a missed client's call back.
    """

    __slots__ = ("add", "cell", "deltas", "fence", "horizon", "horizon_day", "recall", "rules", "specs", "time")

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.deltas = Deltas(rules.local)
        self.add = self.deltas.add
        self.cell = self.deltas.cell
        self.specs = self.deltas.specs
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


def replace(
    client: Client, name: str, new: R_, decode: Callable[[bytes], R_], count: Callable[[R_, "Context", int], None],
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


Handler = Callable[[Client, Any, int, Context], Outcome]
"""(client, event, its time in us, context) → FOLDED, DUPLICATE or STALE."""

Keeper = Callable[[Client, bytes, Context], bytes | None]
"""(client, entity, context) → what is still to be remembered of the entity: all, a shorter form, or nothing."""


def while_it_counts(decode: Callable[[bytes], Forgettable]) -> Keeper:
    """An entity is remembered until all that it counts in is forgotten."""
    return lambda _, entity, out: entity if known(entity, decode, out.horizon) is not None else None


def while_it_is_recalled(decode: Callable[[bytes], Forgettable]) -> Keeper:
    """The same, and for longer, as it says how others count."""
    return lambda _, entity, out: entity if known(entity, decode, out.recall) is not None else None
