"""The page of a number over time: from a tile to its bars, any dates, tables, CSV, keyboard, phone, two languages."""

import asyncio
import csv
import io
import re
from datetime import date, timedelta

import pytest
from playwright.async_api import Page, expect

from metrics.measure import key
from tests.browser.conftest import ARTEFACTS
from tests.browser.stage import ANNA, CALLS, MONEY, PEOPLE, Field, busy_day, today
from tests.browser.test_people import measure

BACK = 70
SUM = sum(CALLS.values())


def calls_on(day: date) -> int:
    """Of everybody together."""
    return SUM if day == today() else sum(count + day.day for count in CALLS.values())


@pytest.fixture
def past(view):
    """Ten weeks of days before today."""

    async def fill() -> None:
        days = [today() - timedelta(days=back) for back in range(1, BACK)]
        await view.put(
            {
                (("d", day.toordinal()), Field(0, who, "")): busy_day(CALLS[who] + day.day, 2)
                for day in days
                for who in PEOPLE
            }
        )

    return fill


async def opened(screen, address: str) -> Page:
    """The page, with its numbers there."""
    await screen.page.goto(f"{screen.url}/history?{address}")
    await settled(screen.page)
    return screen.page


async def settled(page: Page) -> None:
    await page.wait_for_selector("body:not([aria-busy]) #title:not(:empty)")


async def bars(page: Page) -> list[str]:
    return [await one.get_attribute("data-from") for one in await page.locator("#bars .bar[data-from]").all()]


async def test_from_a_tile_to_its_days_and_back(screen, past):
    """Every tile with a past has its line, by one request; a click opens its page, and back is the wall."""
    await past()
    page = await screen.show("level=team&id=north&window=month")
    lines = page.locator(".tile .spark path:not(.area)")
    await expect(lines).to_have_count(13)  # plans have none: there is one of this month alone
    assert len([url for url in screen.requests if "/api/v1/sparks" in url]) == 1
    assert not [url for url in screen.requests if "/api/v1/history" in url]
    await page.locator(".tile[data-number='1']").click()
    await settled(page)
    await expect(page.get_by_role("heading", level=1)).to_have_text("Calls")
    assert "/history?kpi=sales_calls%3Asum&level=team&name=north" in page.url
    days = [(today() - timedelta(days=29 - back)).isoformat() for back in range(30)]
    assert await bars(page) == days
    await page.get_by_role("button", name="By week").click()
    await expect(page.locator("#bars-title")).to_contain_text("By week")
    await page.go_back()
    await expect(page.locator("#bars-title")).to_contain_text("By day")
    await page.get_by_role("link", name="Back to the wall").click()
    await expect(page.locator("#scope option:checked")).to_have_text("north")


async def test_dates_and_csv(screen, past):
    """Other dates are in the address; the CSV's rows add up to the number shown, and so do the table's."""
    await past()
    page = await opened(screen, "kpi=sales_calls:sum")
    first, last = today() - timedelta(days=40), today() - timedelta(days=12)
    await page.fill("#from", first.isoformat())
    await page.fill("#to", last.isoformat())
    await expect(page.locator("#bars .bar[data-from]")).to_have_count((last - first).days + 1)
    assert f"from={first}&to={last}" in page.url
    total = sum(calls_on(first + timedelta(days=back)) for back in range((last - first).days + 1))
    await expect(page.locator(".card b").first).to_have_text(f"{total:,}")
    async with page.expect_download() as download:
        await page.locator("#bars .csv").click()
    text = (await (await download.value).path()).read_text()
    assert sum(float(row["value"]) for row in csv.DictReader(io.StringIO(text))) == total
    await page.get_by_text("As a table").click()
    cells = await page.locator("#bars td[data-value]").all()
    assert sum([float(await cell.get_attribute("data-value")) for cell in cells]) == total
    async with page.expect_download() as download:
        await page.locator("#people .csv").click()
    rows = list(csv.DictReader(io.StringIO((await (await download.value).path()).read_text())))
    assert sum(float(row["current"]) for row in rows if row["kpi"] == "sales_calls:sum") == total
    url = page.url
    await page.reload()
    await settled(page)
    assert page.url == url
    await expect(page.locator(".card b").first).to_have_text(f"{total:,}")


