"""A day in fast motion on a real Kafka, Redis and worker: nothing is found, until a part is changed in Redis."""

import asyncio
import random
import subprocess
import sys
import time

import httpx
import pytest
from redis import Redis

from deploy.stack.ports import free_port
from metrics.view import Keys, decode_part, encode_part, split
from producers.topics import ensure
from tests.support.workers import ROOT, end, floor, house, until

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(1500)]
EVENTS = 12_000
SECONDS = 240


class LedgerProcess:
    """`sales-pulse ledger`, killed and started again."""

    def __init__(self, where, folder):
        self.port = free_port()
        self.environment = {
            **where.environment,
            "SALES_LEDGER_LISTEN": f"127.0.0.1:{self.port}",
            "SALES_LEDGER_URL": f"sqlite:///{folder / 'ledger.sqlite'}",
            "SALES_AUDIT_SHARE": "0.5",
        }
        self.log = folder / "ledger.log"
        self.process = None

    def start(self):
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                (sys.executable, "-m", "deploy.cli", "ledger"), env=self.environment, stdout=log, stderr=log, cwd=ROOT
            )

    def told(self):
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}/api/v1/audit", timeout=5).json()
        except httpx.TransportError:
            return {"proved": {"shown": None}, "differences": [], "problem": "not there"}


async def test_a_day_in_fast_motion(kafka, redis_url, topic_prefix, app_id, tmp_path):
    """Events of a floor, some late, twice or corrected; the ledger is killed at random moments and proves again."""
    rng = random.Random(3)
    with house(kafka, redis_url, topic_prefix, app_id, tmp_path) as where:
        await ensure(where.kafka)
        where.worker()
        ledger = LedgerProcess(where, tmp_path)
        ledger.start()
        try:
            events = floor(EVENTS, managers=10, days=20)
            sending = asyncio.create_task(_send(where, events, rng))
            proofs = await _watch(ledger, sending, rng)
            assert proofs >= 2
            sent = sending.result()
            assert sent > len(events) > EVENTS // 2
            await _falsified(ledger, redis_url, app_id)
        finally:
            end(ledger.process)
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
    """How often all was proved, over several lives of the ledger; nothing ever differs."""
    proofs, last = 0, None
    while not sending.done():
        life = time.monotonic() + rng.uniform(25, 60)
        while time.monotonic() < life and not sending.done():
            told = await asyncio.to_thread(ledger.told)
            assert told["differences"] == [], told
            if (at := told["proved"]["shown"]) is not None and at != last:
                proofs, last = proofs + 1, at
            await asyncio.sleep(0.5)
        end(ledger.process)
        ledger.start()
    await sending
    return proofs


async def _falsified(ledger, redis_url, app_id):
    before = time.time()
    await until(lambda: (ledger.told()["proved"]["shown"] or 0) > before - 30, 120, "proved at the end")
    redis, keys = Redis.from_url(redis_url), Keys(app_id)
    name = max(key for key in redis.scan_iter(keys.all_cells) if b":cells:d:" in key)
    field, value = next(iter(redis.hgetall(name).items()))
    part = decode_part(split(value)[1])
    measure = next(iter(part))
    redis.hset(name, field, value[:16] + encode_part({**part, measure: part[measure] + 1}))
    began = time.monotonic()
    await until(lambda: ledger.told()["differences"], 600, "the falsified part is found", pause=1)
    print(f"found after {time.monotonic() - began:.0f} s")
    (found,) = ledger.told()["differences"]
    assert (found["data"], found["count"]) == ("days", 1)
    assert "the view differs from the log" in ledger.log.read_text()
    redis.close()
