"""Leads, meetings and ratings."""

import pytest

from metrics import measure
from tests.support.folding import Log, everything, fold, total


@pytest.mark.parametrize(
    ("temperatures", "expected"),
    [
        (["cold"], {("lo", "cold"): 1}),
        (["hot"], {("lo", "hot"): 1}),
        (["cold", "cold"], {("lo", "cold"): 1}),
        (["cold", "warm"], {("lo", "cold"): 1, ("lw",): 1}),
        (["cold", "hot", "cold", "warm"], {("lo", "cold"): 1, ("lw",): 1}),
        (["warm", "hot"], {("lo", "warm"): 1}),
        (["warm", "cold", "hot"], {("lo", "warm"): 1, ("lw",): 1}),
    ],
)
def test_leads_open_once_and_warm_once(temperatures, expected):
    """Opened with the first temperature, warmed by the first warm or hot snapshot after a cold one."""
    log = Log()
    for i, temperature in enumerate(temperatures):
        log.add(
            "lead.changed",
            f"2026-11-23T09:{i:02}:00Z",
            lead_id="l",
            manager_id=f"m-{i}",
            temperature=temperature,
            created_at="2026-11-20T09:00:00Z",
        )
    held = everything(fold(log))
    assert total(held, "d") == expected | {("ld",): 1}
    assert measure.key("lo", temperatures[0]) in held["d", 739940]["m-0", ""]


def test_a_stale_snapshot_of_a_lead_does_not_warm_it():
    """Only what was folded counts as seen."""
    log = Log()
    data = {"lead_id": "l", "manager_id": "m-1", "created_at": "2026-11-20T09:00:00Z"}
    log.add("lead.changed", "2026-11-23T09:00:00Z", sequence="2", temperature="hot", **data)
    log.add("lead.changed", "2026-11-23T09:01:00Z", sequence="1", temperature="cold", **data)
    log.add("lead.changed", "2026-11-23T09:02:00Z", sequence="3", temperature="warm", **data)
    partition = fold(log)
    assert total(everything(partition), "d") == {("lo", "hot"): 1, ("ld",): 1}
    assert partition.counts.stale == 1


def test_meetings_and_ratings_are_entities():
    """A newer version replaces the older."""
    log = Log()
    for manager, score in (("m-1", 2), ("m-2", 5)):
        log.add("meeting.held", "2026-11-23T09:00:00Z", meeting_id="x", manager_id=manager)
        log.add("rating.given", "2026-11-23T09:00:00Z", rating_id="x", manager_id=manager, score=score)
    held = everything(fold(log))
    assert held["d", 739943] == {("m-2", ""): {"m": 1, "gc": 1, "gs": 5}}