@pytest.mark.slow
async def test_side_by_side(screen, past):
    """All people, by any KPI, either way; teams; one opens a page of his own."""
    await past()
    page = await opened(screen, "kpi=sales_calls:sum&range=month")
    names = page.locator("#people tbody td:first-child a")
    by_calls = [PEOPLE[who][1] for who in sorted(CALLS, key=CALLS.get, reverse=True)]
    await expect(names).to_have_text(by_calls)
    await page.get_by_role("button", name="Calls", exact=True).click()
    await expect(names).to_have_text(by_calls[::-1])
    await expect(page.locator("#people th[aria-sort=ascending]")).to_have_text("Calls")
    await page.get_by_role("button", name="Teams").click()
    await expect(names).to_have_text(["south", "north"])
    await names.nth(1).click()
    await settled(page)
    await expect(page.locator("#scope option:checked")).to_have_text("north")
    await expect(names).to_have_count(2)


async def test_nobody_is_a_row_where_there_is_something_of_nobody(screen, view, past):
    """Costs of a team are nobody's: a row of payback, and none of calls."""
    await past()
    costs = {(("d", today().toordinal()), Field(0, "unknown", "north")): {key("co", "ads", "RUB"): MONEY}}
    await view.put(costs)
    page = await opened(screen, "kpi=sales_payback:ratio")
    rows = page.locator("#people tbody tr")
    await expect(rows).to_have_count(len(PEOPLE) + 1)
    await expect(rows.last).to_contain_text("unassigned")
    page = await opened(screen, "kpi=sales_calls:sum")
    await expect(rows).to_have_count(len(PEOPLE))
    await expect(page.locator("#people")).not_to_contain_text("unassigned")


async def test_a_page_comes_when_the_exporter_does(screen, past):
    """What is away is said, and asked for again; until then nothing is shown that there are no numbers of."""
    await past()
    away = [503, 502]

    async def answer(route):
        if not away:
            await route.continue_()
        else:
            await route.fulfill(status=away.pop(), json={"detail": "workers are silent"})

    screen.expected += "|50[23]"
    await screen.page.route("**/api/v1/compare?*", answer)
    await screen.page.goto(f"{screen.url}/history?kpi=sales_calls:sum")
    problem = screen.page.locator("#problem")
    await expect(problem).to_have_text("The numbers are not available: workers are silent. Trying again…")
    await expect(screen.page.get_by_text("As a table")).to_be_hidden()
    await settled(screen.page)
    await expect(problem).to_be_hidden()
    await expect(screen.page.get_by_text("As a table")).to_be_visible()
    assert away == []


async def test_an_explanation_comes_when_the_ledger_does(screen, past):
    """While a ledger still reads, the dialog says so and asks again."""
    await past()
    behind = [True, True]
    found = {
        "family": "sales_calls", "labels": {}, "unit": "short", "count": 1, "total": "1", "truncated": False,
        "entities": [{"id": "c-1", "title": "Call", "client": "cl-1", "manager": ANNA, "contribution": "1"}],
    }  # fmt: skip

    async def answer(route):
        if behind:
            behind.pop()
            await route.fulfill(status=503, json={"detail": "the ledger is behind: 7 records"})
        else:
            await route.fulfill(json=found)

    screen.expected += "|503"
    await screen.page.route("**/api/v1/explain?*", answer)
    page = await screen.show()
    await page.get_by_role("button", name="Why this number? Calls").click()
    facts = page.locator("#explain .facts")
    waits = "The events behind this number are not available yet. Trying again… (the ledger is behind: 7 records)"
    await expect(facts).to_have_text(waits)
    await expect(facts).to_contain_text("1 row adds up to 1", timeout=15_000)
    assert behind == []


