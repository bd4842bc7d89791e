"""What `/metrics` shows as `other`: the rest of the names that senders fill freely, so that nobody can fill it up.

Names are ranked once for all families, so that a ratio has both sides; decision 43 says why, and by what.
"""

from metrics.catalogue import FAMILIES
from metrics.catalogue.activities import RATING_SUM
from metrics.family import Family, Kind, Source

OTHER = "other"
MANAGER = "manager"
FREE = ("category", "pipeline", "stage")
"""Labels of the families' own that senders fill freely."""
MOST_VALUES = 200
"""Values of such a label that are shown under their own names."""

COUNTED: tuple[Family, ...] = tuple(
    family
    for family in FAMILIES
    if family.kind is Kind.COUNT and family.source in {Source.CELLS, Source.OPEN} and family is not RATING_SUM
)
"""The families that count things: names are ranked by their sum over the running year, and now."""


def own_name(name: str) -> str:
    """How a name is shown that is no rest: what is literally called `other` has an underscore more."""
    return f"{name}_" if name.startswith(OTHER) and not name[len(OTHER) :].strip("_") else name


def manager_name(manager: str) -> str:
    """The label of a manager; "" stands for the rest."""
    return own_name(manager) if manager else OTHER
