"""A synthetic exposition of every family of the catalogue, as a busy floor would show it; and what a real one names."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import product

from prometheus_client.parser import text_string_to_metric_families

from metrics.catalogue import FAMILIES, course, deals, gateway, service
from metrics.catalogue.now import AGES
from metrics.catalogue.plan import PLAN_MEASURES
from metrics.family import NINETY_DAYS, PERIODS, QUANTILES, Family, Kind, Source

VALUES: dict[str, tuple[str, ...]] = {
    "channel": ("call", "chat"),
    "kind": ("first",),
    "direction": ("inbound",),
    "outcome": ("answered", "missed", "abandoned"),
    "temperature": ("cold", "warm"),
    "pipeline": ("retail",),
    "stage": ("new", "offer"),
    "category": ("salary", "adverts"),
    "data": ("days", "shown"),
    "broker": ("1", "2", "3"),
    "folder": ("/var/lib/kafka",),
    "family": ("",),
    "age": AGES,
    "state": ("passed", "left"),
    "currency": ("USD",),
    "version": ("0.1.0",),
    "type": ("sales.call.ended.v1",),
    "source": ("pbx", "crm"),
    "policy": ("noeviction",),
    "reason": ("invalid-json",),
    "status": ("202", "401", "503"),
    "task": ("drain", "reconcile"),
    "what": ("deals",),
    "partition": ("0", "1"),
    "table": ("cells", "clients"),
    "measure": tuple(dict.fromkeys((*course.HOUR_MEASURES, *course.DAY_MEASURES))),
    "hour": ("09", "10", "11"),
    "weekday": ("1 Mon", "2 Tue"),
    "level": ("team", "company"),
    "mode": ("follow",),
    "format": ("table",),
}
DEALS = ("won", "lost")
HOOKS = ("accepted", "ignored", "refused")
PAID_BACK = 5
"""So many times as much profit as of anything else: more than all costs, so that their payback has a trend."""
HISTOGRAMS = (service.LATENCY, service.FLUSH_SECONDS, service.VIEW_SECONDS, gateway.SECONDS)
WORKER_BOUNDS = ("0.1", "1.0", "+Inf")


@dataclass(frozen=True)
class MadeUpFloor:
    """How many people there are, spread evenly over teams."""

    managers: int = 6
    teams: int = 2

    @property
    def people(self) -> tuple[tuple[str, str], ...]:
        """(manager, team) of everybody, and one who is not known."""
        known = tuple((f"m-{n}", f"team-{n % self.teams}") for n in range(self.managers))
        return (*known, ("unknown", "unknown"))

    @property
    def team_names(self) -> tuple[str, ...]:
        return (*(f"team-{n}" for n in range(self.teams)), "unknown")


Series = tuple[str, dict[str, str], float]


def sales(floor: MadeUpFloor) -> Iterator[Series]:
    """Name, labels, value of every series of the sales department."""
    for family in FAMILIES:
        if family.source is Source.PLAN:
            yield from _plan(family, floor)
            continue
        for number, (manager, team) in enumerate(floor.people, 1):
            for values in product(*(_values(family, label) for label in family.labels)):
                own = dict(zip(family.labels, values, strict=True))
                if not family.by_team:
                    yield from _of_person(family, {"manager": manager, "team": team, **own}, number)
                if family.team_names and team not in {one[1] for one in floor.people[: number - 1]}:
                    yield from _of_team(family, {"team": team, **own}, number)


def _values(family: Family, label: str) -> tuple[str, ...]:
    return DEALS if label == "outcome" and "direction" not in family.labels else VALUES[label]


def _times(family: Family, series: str, who: dict[str, str], number: int) -> Iterator[tuple[dict[str, str], float]]:
    """Labels and a value for each window and period of one of its names."""
    share = PAID_BACK if family is deals.PROFIT else 1
    for window, period in product(family.windows_of(series), family.periods):
        if window == NINETY_DAYS and period != PERIODS[0]:
            continue
        value = float(share * (10 * number + (3 if period == PERIODS[0] else 1)))
        yield {**who, "window": window, "period": period}, value


def _of_person(family: Family, who: dict[str, str], number: int) -> Iterator[Series]:
    if family.source is not Source.CELLS:
        yield family.name, who, float(10 * number)
        return
    first = all(who[name] == VALUES[name][0] for name in family.labels if name not in family.keeps)
    for labels, value in _times(family, family.name, who, number):
        if not family.has_buckets:
            yield family.name, labels, value
            continue
        yield family.sum, labels, value * 30
        yield family.count, labels, value
        kept = {name: labels[name] for name in family.labels_of(family.name) if name != "quantile"} if first else {}
        for q in QUANTILES if first else ():
            yield family.name, {**kept, "quantile": str(q)}, round(q * value * 4, 3)


def _of_team(family: Family, who: dict[str, str], number: int) -> Iterator[Series]:
    who = {name: value for name, value in who.items() if name in family.labels_of(family.bucket)}
    for labels, value in _times(family, family.bucket, who, number):
        for index, le in enumerate(family.le, 1):
            yield family.bucket, {**labels, "le": le}, round(value * index / len(family.le), 3)
        if family.kind is Kind.HISTOGRAM:
            yield family.team_sum, labels, value * 30
            yield family.team_count, labels, value


def _plan(family: Family, floor: MadeUpFloor) -> Iterator[Series]:
    if not family.credited:
        for window, state in product(family.windows, VALUES["state"]):
            for team in ("", *floor.team_names):
                yield family.name, {"team": team, "window": window, "state": state}, 10.0
        return
    share = 0.5 if family.name.endswith("to_date") else 1.0
    everybody = {
        "manager": [{"manager": m, "team": t} for m, t in floor.people],
        "team": [{"manager": "", "team": t} for t in floor.team_names],
        "company": [{"manager": "", "team": ""}],
    }
    for level, measure, window in product(everybody, PLAN_MEASURES, family.windows):
        for who in everybody[level]:
            yield family.name, {"level": level, "measure": measure, "window": window, **who}, 500.0 * share


def _days(family: Family) -> tuple[str, ...]:
    if family is course.HOURS:
        return (course.TODAY, course.WEEK_BEFORE)
    first = datetime.now(UTC).date().replace(day=1)
    return tuple((first + timedelta(days=n)).isoformat() for n in range(28))


def _called(family: Family) -> Iterator[Series]:
    """What pipelines and their stages are called."""
    retail = {"pipeline": "retail"}
    if family is service.PIPELINE_INFO:
        yield family.name, retail | {"name": "Name of retail"}, 1.0
    else:
        for stage in VALUES["stage"]:
            called = {"pipeline_name": "Name of retail", "name": f"Name of {stage}"}
            yield family.name, retail | {"stage": stage} | called, 1.0


_HELD = {service.NAMES_LIMIT: 2000.0, service.AUDIT_DIFFERENCES: 0.0}
"""Values of what is not 1 on a floor that is well."""
_AHEAD = {service.AUDIT_PROVED: 0, service.CERTIFICATE: 300 * 86_400, gateway.TOKEN_EXPIRY: 300 * 86_400}
"""Of families that are moments: seconds from now."""


def own(families: tuple[Family, ...], floor: MadeUpFloor, elapsed: float) -> Iterator[Series]:
    """Series of the service itself; counters grow by two each second."""
    for family in families:
        if family is service.MANAGER_INFO:
            for manager, team in floor.people:
                yield family.name, {"manager": manager, "team": team, "name": f"Name of {manager}"}, 1.0
            continue
        if family in (service.PIPELINE_INFO, service.STAGE_INFO):
            yield from _called(family)
            continue
        if family in HISTOGRAMS:
            for index, le in enumerate(WORKER_BOUNDS, 1):
                yield family.bucket, {"le": le}, 100 + round(elapsed) * index
            yield family.sum, {}, 100 + elapsed
            yield family.count, {}, 100 + round(elapsed) * len(WORKER_BOUNDS)
            continue
        known = {
            **VALUES,
            "label": ("manager", "category", "pipeline", "stage"),
            "team": ("", *floor.team_names),
            "day": _days(family),
        }
        if family is gateway.BITRIX24_HOOKS:
            known["outcome"] = HOOKS
        if family is service.KAFKA_DISK:
            known["state"] = ("free", "total")
        held = time.time() + _AHEAD[family] if family in _AHEAD else _HELD.get(family, 1.0)
        for values in product(*(known[label] for label in family.labels)):
            labels = dict(zip(family.labels, values, strict=True))
            yield family.name, labels, 100 + 2 * elapsed if family.counter else held


def text(series: Iterator[Series]) -> bytes:
    """As Prometheus scrapes it."""
    lines = []
    for name, labels, value in series:
        inside = ",".join(f'{label}="{one}"' for label, one in labels.items())
        lines.append(f"{name}{{{inside}}} {value:g}\n")
    return "".join(lines).encode()


@dataclass
class Synthetic:
    """Pages of `/metrics` at each moment: the sales part is made once, the service's counters move."""

    floor: MadeUpFloor = MadeUpFloor()

    def __post_init__(self) -> None:
        self._sales = text(sales(self.floor))
        self._start = time.monotonic()

    def exporter(self) -> bytes:
        """What the exporter shows: sales, and itself."""
        return self._sales + self._own((*course.COURSE_FAMILIES, *service.EXPORTER_FAMILIES))

    def worker(self) -> bytes:
        """What a worker shows."""
        return self._own(service.WORKER_FAMILIES)

    def gateway(self) -> bytes:
        """What a gateway shows that a portal is connected to, and beside it what imports wrote."""
        return self._own((*gateway.FAMILIES, *gateway.BITRIX24_FAMILIES, *gateway.IMPORT_FAMILIES))

    def _own(self, families: tuple[Family, ...]) -> bytes:
        return text(own(families, self.floor, time.monotonic() - self._start))


def exposed(page: str) -> dict[str, set[str]]:
    """Names on a page of `/metrics`, of a histogram without its endings → labels (none without a sample)."""
    found: dict[str, set[str]] = {}
    for metric in text_string_to_metric_families(page):
        if metric.name.endswith("_created"):
            continue
        name = f"{metric.name}_total" if metric.type == "counter" else metric.name
        found[name] = {label for sample in metric.samples for label in sample.labels} - {"le"}
    return found


def unlike(page: str, *families: Family) -> dict[str, tuple[object, object]]:
    """Name → labels on a page and in the catalogue, where one of both does not have it or they differ."""
    found, wanted = exposed(page), {family.name: set(family.labels) for family in families}
    return {
        name: (found.get(name), wanted.get(name))
        for name in found | wanted
        if name not in found or name not in wanted or (found[name] and found[name] != wanted[name])
    }
