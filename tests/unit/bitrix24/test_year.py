"""A year of a portal's life and what can happen to it, within its limits: the numbers are those of its final state."""

import asyncio
import contextlib
import time
from datetime import timedelta

import pytest

from producers.connectors.bitrix24.errors import Bitrix24Error
from producers.connectors.bitrix24.portal.patience import LONG
from producers.connectors.bitrix24.sync.backfill import Backfill
from producers.events import REFERENCE_TYPES, wire
from streams.plain import recompute
from tests.support.bitrix24_portal import Postman, serve_portal
from tests.support.bitrix24_year import COSTS, Bucket, Year, portal_of
from tests.unit.bitrix24.oracle import RULES, expected, summary
from tests.unit.bitrix24.support import connected
from tests.unit.bitrix24.test_law import differences, hour

REFERENCE = {kind.encode() for kind in REFERENCE_TYPES}
SMALL = {"deals": 120, "calls": 120, "leads": 20}
WHOLE = {"deals": 50_000, "calls": 300_000, "leads": 20_000}


class Lean:
    """Keeps every event as consumers read it, and no more."""

    def __init__(self):
        self.events, self.letters, self.fail_after = [], 0, 0

    async def publish_many_raw(self, records, *, reference=False):
        values = [value for _, value in records]
        self.events += [] if reference else [wire.decode(value) for value in values]
        return len(values)

    async def publish_letters(self, letters):
        self.letters += len(letters)


class ToldLines:
    """What a backfill says of its progress."""

    def __init__(self):
        self.lines = []

    def advance(self, count, done, where=""):
        self.lines.append(where)


class Passing:
    """Somebody who waits lets the portal's time go by."""

    def __init__(self, life):
        self.life = life

    async def __call__(self, seconds):
        self.life.now += timedelta(seconds=seconds)
        await asyncio.sleep(0)


def joined(portal, folder, publisher, **more):
    """A connector whose limits and waits go by the portal's clock."""
    rest = {"limiter": Bucket(portal.life, 2, 40), "sleep": Passing(portal.life), "patience": 1.0}
    limits = {"bitrix24_requests_per_second": 2.0, "bitrix24_burst": 40}
    return connected(portal, folder, publisher, rest=rest, **limits | more)


def budget(portal, began):
    """What was used of the limits since then: requests, and seconds of the busiest method; as shares."""
    seconds = (portal.life.now - began).total_seconds()
    busiest = max(COSTS, key=lambda method: COSTS[method] * portal.methods.get(method, 0))
    worked = COSTS[busiest] * portal.methods.get(busiest, 0)
    return {
        "hours": seconds / 3600, "requests": portal.requests, "share": portal.requests / (2 * seconds),
        "busiest": busiest, "its share": worked / (seconds * 480 / 600), "calls": sum(portal.methods.values()),
    }  # fmt: skip


def within(portal, began):
    """Nothing was refused for a limit, and no more was asked than the portal takes."""
    used = budget(portal, began)
    assert portal.blocked == 0
    assert used["requests"] <= 2 * used["hours"] * 3600 + 50
    assert used["its share"] <= 1
    return used


async def trouble(portal, postman, connector, minutes):
    """Minutes in which the portal says no: hooks come, and nothing else works."""
    for _ in range(minutes):
        portal.life.live(60)
        await postman.deliver()
        for run in (connector.synchronizer.drain, connector.reconciler.run, connector.reconciler.chats):
            with contextlib.suppress(Bitrix24Error):
                await run()


