"""What was proved, on /metrics and on the wall: plainly also when it was not."""

import asyncio

import httpx
import pytest

from metrics.catalogue import service as s
from metrics.ending import end_tasks
from metrics.exporter.http.ledger import LedgerProxy
from metrics.exporter.http.proof import Proof
from metrics.exporter.http.service import own_text
from tests.support.workers import until

TOLD = {
    "proved": {"shown": 1000.0, "days": 900.0}, "problem": "", "differences": [], "examples": [],
    "compared": {"days": 7}, "seconds": 1.5, "behind": 0,
}  # fmt: skip
WRONG = [{"data": "days", "family": "sales_calls", "count": 2}, {"data": "open", "family": "", "count": 1}]


@pytest.mark.parametrize(
    ("told", "now", "at", "differs", "cause"),
    [
        ({}, 1000, 1000.0, 0, ""),
        ({}, 1029, 1000.0, 0, ""),
        ({}, 1031, 1000.0, 0, "away"),
        ({"differences": WRONG}, 1000, 1000.0, 3, "differs"),
        ({"proved": {"shown": None, "days": None}}, 1000, None, 0, "never"),
        ({"proved": {"shown": None, "days": None}, "behind": 5}, 1000, None, 0, "behind"),
        ({"proved": {"shown": -801.0, "days": None}}, 1000, -801.0, 0, "late"),
        ({"proved": {"shown": -801.0, "days": None}, "behind": 5}, 1000, -801.0, 0, "behind"),
    ],
)
def test_a_wall_is_told_as_of_when_and_why_not(told, now, at, differs, cause):
    """Nothing is called proved that is older than three turns, or of a ledger that is away."""
    clock = [1000.0]
    proof = Proof(lambda: clock[0])
    assert proof.state() is None
    proof.take(TOLD | told)
    clock[0] = now
    assert proof.state() == {"at": at, "differs": differs, "cause": cause}


def test_metrics_have_each_sort_and_each_family_that_differs():
    """Of a ledger that is away, that alone; of nobody who was asked, nothing."""
    clock = [1000.0]
    proof = Proof(lambda: clock[0])
    assert proof.rows() == {}
    proof.take(TOLD | {"differences": WRONG})
    text = own_text(proof.rows())
    assert 'sales_audit_differences{data="days",family="sales_calls"} 2' in text
    assert 'sales_audit_differences{data="days",family=""} 0' in text
    assert 'sales_audit_differences{data="open",family=""} 1' in text
    assert 'sales_audit_proved_timestamp_seconds{data="shown"} 1000' in text
    assert "sales_ledger_behind_records 0" in text
    assert "sales_sql" not in text
    proof.take(TOLD | {"sql": {"up": False, "as_of": 940.0, "problem": "no", "phase": "following"}})
    assert {s.SQL_UP: [((), 0.0)], s.SQL_LAG: [((), 60.0)]}.items() <= proof.rows().items()
    proof.take(TOLD | {"sql": {"up": True, "as_of": None, "problem": "", "phase": "shares"}})
    assert {s.SQL_UP: [((), 1.0)], s.SQL_LAG: []}.items() <= proof.rows().items()
    clock[0] = 2000.0
    assert proof.rows() == {s.LEDGER_UP: [((), 0.0)]}


async def test_the_exporter_asks_over_and_over_whoever_is_there():
    """Away at first, there later; an answer that is none is away, too."""
    answers = [httpx.Response(503, json={"detail": "no"}), httpx.Response(200, json=TOLD)]
    ledger = LedgerProxy("http://l", transport=httpx.MockTransport(lambda _: answers[0]))
    for expected in ("away", "late"):
        proof = Proof(lambda: 5000.0)
        task = asyncio.create_task(proof.following(ledger))
        await until(lambda proof=proof: proof.state() is not None, 30, "asked", pause=0.001)
        assert proof.state()["cause"] == expected
        await end_tasks([task])
        answers.pop(0)
    await ledger.close()


@pytest.mark.parametrize(
    "said",
    [
        {"status": "ok"}, {}, [], "x", None, 1, {**TOLD, "proved": None},
        {**TOLD, "proved": {"shown": "x", "days": None}},
        {**TOLD, "differences": [{"data": "days"}]}, {n: v for n, v in TOLD.items() if n != "compared"},
    ],
)  # fmt: skip
@pytest.mark.parametrize("status", [200, 400, 404])
async def test_another_program_there_harms_nothing(said, status):
    """Nor a ledger of another release: numbers are shown, and nobody is called proved; it is asked again."""
    ledger = LedgerProxy("http://l", transport=httpx.MockTransport(lambda _: httpx.Response(status, json=said)))
    proof = Proof(lambda: 1000.0)
    task = asyncio.create_task(proof.following(ledger))
    await until(lambda: proof.state() is not None, 30, "asked", pause=0.001)
    assert proof.state() == {"at": None, "differs": 0, "cause": "away"}
    assert proof.rows() == {s.LEDGER_UP: [((), 0.0)]}
    await asyncio.sleep(0)
    assert not task.done()
    await end_tasks([task])
    await ledger.close()
