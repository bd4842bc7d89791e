"""The sale stays sold: a deal that goes on into a funnel of after-sales work is won since it left the sales funnels.

Such funnels (delivery, service, production) are named in the mapping. A deal that began in one is no sale.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from producers.connectors.bitrix24.meaning.mapping import Mapping as Meaning
from producers.connectors.bitrix24.meaning.sales import Sort
from producers.connectors.bitrix24.meaning.values import moment

_MOVED = "5"
"""TYPE_ID of a change of funnel."""
Row = Mapping[str, Any]


class Sale(NamedTuple):
    """When a deal was won, and where it was then, as the portal names it."""

    closed: datetime
    funnel: str
    stage: str


def is_after_sale(item: Row, meaning: Meaning, sort: Sort) -> bool:
    """Whether a deal is in such a funnel now."""
    return sort.funnel_of(item) in meaning.after_sales


def sale(history: Sequence[Row], meaning: Meaning, sort: Sort) -> Sale | None:
    """The first sale in a history, by id, that went on into after-sales work; None where there was none.

    Won is what was in a stage of success when it was moved there, else what was moved there at all.
    """
    won: Sale | None = None
    moved: Sale | None = None
    before: Row | None = None
    for row in history:
        if (time := moment(row.get("CREATED_TIME"))) is None:
            continue
        if _funnel(row, sort) in meaning.after_sales:
            if won is not None:
                return won
            if moved is None and (before is not None or str(row.get("TYPE_ID")) == _MOVED):
                last = before or row
                moved = Sale(time, _funnel(last, sort), str(last.get("STAGE_ID")))
            continue
        before = row
        if meaning.deal_status(str(row.get("STAGE_ID")), row.get("STAGE_SEMANTIC_ID")) != "won":
            won = None
        elif won is None:
            won = Sale(time, _funnel(row, sort), str(row.get("STAGE_ID")))
    return won or moved


def _funnel(row: Row, sort: Sort) -> str:
    """The funnel of a row of history; where it does not say, the stage's prefix does."""
    if row.get("CATEGORY_ID") not in (None, ""):
        return sort.funnel_of({"categoryId": row["CATEGORY_ID"]})
    prefix, found, _ = str(row.get("STAGE_ID")).partition(":")
    if sort.is_process:
        return prefix
    return prefix.removeprefix("C") if found else "0"
