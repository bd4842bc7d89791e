"""Every number there is, each declared once: the families that are exposed and the KPIs made of them."""

from dataclasses import replace

from metrics.catalogue import activities, course, deals, gateway, money, now, plan, service, unanswered
from metrics.family import Family, Source
from metrics.kpi import Kpi
from metrics.tile import Tile

FAMILIES: tuple[Family, ...] = (
    *activities.FAMILIES,
    *unanswered.FAMILIES,
    *deals.FAMILIES,
    *money.FAMILIES,
    *now.FAMILIES,
    *plan.FAMILIES,
)
"""The families of the sales department, in the order in which they are exposed."""

SERVICE_FAMILIES: tuple[Family, ...] = (
    *course.COURSE_FAMILIES,
    plan.FORECAST,
    *service.EXPORTER_FAMILIES,
    *service.WORKER_FAMILIES,
    *gateway.FAMILIES,
    *gateway.BITRIX24_FAMILIES,
    *gateway.IMPORT_FAMILIES,
)
"""What the service says of itself."""

_OF_WORK = (*activities.KPIS, *now.KPIS, *unanswered.KPIS, *deals.KPIS, *money.KPIS)
KPIS: tuple[Kpi, ...] = (*sorted(_OF_WORK, key=lambda kpi: kpi.number), *plan.KPIS)
"""The fifteen KPIs, each in one row or several: formulas over the families, declared beside them."""

_BY_ID = {kpi.id: kpi for kpi in KPIS}


def _placed(tile: Tile) -> Tile:
    kpi = _BY_ID[tile.main.id]
    return replace(tile, still=not kpi.trend, now=not kpi.windows)


_TILES = (*activities.TILES, *deals.TILES, *money.TILES, *now.TILES, *plan.TILES)
TILES: tuple[Tile, ...] = tuple(map(_placed, sorted(_TILES, key=lambda tile: tile.number)))
"""What the wall shows, in its order."""
ANSWERS: tuple[Tile, ...] = tuple(map(_placed, unanswered.ANSWERS))

BY_CODE: dict[str, Family] = {family.code: family for family in FAMILIES if family.code}
"""Code of a measure → its family."""

BY_NAME: dict[str, Family] = {family.name: family for family in (*FAMILIES, *SERVICE_FAMILIES)}

BY_EXPOSED: dict[str, Family] = {name: family for family in FAMILIES for name in (family.name, *family.names)}
"""Name as exposed, and of a histogram without its ending, too → its family."""

CELL_FAMILIES: tuple[Family, ...] = tuple(f for f in FAMILIES if f.source is Source.CELLS)

__all__ = [
    "ANSWERS",
    "BY_CODE",
    "BY_EXPOSED",
    "BY_NAME",
    "CELL_FAMILIES",
    "FAMILIES",
    "KPIS",
    "SERVICE_FAMILIES",
    "TILES",
]