async def test_an_answer_that_breaks_off_is_asked_for_again(screen, past):
    """An exporter that is ended while it answers: half of an answer is none, and no error of the page's program."""
    await past()

    async def half(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(half, "127.0.0.1", 0)
    port, broken = server.sockets[0].getsockname()[1], [True, True]

    async def answer(route):
        await route.continue_(**({"url": f"http://127.0.0.1:{port}/"} if broken and broken.pop() else {}))

    screen.expected += "|ERR_CONTENT_LENGTH_MISMATCH"
    await screen.page.route("**/api/v1/compare?*", answer)
    await screen.page.goto(f"{screen.url}/history?kpi=sales_calls:sum")
    problem = screen.page.locator("#problem")
    await expect(problem).to_have_text("The numbers are not available. Trying again…")
    await settled(screen.page)
    await expect(problem).to_be_hidden()
    server.close()


async def test_keyboard_and_screen_reader(screen, past):
    """Bars are reached by arrows and say their numbers; what can be pressed has a name; a table says the same."""
    await past()
    page = await opened(screen, f"kpi=sales_calls:sum&level=manager&name={ANNA}")
    last = page.locator("#bars .bar[data-from]").last
    await last.focus()
    await expect(page.locator("#bars .told")).to_contain_text(f"so far): {CALLS[ANNA]}")
    await page.keyboard.press("ArrowLeft")
    yesterday = today() - timedelta(days=1)
    await expect(page.locator("#bars .told")).to_contain_text(f"{CALLS[ANNA] + yesterday.day}")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("dialog")).to_be_visible()
    await page.keyboard.press("Escape")
    await page.keyboard.press("Home")
    focused = await page.evaluate("document.activeElement.getAttribute('data-from')")
    assert focused == (today() - timedelta(days=29)).isoformat()
    devtools = await screen.context.new_cdp_session(page)
    tree = (await devtools.send("Accessibility.getFullAXTree"))["nodes"]
    roles = {"button", "combobox", "link", "image", "region", "group", "dialog", "Date"}
    met = [(node["role"]["value"], node.get("name", {}).get("value", "")) for node in tree if not node.get("ignored")]
    assert [role for role, name in met if role in roles and not name.strip()] == []
    screen.expected = f"{screen.expected}|503|501"


_SLOW = [pytest.param(size, marks=pytest.mark.slow) for size in ((1280, 800), (1920, 1080))]


@pytest.mark.parametrize("size", [(375, 800), *_SLOW], ids=lambda size: f"{size[0]}x{size[1]}")
async def test_sizes_and_languages(screen, past, size):
    """Nothing reaches beyond the screen, in Russian too, where no English word is left but names; pictures are kept."""
    await past()
    for kpi in ("sales_won_amount:sum&range=12m&step=month", "sales_response_seconds:p50&label.channel=call"):
        page = await opened(screen, f"kpi={kpi}&lang=ru")
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    english = re.compile(r"[A-Za-z]{3,}")
    names = {*(word for team, name in PEOPLE.values() for word in f"{team} {name}".split()), "CSV"}
    shown = await page.evaluate("document.querySelector('main').innerText + document.querySelector('header').innerText")
    assert not [word for word in english.findall(shown) if word not in names]
    page = await opened(screen, "kpi=sales_won_amount:sum&step=day&range=30d")
    await expect(page.locator("#plan")).to_be_visible()
    await expect(page.locator("#plan .done").first).to_be_attached()
    ARTEFACTS.mkdir(exist_ok=True)
    await page.screenshot(path=ARTEFACTS / f"history-{size[0]}.png", full_page=True, animations="disabled")


@pytest.mark.slow
@pytest.mark.parametrize("theme", ["dark", "light"])
async def test_contrast(screen, past, theme):
    """Text at 4.5:1, large text and shapes at 3:1."""
    await past()
    page = await opened(screen, f"kpi=sales_won_amount:sum&theme={theme}")
    counted, low = await page.evaluate(measure("contrast"))
    assert counted > 50
    assert low == []
