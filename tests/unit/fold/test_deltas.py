"""Sums go where their moment, manager and team say, whoever came just before; numbers of measures stay true."""

import random
from collections import Counter
from datetime import UTC

import pytest

from metrics import measure
from metrics.catalogue.activities import CALLS
from streams.fold.calls import _CALLS
from streams.fold.deltas import Deltas, constant, plus
from streams.fold.localtime import HOUR, MINUTE, SECOND, LocalTime


def _spelled(*words):
    return words


def _again(text):
    """The same text as another object, as each event brings its own."""
    return bytes(text, "utf-8").decode()


@pytest.mark.parametrize("past", [0, 5 * HOUR])
@pytest.mark.parametrize("seed", range(3))
def test_a_sum_is_of_its_moment_manager_and_team(seed, past):
    """Of the same names, and of texts that are equal; what is past counts in its hour."""
    rng = random.Random(seed)
    deltas = Deltas(LocalTime(UTC))
    deltas.keep(past // SECOND, 0)
    expected, found = Counter(), Counter()
    manager = team = ""
    for _ in range(4_000):
        moment = rng.randrange(1, 10 * HOUR) if rng.random() < 0.5 else rng.choice((4, 7)) * HOUR + rng.randrange(HOUR)
        if rng.random() < 0.6:
            manager, team = rng.choice(("m-1", "m-2")), rng.choice(("", "t-1", "t-2"))
        if rng.random() < 0.3:
            manager, team = _again(manager), _again(team)
        plus(deltas.cell(moment, manager, team), deltas.specs[_spelled, "one"], 1)
        expected[moment // HOUR, manager, team] += 1
        if rng.random() < 0.01:
            _take(deltas, found)
        if rng.random() < 0.01:
            past += rng.randrange(10 * MINUTE)
            deltas.keep(past // SECOND, 0)
    _take(deltas, found)
    assert found == expected


def _take(deltas, found):
    for minute, tally in deltas.take().items():
        for pair, sums in tally.items():
            assert [deltas.specs.measures[number] for number in sums] == [("one",)]
            found[minute * MINUTE // HOUR, *deltas.pairs[pair]] += sum(sums.values())


def test_constants_outlive_what_is_forgotten():
    """Spellings come and go; what is named in a module means the same before and after."""
    deltas = Deltas(LocalTime(UTC))
    first = deltas.specs[_spelled, "a"]
    assert first == len(deltas.specs.constants)
    deltas.specs[_spelled, "b"]
    deltas.forget(1)
    assert deltas.specs[_spelled, "b"] == first
    assert deltas.specs.measures[first] == ("b",)
    assert deltas.specs.measures[_CALLS[0]] == (measure.key(CALLS.code, "inbound", "answered"),)


def test_a_constant_that_comes_too_late_is_refused():
    """Its number would be that of a spelling in what counts already."""
    deltas = Deltas(LocalTime(UTC))
    with pytest.raises(RuntimeError, match="x must be named before"):
        constant("x")
    assert deltas.specs[_spelled, "y"] == len(deltas.specs.constants)
