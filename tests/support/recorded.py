"""What Prometheus's own tool makes of the recording rules out of what an exporter shows, against what is expected."""

import subprocess
from collections.abc import Iterator, Mapping
from itertools import product
from pathlib import Path

import yaml

from metrics.catalogue import KPIS
from metrics.family import PERIODS
from metrics.kpi import Kpi, Level
from streams.plain.kpis import PlainAsked, PlainNumbers, trend
from streams.plain.other import OTHER
from streams.plain.series import PlainSeries, series
from tests.support.monitoring import RULES, binary

_MINUTES = 9
"""So long every rule that stands on others has seen them."""
_EXACT = 1e-9


def records() -> dict[str, Kpi]:
    """Every recorded name → the KPI that it shows."""
    return {name: kpi for kpi in KPIS for level in kpi.levels for name in _names(kpi, level)}


def _names(kpi: Kpi, level: Level) -> Iterator[str]:
    if kpi.is_recorded(level):
        yield kpi.record(level)
    if kpi.trend:
        yield kpi.trend_record(level)


def expected(numbers: Mapping[PlainSeries, float]) -> dict[PlainSeries, float]:
    """Every KPI and trend at every level as the plain definition has it."""
    found: dict[PlainSeries, float] = {}
    plain = PlainNumbers(numbers, rest=OTHER)  # type: ignore[arg-type] # floats and fractions alike
    for kpi in KPIS:
        for level in kpi.levels:
            found |= _of(kpi, level, plain)
    return found


def _of(kpi: Kpi, level: Level, plain: PlainNumbers) -> dict[PlainSeries, float]:
    found: dict[PlainSeries, float] = {}
    by_time = {time: PlainAsked(plain, kpi, level, *time).values() for time in _times(kpi, level)}
    for (window, period), values in by_time.items():
        for key, value in values.items():
            labels = dict(zip((*level.labels, *kpi.by), key, strict=True))
            if window:
                labels["window"] = window
            old = by_time.get((window, "previous"), {}).get(key)
            if kpi.trend and period == "current" and (change := trend(kpi, value, old)) is not None:
                found[series(kpi.trend_record(level), labels)] = float(change)
            if window and not kpi.is_planned:
                labels["period"] = period
            found[series(kpi.record(level), labels)] = float(value)
    return found


def _times(kpi: Kpi, level: Level) -> list[tuple[str, str]]:
    """Every window and period that a KPI is recorded for; one of ("", "") for what is so now."""
    if not kpi.windows:
        return [("", "")]
    return list(product(kpi.windows_at(level), PERIODS[:1] if kpi.is_planned else PERIODS))


def differences(shown: Mapping[PlainSeries, float], wanted: Mapping[PlainSeries, float], folder: Path) -> str:
    """What promtool finds different: nothing when the rules make of `shown` what is wanted; 0 is as good as absent."""
    names = sorted(records())
    wanted = {one: value for one, value in wanted.items() if one.name in names}
    inputs = [
        {"series": _scraped(one), "values": f"{value!r}x40"} for one, value in shown.items() if "sales_" in one.name
    ]
    inputs += [{"series": _text(one, "wanted:"), "values": f"{value!r}x40"} for one, value in wanted.items()]
    questions = [
        {
            "expr": f"abs({name} - wanted:{name}) > {_EXACT} * (1 + abs(wanted:{name}))"
            f" or ({name} != 0 unless wanted:{name}) or (wanted:{name} != 0 unless {name})",
            "eval_time": f"{_MINUTES}m",
            "exp_samples": [],
        }
        for name in names
    ]
    case = {
        "rule_files": [str(path) for path in sorted(RULES.glob("sales-*.yml"))],
        "evaluation_interval": "1m",
        "tests": [{"interval": "1m", "input_series": inputs, "promql_expr_test": questions}],
    }
    file = folder / "case.yml"
    file.write_text(yaml.safe_dump(case, allow_unicode=True))
    done = subprocess.run(
        [binary("promtool"), "test", "rules", str(file)], capture_output=True, text=True, timeout=300, check=False
    )
    return "" if done.returncode == 0 else done.stdout + done.stderr


def _scraped(one: PlainSeries) -> str:
    """With the labels that a scrape adds: no rule may keep them."""
    return _text(one).replace("{", '{instance="one",job="sales-exporter"' + ("," if one.labels else ""), 1)


def _text(one: PlainSeries, prefix: str = "") -> str:
    labels = ",".join(f'{name}="{value}"' for name, value in one.labels)
    return f"{prefix}{one.name}{{{labels}}}"
