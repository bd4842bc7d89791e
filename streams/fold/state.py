"""What is remembered of each entity, as small records that are encoded where they stand in a client's page.

Every versioned record begins with its version: `sequence` ("" when none), `time` (us), `id`. `last` says until
when a record counts in something, so that it can be forgotten 800 days later. Moments are us, money is 10^-4.
"""

from typing import Final, Literal

import msgspec

Outcome = Literal[0, 1, 2]
FOLDED: Final = 0
DUPLICATE: Final = 1
STALE: Final = 2

UNKNOWN: Final = "unknown"


class Remembered(msgspec.Struct, array_like=True, omit_defaults=True, gc=False):
    """The version of an entity."""

    sequence: str
    time: int
    id: str

    @property
    def last(self) -> int:
        """The latest moment at which the entity counts in anything."""
        return self.time

    @property
    def pinned(self) -> bool:
        """Whether it is kept however old it is."""
        return False


class Call(Remembered, gc=False):
    """A call that ended. `kind`: its place in `calls.KINDS`; `answered`: None when nobody did."""

    manager: str
    team: str
    kind: int
    started: int
    answered: int | None = None

    @property
    def last(self) -> int:
        """The later of end and answer."""
        answered = self.answered
        return self.time if answered is None or answered <= self.time else answered


class Ringing(msgspec.Struct, array_like=True, omit_defaults=True, gc=False):
    """A call whose end is not known: the version of its start (id "" when only the answer came), and its answer.

    taken: when it was answered, 0 when it was not.
    """

    sequence: str
    time: int
    id: str
    last: int
    taken: int = 0
    inbound: bool = False
    manager: str = UNKNOWN
    team: str = ""

    @property
    def pinned(self) -> bool:
        """Never: waiting ends after an hour."""
        return False


class Gate(msgspec.Struct, array_like=True, gc=False):
    """What a touch must know of the client's leads. last: until when one of them is known.

    settled: nothing that happens later changes any lead, but those without a touch and those without a message.
    untouched, unheard: until when something may touch one of these, at most; 0 without any.
    """

    settled: int = 0
    untouched: int = 0
    unheard: int = 0
    last: int = 0


class Trail(msgspec.Struct, array_like=True, gc=False):
    """What the next call of a client must know of those before it; misses that are open wait in the client's root page.

    time: end of the last call that has a role, 0 before any. over: by how much anything known of calls and meetings is
    later. is_missed: whether any call was missed. gone: up to when a contact would have closed misses that no longer
    wait. gate: of the client's leads, where there are any.
    """

    time: int = 0
    over: int = 0
    is_missed: bool = False
    gone: int = 0
    gate: Gate | None = None

    @property
    def last(self) -> int:
        """The latest moment that anything known of calls and meetings speaks of."""
        return self.time + self.over

    def reach(self, time: int, until: int) -> None:
        """A call ended, or a meeting was held, that speaks of nothing later than `until`."""
        last = max(self.time + self.over, time, until)
        self.time = max(self.time, time)
        self.over = last - self.time


class Chat(msgspec.Struct, array_like=True, omit_defaults=True, gc=False):
    """A chat.

    last: when something last happened in it.
    seen: hashes of its latest events, 8 bytes each.
    waiting: since when the client waits.
    bot: whether a bot wrote since the last manager's message, hand-off or closing.
    responded: whether a response was given since it began or was closed.
    manager, team: who last wrote. wrote: when a manager last wrote, 0 when none did.
    """

    last: int
    seen: bytes = b""
    waiting: int | None = None
    bot: bool = False
    responded: bool = False
    manager: str = UNKNOWN
    team: str = ""
    wrote: int = 0

    @property
    def pinned(self) -> bool:
        """As long as the client waits."""
        return self.waiting is not None


class Touch(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """The first touch of a lead: when, by what (`line.BY_CALL` …), and by whom."""

    at: int
    kind: int
    id: str
    manager: str
    team: str

    @property
    def order(self) -> tuple[int, int, str]:
        """The least of these is the first."""
        return self.at, self.kind, self.id


class Lead(Remembered, gc=False):
    """A lead. `counted`: the latest moment that it was counted at, 0 before it was; whether it was cold and has warmed.

    status "deleted" is a tombstone. chat: the first message that touches it; touch: the first of all;
    waited: working time until then.
    """

    counted: int
    cold: bool
    warmed: bool
    status: str = "open"
    created: int = 0
    manager: str = ""
    team: str = ""
    touch: Touch | None = None
    chat: Touch | None = None
    waited: int = 0

    @property
    def last(self) -> int:
        """The latest of change, creation, opening and warming."""
        return max(self.time, self.counted, self.created)


class Deal(Remembered, gc=False):
    """A deal's latest snapshot; status "deleted" is a tombstone. `probability` in 10^-12."""

    status: str
    manager: str = ""
    team: str = ""
    pipeline: str = ""
    stage: str = ""
    amount: int = 0
    currency: str = ""
    created: int = 0
    closed: int | None = None
    cost: int | None = None
    probability: int | None = None

    @property
    def last(self) -> int:
        """The latest of change, creation and closing."""
        last, closed = self.time if self.time >= self.created else self.created, self.closed
        return last if closed is None or closed <= last else closed

    @property
    def pinned(self) -> bool:
        """Open and won deals are kept for ever."""
        return self.status in {"open", "won"}


class Invoice(Remembered, gc=False):
    """An invoice (status "" while only payments name it) and what was paid: local day, currency, sum, payments.

    issue: which event made it issued; horizon: what was forgotten then.
    """

    status: str = ""
    manager: str = ""
    team: str = ""
    amount: int = 0
    currency: str = ""
    due: int = 0
    latest: int = 0
    issue: int = 0
    horizon: int = 0
    paid: list[tuple[int, str, int, int]] = []

    @property
    def last(self) -> int:
        """The latest of change and payments."""
        return max(self.time, self.latest)

    @property
    def pinned(self) -> bool:
        """As long as it is issued."""
        return self.status == "issued"


class Payment(Remembered, gc=False):
    """A payment, or a refund with a negative amount. `issue`: that of its invoice when it was folded."""

    manager: str
    team: str
    amount: int
    currency: str
    invoice: str | None = None
    issue: int = 0


class Meeting(Remembered, gc=False):
    """A meeting."""

    manager: str
    team: str


READY: Final = "y"
"""The key prefix of a client's readiness among its entities, before the owner that it is credited to."""


class ReadyDeal(msgspec.Struct, array_like=True, omit_defaults=True, gc=False):
    """The ready deal of one owner in one client whose `time` is the latest; at the same instant the greater id."""

    time: int
    deal: str
    team: str
