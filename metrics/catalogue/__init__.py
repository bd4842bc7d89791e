"""Every number there is, each declared once: the families that are exposed and the KPIs made of them."""

from metrics.catalogue import activities, course, deals, gateway, money, now, plan, service, unanswered
from metrics.catalogue.kpis import KPIS
from metrics.family import Family, Source

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

BY_CODE: dict[str, Family] = {family.code: family for family in FAMILIES if family.code}
"""Code of a measure → its family."""

BY_NAME: dict[str, Family] = {family.name: family for family in (*FAMILIES, *SERVICE_FAMILIES)}

BY_EXPOSED: dict[str, Family] = {name: family for family in FAMILIES for name in (family.name, *family.names)}
"""Name as exposed, and of a histogram without its ending, too → its family."""

CELL_FAMILIES: tuple[Family, ...] = tuple(f for f in FAMILIES if f.source is Source.CELLS)

__all__ = ["BY_CODE", "BY_EXPOSED", "BY_NAME", "CELL_FAMILIES", "FAMILIES", "KPIS", "SERVICE_FAMILIES"]
