"""Percentiles of people are the digits that Prometheus's `histogram_quantile` makes of their buckets."""

import subprocess
from itertools import accumulate
from pathlib import Path
from random import Random

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from metrics.catalogue import FAMILIES
from metrics.exporter.held.numbers import quantile
from metrics.family import QUANTILES, Kind
from streams.plain import quantiles
from tests.support.monitoring import binary

DISTRIBUTIONS = [family for family in FAMILIES if family.kind is Kind.HISTOGRAM]
_CASES = 60

counts = st.one_of(st.just(0), st.integers(1, 5), st.integers(0, 10**7))


@given(st.sampled_from(DISTRIBUTIONS), st.data(), st.sampled_from(QUANTILES))
def test_it_is_the_plain_definition(family, data, q):
    """Written from the documentation of Prometheus, whatever lies in the buckets: the same float."""
    bins = data.draw(st.lists(counts, min_size=len(family.le), max_size=len(family.le)).filter(any))
    cumulative = list(accumulate(bins))
    assert quantile(q, cumulative, family.bounds) == quantiles.quantile(q, family.bounds, cumulative)


@pytest.mark.parametrize(
    ("bins", "expected"),
    [
        ({0: 10}, (2.5, 4.5, 4.75)),
        ({3: 1}, (17.5, 19.5, 19.75)),
        ({19: 7}, (86400.0, 86400.0, 86400.0)),
        ({0: 1, 19: 1}, (5.0, 86400.0, 86400.0)),
    ],
    ids=["the lowest bucket begins at 0", "one alone", "above all bounds", "on a bound"],
)
def test_it_is_what_was_worked_out_by_hand(bins, expected):
    (family,) = (one for one in DISTRIBUTIONS if one.name == "sales_response_seconds")
    cumulative = list(accumulate(bins.get(n, 0) for n in range(len(family.le))))
    assert tuple(quantile(q, cumulative, family.bounds) for q in QUANTILES) == expected


def test_it_is_the_digits_of_prometheus(tmp_path: Path):
    """Prometheus itself, asked about buckets of all families, full, sparse and huge: not a bit differs."""
    rng, inputs, questions = Random(1), [], []
    for case in range(_CASES):
        family = DISTRIBUTIONS[case % len(DISTRIBUTIONS)]
        bins = [rng.choice((0, 0, rng.randint(1, 9), rng.randint(0, 10 ** rng.randint(1, 9)))) for _ in family.le]
        cumulative = list(accumulate([*bins[:-1], bins[-1] or 1]))
        for le, below in zip(family.le, cumulative, strict=True):
            inputs.append({"series": f'b{{case="{case}",le="{le}"}}', "values": f"{below}x1"})
        for q in QUANTILES:
            # A product of the difference, as promtool compares with a tolerance of its own.
            told = f'(histogram_quantile({q}, b{{case="{case}"}}) - {quantile(q, cumulative, family.bounds)!r}) * 1e18'
            expected = [{"labels": f'{{case="{case}"}}', "value": 0}]
            questions.append({"expr": told, "eval_time": "0s", "exp_samples": expected})
    test = {"interval": "1m", "input_series": inputs, "promql_expr_test": questions}
    file = tmp_path / "quantiles.yml"
    file.write_text(yaml.safe_dump({"tests": [test]}))
    done = subprocess.run(
        [binary("promtool"), "test", "rules", str(file)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
