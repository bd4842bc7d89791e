"""What one entity adds to one number: the atoms that cells sum up and that explain lists."""

from typing import NamedTuple


class Contribution(NamedTuple):
    """One entity's share of one family, at a moment of business time.

    code: of the family (`metrics.catalogue`); labels: its values in the catalogue's order, bins left out.
    manager: "unknown" when not stated; team: "" when not stated. time: microseconds since the epoch (us).
    value: a count, or us for a duration, or ten-thousandths for money, whose currency is then stated.
    """

    code: str
    labels: tuple[str, ...]
    manager: str
    team: str
    time: int
    value: int
    kind: str
    entity: str
    client: str
    currency: str = ""


class OpenThing(NamedTuple):
    """One entity's share of a family that has no window: what is so now.

    `value` as in `Contribution`, for weighted amounts in 10^-16. A receivable is what the invoice asks for
    (`value` in `currency`) and `against`: (currency, local day, ten-thousandths) of every payment, refunds negative.
    `due_day`: ordinal of the local day an invoice is due. `since`: us, when a client began to wait.
    """

    code: str
    labels: tuple[str, ...]
    manager: str
    team: str
    value: int
    kind: str
    entity: str
    client: str
    currency: str = ""
    due_day: int = 0
    against: tuple[tuple[str, int, int], ...] = ()
    since: int = 0
