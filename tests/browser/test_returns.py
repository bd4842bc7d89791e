"""Whom to call: who, since when, the working time left, worst first; whose it is decides on which walls it stands."""

import re
import time

from playwright.async_api import expect

from tests.browser.conftest import tile
from tests.browser.stage import ANNA, BORIS, IDLE, OLGA, PEOPLE

ROWS = "#returns li button"


async def test_worst_first_and_ticking(screen, view):
    """Misses, then leads, each by the working time left, which runs down each second and past the target."""
    await view.unanswered(
        ("lead", "c-1", OLGA, 20),
        ("miss", "c-2", BORIS, 700),
        ("miss", "c-3", ANNA, 1198.5),
        ("lead", "c-4", "unknown", 50 * 3600),
    )
    page = await screen.show()
    await expect(page.locator(f"{ROWS} b")).to_have_text(["c-3", "c-2", "c-4", "c-1"])
    whose = [f"{PEOPLE[ANNA][1]} · north", f"{PEOPLE[BORIS][1]} · north", "unassigned", f"{PEOPLE[OLGA][1]} · south"]
    await expect(page.locator(f"{ROWS} small.name")).to_have_text(whose)
    rows = page.locator("#returns li")
    await expect(rows.nth(0)).to_have_attribute("data-over", "1")
    await expect(rows.nth(0).locator("time")).to_have_text(re.compile(r"\d"))
    seen = await page.evaluate(
        """async () => { const found = [], node = document.querySelector('#returns li time');
        for (let i = 0; i < 30; i++) { found.push(node.textContent); await new Promise((r) => setTimeout(r, 100)); }
        return [...new Set(found)]; }"""
    )
    assert len(seen) in (3, 4), seen
    assert all(re.fullmatch(r"−0:0\d", value) for value in seen), seen
    await expect(rows.nth(1)).to_have_attribute("data-soon", "1")
    assert re.fullmatch(r"8:[12]\d", await rows.nth(1).locator("time").inner_text())
    assert await rows.nth(2).locator("time").inner_text() == "−50 h"
    assert await rows.nth(3).get_attribute("data-soon") == "0"
    await expect(page.locator("#returns .counts [data-what=miss]")).to_have_text("2missed1 late")
    await expect(page.locator("#returns .counts [data-what=lead]")).to_have_text("2leads1 late")
    assert re.search(r"\d\d:\d\d$", await rows.nth(0).locator(".since").inner_text())


async def test_a_target_that_is_over_is_counted_at_once(screen, view):
    """Between two answers of the exporter, too: the wall's own clock decides."""
    await view.unanswered(("lead", "c-1", OLGA, 296.5))
    page = await screen.show()
    await expect(page.locator("#returns .counts [data-what=lead]")).to_have_text("1leads")
    began = time.monotonic()
    await page.route("**/api/v1/live*", lambda _: None)
    await expect(page.locator("#returns .counts [data-what=lead]")).to_have_text("1leads1 late")
    assert time.monotonic() - began < 5
    await page.unroute("**/api/v1/live*")


async def test_both_kinds_have_room(screen, view):
    """However many leads lie about, clients who called are seen, and the other way round; the rest is counted."""
    page = await screen.show()
    await expect(page.locator("#returns li")).to_have_text(["Nobody to call back."])
    many, few = 300, 40
    for misses, leads in ((few, many), (0, many), (many, 1)):
        await view.unanswered(
            *[("miss", f"m-{n}", ANNA, 10 * n) for n in range(misses)],
            *[("lead", f"l-{n}", OLGA, 10 * n) for n in range(leads)],
        )
        await expect(page.locator("#returns .counts [data-what=lead] b")).to_have_text(str(leads))
        await expect(page.locator("#returns .counts [data-what=miss] b")).to_have_text(str(misses))
        names = await page.locator(f"{ROWS} b").all_inner_texts()
        assert len(names) > 4
        shown = [sum(name[0] == kind for name in names) for kind in "ml"]
        assert shown == {few: [3, 2], 0: [0, 5], many: [4, 1]}[misses] or len(names) != 5
        assert all(bool(one) == bool(all_) for one, all_ in zip(shown, (misses, leads), strict=True))
        last = page.locator("#returns li").last
        await expect(last).to_have_text(f"+ {misses + leads - len(names)} more")
        box, bottom = await page.locator("#returns").bounding_box(), await last.bounding_box()
        assert bottom["y"] + bottom["height"] <= box["y"] + box["height"]


async def test_whose_wall(screen, view):
    """A team sees its own clients, a person his own."""
    await view.unanswered(*[("miss", f"c-{who}", who, 60) for who in (ANNA, BORIS, OLGA, "unknown")])
    for address, clients in (
        ("level=team&id=north", [f"c-{ANNA}", f"c-{BORIS}"]),
        (f"level=manager&id={OLGA}", [f"c-{OLGA}"]),
    ):
        page = await screen.show(address)
        await expect(page.locator(f"{ROWS} b")).to_have_text(clients)
        await expect(page.locator("#returns .counts [data-what=miss] b")).to_have_text(str(len(clients)))


async def test_outside_working_hours_no_time_runs(screen, view):
    """It is said that the time stands still."""
    await view.unanswered(("miss", "c-1", ANNA, 60), team=IDLE)
    page = await screen.show()
    row = page.locator("#returns li")
    await expect(row).to_have_attribute("data-paused", "1")
    await page.wait_for_timeout(1200)
    assert await row.locator("time").inner_text() == "20:00"
    assert await row.locator("time").get_attribute("aria-label") == "20:00, outside working hours"


async def test_nobody_is_late_of_whom_nothing_is_known(screen, view):
    """While Kafka is silent somebody may have called: who is on the list stays, marked, and no time runs."""
    await view.unanswered(("miss", "c-1", ANNA, 4000), ("lead", "c-2", OLGA, 10))
    page = await screen.show()
    await expect(page.locator("#returns .counts [data-what=miss]")).to_have_text("1missed1 late")
    await view.beat(contact=12)
    await expect(page.locator("#notice")).to_contain_text("Kafka is not answering")
    rows = page.locator("#returns li")
    await expect(rows.locator("time")).to_have_text(["?", "?"])
    assert [await row.get_attribute("data-over") for row in await rows.all()] == ["0", "0"]
    await expect(page.locator("#returns .counts [data-what=miss]")).to_have_text("1missednot known")
    await view.beat()
    await expect(page.locator("#returns .counts [data-what=miss]")).to_have_text("1missed1 late")


async def test_tiles_of_what_became_of_them(screen, view):
    """Called back in time and leads touched in time, each against the period before."""
    page = await screen.show()
    assert await tile(page, "2-callbacks") == "41.7%"
    facts = page.locator(".tile[data-number='2-callbacks'] .fact")
    assert await facts.nth(0).inner_text() == "was 16.7%\n▲ +25 pts"
    assert await facts.nth(1).inner_text() == "called back\n75.0%"
    assert (await facts.nth(2).inner_text()).startswith("p90\n")
    assert await tile(page, "2-leads") == "70.0%"
    titles = await page.locator("#answers .title").all_inner_texts()
    assert titles == ["Called back in time", "Leads touched in time"]
