"""When the exporter works: seldom for nobody, at once for a wall, just before a regular scrape."""

from metrics.exporter.feed.pace import Pace


def regular(gap: float = 15.0) -> Pace:
    pace = Pace()
    for n in range(3):
        pace.looked(100 + n * gap)
    return pace


def test_nobody_looks():
    """Each five seconds, and never more than a tenth of the time."""
    pace = Pace()
    pace.worked(10.0, 10.2)
    assert pace.due() == 15.2
    pace.worked(10.0, 12.0)
    assert pace.due() == 32.0


def test_somebody_watches():
    """Between 0.05 and 0.6 s after the last work, by what it took."""
    pace = Pace()
    pace.watchers = 1
    for took, pause in ((0.001, 0.05), (0.03, 0.3), (2.0, 0.6)):
        pace.worked(10.0, 10.0 + took)
        assert round(pace.due() - 10.0 - took, 6) == pause


def test_a_regular_scrape_is_met():
    """Work ends shortly before the next look, once."""
    pace = regular()
    pace.worked(120.0, 120.5)
    assert pace.due() == 145 - 15 / 8 - 0.5
    pace.worked(120.0, 120.05)
    assert 144.5 < pace.due() < 145
    pace.worked(143, 143.5)
    assert pace.due() > 145.0


def test_a_scrape_that_stopped_is_not_waited_for():
    """After the look that did not come, the ordinary pace."""
    pace = regular()
    pace.worked(146.0, 146.1)
    assert pace.due() == 151.1


def test_irregular_looks_promise_nothing():
    """Two gaps that differ: no expectation."""
    pace = Pace()
    for moment in (100.0, 101.0, 110.0):
        pace.looked(moment)
    assert pace.expected() == []


def test_fresh_enough():
    """Only after much work, and only for a moment; little work is always done again."""
    pace = Pace()
    pace.worked(10.0, 10.5)
    assert pace.is_fresh(10.6)
    assert not pace.is_fresh(11.0)
    pace.worked(10.0, 10.01)
    assert not pace.is_fresh(10.02)


def test_what_was_fetched_ahead_of_a_regular_look_is_not_fetched_again():
    """On a busy floor, for a quarter of the gap; not where somebody watches, nor where it costs little."""
    pace = Pace()
    for n in range(3):
        pace.looked(100 + n * 15)
    pace.worked(141.5, 142.5)
    assert pace.due() > 145
    pace.worked(142, 143)
    assert pace.is_fresh(146)
    assert not pace.is_fresh(147)
    pace.watchers = 1
    assert not pace.is_fresh(144)
    pace.watchers = 0
    pace.worked(143, 143.05)
    assert not pace.is_fresh(143.1)


def test_two_who_look_at_other_windows_are_both_met():
    """Each is regular by itself, though no two gaps between their looks are alike; the one that ends is forgotten."""
    pace = Pace()
    for n in range(7):
        pace.looked(100 + n * 5, "live")
        if n % 3 == 0:
            pace.looked(102 + n * 5, "calendar")
    assert pace.expected() == [135.0, 147.0]
    pace.worked(130.0, 130.01)
    assert 134.8 < pace.due() < 135
    pace.worked(141.0, 141.01)
    assert 146.8 < pace.due() < 147
    pace.looked(400.0, "live")
    assert pace.expected() == []
