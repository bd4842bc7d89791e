"""The catalogue is sound in itself; that it says what the specification says is held by tests/docs."""

import re
from itertools import pairwise

from metrics.catalogue import FAMILIES, KPIS, SERVICE_FAMILIES
from metrics.catalogue.deals import SIZE_BOUNDS, SIZE_STEPS
from metrics.family import CALENDAR_WINDOWS, Source
from metrics.kpi import Level


def test_every_measure_has_a_code_of_its_own():
    """Nothing is declared twice. Names, labels and windows: tests/docs/test_specification.py."""
    codes = [f.code for f in FAMILIES if f.code]
    assert len(codes) == len(set(codes))


def test_every_windowed_family_carries_the_calendar_windows():
    """The five calendar windows belong to every family of the first table; 90 days only to won amounts."""
    for family in FAMILIES:
        if family.source is Source.CELLS:
            assert set(CALENDAR_WINDOWS) <= set(family.windows)
            assert ("90d" in family.windows) == (family.name == "sales_won_amount")


def test_histograms_write_their_bounds_as_prometheus_does():
    """`le` is a float as text, the last one +Inf, in rising order."""
    for family in (f for f in FAMILIES if f.has_buckets):
        assert family.le[-1] == "+Inf"
        assert all(re.fullmatch(r"\d+\.0", le) for le in family.le[:-1])
        assert sorted(family.bounds) == list(family.bounds)
    (response,) = (f for f in FAMILIES if f.name == "sales_response_seconds")
    assert response.le[0] == "5.0"
    assert len(response.bounds) == 19


def test_sizes_in_cells_are_finer_than_those_shown():
    """Every bound that is shown is a step: the base currency is told exactly. Any amount fits."""
    assert set(SIZE_BOUNDS) <= set(SIZE_STEPS)
    assert list(SIZE_STEPS) == sorted(set(SIZE_STEPS))
    assert SIZE_STEPS[-1] >= 10**18
    assert max(high / low for low, high in pairwise(SIZE_STEPS)) == 2


def test_all_fifteen_kpis_are_there_once():
    """Each number from 1 to 15 has a KPI, every rule name is unique and valid."""
    assert {kpi.number for kpi in KPIS} == set(range(1, 16))
    records = [kpi.record(level) for kpi in KPIS for level in kpi.levels]
    assert len(records) == len(set(records))
    assert all(re.fullmatch(r"(manager|team|company):[a-z_]+:[a-z0-9_]+", record) for record in records)
    assert Level.TEAM.labels == ("team",)


def test_counters_and_only_counters_end_in_total():
    """Prometheus's naming rule holds for what the service says of itself."""
    for family in SERVICE_FAMILIES:
        assert family.name.endswith("_total") == family.counter
