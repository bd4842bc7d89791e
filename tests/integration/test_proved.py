"""A day in fast motion on a real Kafka, Redis and worker: nothing is found, until a part is changed in Redis."""

import asyncio
import random
import time

import pytest

from producers.topics import ensure
from tests.support.proving import LedgerProgram, falsify
from tests.support.workers import floor, house, until

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(1500)]
EVENTS = 12_000
SECONDS = 240


async def test_a_day_in_fast_motion(kafka, redis_url, topic_prefix, app_id, tmp_path):
    """Events of a floor, some late, twice or corrected; the ledger is killed at random moments and proves again."""
    rng = random.Random(3)
    with house(kafka, redis_url, topic_prefix, app_id, tmp_path) as where:
        await ensure(where.kafka)
        where.worker()
        ledger = LedgerProgram(tmp_path, where.environment)
        ledger.start_process()
        try:
            events = floor(EVENTS, managers=10, days=20)
            sending = asyncio.create_task(_send(where, events, rng))
            await _watch(ledger, sending, rng)
            assert ledger.proofs >= 2
            sent = sending.result()
            assert sent > len(events) > EVENTS // 2
            await _falsified(ledger, redis_url, app_id)
        finally:
            ledger.kill()
        assert "Traceback" not in ledger.log.read_text()
        verdict = await where.verdict()
        # Late ones are stale where something newer was there, those sent twice duplicates: each is one of them.
        assert (verdict.records, verdict.outcomes.total()) == (sent, sent)
        assert verdict.different == {"parts": 1}, "the audit by command finds what was changed, and nothing else"


async def _send(where, events, rng):
    """Publish them over so many seconds; says how many were sent."""
    began, sent = time.monotonic(), 0
    held = []
    for first in range(0, len(events), 50):
        some = events[first : first + 50]
        late = [one for one in some if rng.random() < 0.1]
        held += late
        again = rng.sample(some, 3)
        back = [held.pop(rng.randrange(len(held))) for _ in range(min(len(held), rng.randrange(4)))]
        sent += await where.publish([*(one for one in some if one not in late), *again, *back])
        await asyncio.sleep(max(0.0, began + SECONDS * first / len(events) - time.monotonic()))
    return sent + await where.publish(held)


async def _watch(ledger, sending, rng):
    """Over several lives of the ledger nothing ever differs."""
    while not sending.done():
        life = time.monotonic() + rng.uniform(25, 60)
        while time.monotonic() < life and not sending.done():
            await asyncio.to_thread(ledger.look)
            assert ledger.differences == []
            await asyncio.sleep(0.5)
        ledger.kill()
        ledger.start_process()
    await sending


async def _falsified(ledger, redis_url, app_id):
    before = time.time()
    await until(lambda: ledger.look() or ledger.proved > before - 30, 120, "proved at the end")
    falsify(redis_url, app_id)
    began = time.monotonic()
    await until(lambda: ledger.look() or ledger.differences, 600, "the falsified part is found", pause=1)
    print(f"found after {time.monotonic() - began:.0f} s")
    (found,) = ledger.differences
    assert (found["data"], found["count"]) == ("days", 1)
    assert "the view differs from the log" in ledger.log.read_text()