@pytest.mark.timeout(7200)
@pytest.mark.parametrize("size", [SMALL, pytest.param(WHOLE, marks=pytest.mark.slow)], ids=["small", "whole"])
async def test_a_year(tmp_path, size):  # noqa: PLR0915 - a story
    """Backfill, hooks lost, a rename, rights lost and given back, a revoked webhook, restarts; oddities and limits."""
    minutes = 3 if size is SMALL else 12
    life, publisher = Year(9, people=50 if size is SMALL else 5000), Lean()
    life.fill(**size)
    life.users[1]["UF_DEPARTMENT"], life.users[2]["NAME"] = 2, None
    portal = portal_of(life)
    began, started = life.now, time.process_time()
    arrived = []
    async with serve_portal(portal):
        async with joined(portal, tmp_path, publisher) as (connector, client):
            connector.portal.patience.waits = LONG
            told = ToldLines()
            assert await Backfill(connector.parts, connector.synchronizer, connector.reconciler).run(told)
            print("backfill", budget(portal, began), f"{time.process_time() - started:.0f} CPU-s")
            postman = Postman(portal, client, lost=0.1, twice=0.1)
            await hour(portal, postman, connector, publisher, minutes)
            # Renamed: the old address answers 302, and hooks come from the new one.
            portal.moved = "new-name.example"
            await trouble(portal, postman, connector, 2)
            arrived += postman.arrived
        portal.moved, portal.url = "", portal.url.replace("127.0.0.1", "localhost")
        async with joined(portal, tmp_path, publisher) as (connector, client):
            postman = Postman(portal, client, lost=0.1, twice=0.1)
            await hour(portal, postman, connector, publisher, minutes)
            deleted = sum(event.type == "sales.deal.deleted.v1" for event in publisher.events)
            gone = life.done.get("delete_deal", 0)
            portal.hidden = {("deal", number) for number in list(life.tables["deal"])[::3]}
            portal.forbidden = {"voximplant.statistic.get"}
            await trouble(portal, postman, connector, minutes)
            there = sum(event.type == "sales.deal.deleted.v1" for event in publisher.events)
            assert there - deleted <= life.done.get("delete_deal", 0) - gone + life.done.get("edit_deal", 0)
            portal.hidden, portal.forbidden = set(), set()
            portal.locked = "expired_token"
            await trouble(portal, postman, connector, 2)
            assert connector.store.waiting()[0] > 0
            arrived += postman.arrived
            portal.locked = ""
        async with joined(portal, tmp_path, publisher) as (connector, client):
            connector.portal.patience.waits = LONG
            postman = Postman(portal, client, lost=0.1, twice=0.1)
            await hour(portal, postman, connector, publisher, minutes)
            life.finish()
            await postman.deliver()
            arrived += postman.arrived
            await connector.reconciler.run(whole=True)
            await connector.reconciler.chats(whole=True)
            wanted = expected(life, arrived, connector.identity)
            found = summary(recompute(publisher.events, RULES))
            assert found == wanted, differences(wanted, found)
    used = within(portal, began)
    print("all", used, f"{len(publisher.events):,} events, {time.process_time() - started:.0f} CPU-s")
    assert postman.dropped > 0
    assert publisher.letters > 0, "negative amounts"


@pytest.mark.timeout(7200)
@pytest.mark.parametrize("deals", [1200, pytest.param(200_000, marks=pytest.mark.slow)])
async def test_a_backfill_of_many_deals(tmp_path, deals):
    """At the documentation's costs: how long it takes, what it uses of the limits, and that it says how far it is."""
    life, publisher = Year(5, people=deals // 10), Lean()
    life.fill(deals=deals)
    portal = portal_of(life)
    began, started = life.now, time.process_time()
    async with serve_portal(portal), joined(portal, tmp_path, publisher) as (connector, _):
        connector.portal.patience.waits = LONG
        told = ToldLines()
        job = Backfill(connector.parts, connector.synchronizer, connector.reconciler)
        assert await job.run(told, only=["deals"])
    used = within(portal, began)
    print(used, f"{time.process_time() - started:.0f} CPU-s")
    print(*told.lines[:: max(1, len(told.lines) // 8)], told.lines[-1], sep="\n")
    written = sum(deal.get("isRecurring") != "Y" and deal["opportunity"] >= 0 for deal in life.tables["deal"].values())
    assert len(publisher.events) == written
    shares = [int(line.partition(" % of all")[0].rpartition(", ")[2]) for line in told.lines]
    assert shares == sorted(shares)
    assert shares[-1] == 100
    assert all("left" in line for line, share in zip(told.lines, shares, strict=True) if share < 100)
