"""One moment of the index as a question sees it: whose shares are asked for, by series, as contributions again."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec

from streams.ledger.held import KINDS
from streams.plain.contribution import Contribution, Pending
from streams.plain.rows import Query
from streams.plain.shown import Shown

_SHARE = (
    "SELECT share.who, share.day, share.time, share.value, share.n, share.pending, "
    "entity.kind, entity.id, client.key FROM share "
    "JOIN entity ON entity.no = share.entity JOIN client ON client.no = entity.client "
)


class Series(NamedTuple):
    """Shares of one family with the same labels and currency."""

    no: int
    code: str
    labels: tuple[str, ...]
    currency: str


@dataclass
class Snapshot:
    """One moment of the index, within a transaction that only reads."""

    execute: Callable[..., Any]
    query: Query
    shown: Shown
    who: dict[int, tuple[str, str]]
    """Number → manager and team as stated, of those who are asked for."""
    all_asked: bool

    def series(self) -> list[Series]:
        """Those of the family that may count; labels that the clock decides are looked at later."""
        family, found = self.query.declared, []
        for no, code, labels, currency in self.execute(
            "SELECT no, code, labels, currency FROM series WHERE code = ?", (family.code,)
        ):
            found.append(Series(no, code, tuple(msgspec.json.decode(labels)), currency))
        return found

    def fits(self, series: Series) -> bool:
        """Whether the labels are those asked for."""
        own = dict(zip(self.query.declared.labels, series.labels, strict=True))
        return all(own.get(name, value) == value for name, value in self.query.labels.items() if name != "le")

    def shares(self, series: Series, where: str, values: Sequence[Any]) -> Iterator[tuple[Contribution, int]]:
        """Shares of a series, with how often each is there."""
        for who, _, time, value, n, pending, kind, entity, client in self.execute(
            f"{_SHARE} WHERE share.series = ? AND {where}",
            (series.no, *values),
        ):
            if who in self.who:
                name = KINDS[kind]
                wait = None if pending is None else Pending(*msgspec.msgpack.decode(pending))
                whose = "" if name == "cost" else client
                yield (
                    Contribution(
                        series.code, series.labels, *self.who[who], time, int(value), name, entity, whose,
                        series.currency, wait,
                    ),
                    n,
                )  # fmt: skip
