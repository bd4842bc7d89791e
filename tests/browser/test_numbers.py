"""The wall says what the exporter says: fifteen tiles, every scope and window, plan, leaders, who waits."""

import re

import pytest
from playwright.async_api import expect

from tests.browser.conftest import tile
from tests.browser.stage import ANNA, BORIS, CALLS, OLGA, PEOPLE, WON


async def test_fifteen_tiles_have_their_numbers(screen):
    """Each KPI has a tile with a title, a number, and for what is compared a trend with its direction."""
    page = await screen.show()
    assert [await node.get_attribute("data-number") for node in await page.locator(".tile").all()] == [
        *(str(number) for number in range(1, 16)),
        "2-callbacks",
        "2-leads",
    ]
    values = await page.locator(".tile .value").all_inner_texts()
    assert all(re.search(r"\d", value) for value in values), values
    assert await tile(page, 1) == str(sum(CALLS.values()))
    assert await tile(page, 4) == "₽250K"
    assert await tile(page, 5) == "7"
    assert await tile(page, 6) == "40.0%"
    assert await tile(page, 8) == "4.50"
    assert await tile(page, 9) == "₽50.0K"
    assert await tile(page, 11) == "₽400K"
    assert await tile(page, 12) == "9.0 d"
    assert await tile(page, 13) == "25.0%"
    facts = page.locator(".tile[data-number='1'] .fact")
    assert await facts.nth(0).inner_text() == "was 20\n▲ +100%"
    assert await facts.nth(0).get_attribute("data-is") == "good"
    lost = page.locator(".tile[data-number='3'] .fact").nth(0)
    assert await lost.get_attribute("data-is") == "bad"


async def test_no_number_is_a_dash(screen, view):
    """A manager who did nothing today has dashes, not zeros."""
    await view.reference({"manager:m-9": {"type": "sales.manager.changed.v1", "data": {
        "manager_id": "m-9", "name": "New One", "team_id": "north", "active": True}}})  # fmt: skip
    page = await screen.show("level=manager&id=m-9")
    await expect(page.locator("#scope option:checked")).to_have_text("New One")
    for number in (2, 3, 4, 6, 8, 9, 10, 12, 13, 14, 15):
        assert await tile(page, number) == "–", number
    assert await page.locator(".tile[data-number='8'] .fact small").first.inner_text() == "was –"


async def test_scopes_and_windows(screen):
    """Company, team and manager by the list; day to year by the buttons; the address follows."""
    page = await screen.show()
    await page.select_option("#scope", label="north")
    await expect(page.locator(".tile[data-number='1'] .value")).to_have_text("32")
    assert page.url.endswith("#level=team&id=north&window=day")
    await page.select_option("#scope", label=PEOPLE[OLGA][1])
    await expect(page.locator(".tile[data-number='1'] .value")).to_have_text("8")
    await page.get_by_role("radio", name="Year").click()
    await expect(page.get_by_role("radio", name="Year")).to_be_checked()
    await expect(page.locator(".tile[data-number='1'] .value")).not_to_have_text("8")
    assert page.url.endswith(f"#level=manager&id={OLGA}&window=year")


async def test_every_view_has_an_address(screen):
    """A link leads to its view, also while the wall is open; what does not exist is the whole company today."""
    page = await screen.show("level=team&id=south&window=month")
    await expect(page.locator("#scope option:checked")).to_have_text("south")
    await expect(page.get_by_role("radio", name="Month")).to_be_checked()
    assert await page.title() == "south · Sales Pulse"
    await page.evaluate(f"location.hash = 'level=manager&id={ANNA}&window=day'")
    await expect(page.locator(".tile[data-number='1'] .value")).to_have_text(str(CALLS[ANNA]))
    await page.evaluate("location.hash = 'level=galaxy&window=eon'")
    await expect(page.locator(".tile[data-number='1'] .value")).to_have_text(str(sum(CALLS.values())))
    screen.expected += "|400"
    await page.evaluate("location.hash = 'level=manager&id=long-gone'")
    await expect(page.locator("#scope option:checked")).to_have_text("long-gone")


async def test_plan_bars(screen, view):
    """Each period has its bar: as long as the share reached, a mark where it should be, both in words."""
    page = await screen.show()
    bars = page.locator("#plan .bar")
    await expect(bars).to_have_count(3)
    month = await bars.nth(0).get_attribute("aria-label")
    width, track = [await bars.nth(0).locator(part).bounding_box() for part in (".track i", ".track")]
    share = float(re.search(r"([\d.]+)%", month).group(1)) / 100
    assert "of ₽2.00M" in month
    assert "forecast" in month
    assert abs(width["width"] / track["width"] - min(1, share)) < 0.01
    await page.select_option("#scope", label="south")
    await expect(page.locator("#plan .empty")).to_have_text("No plan is set for this period.")


@pytest.mark.parametrize("language", ["en", "ru"])
async def test_a_forecast_without_a_range_is_read_from_afar(screen, language):
    """That there is none yet, or from when on, leaves the line nearly as large as the one above it."""
    page = await screen.show(language=language)
    lines = page.locator("#plan small:last-child")
    said = {"en": r"\((no range yet|range from .+)\)", "ru": r"\((без интервала|интервал с .+)\)"}
    await expect(lines).to_have_text([re.compile(said[language])] * 3)
    sizes = await page.evaluate(
        "[...document.querySelectorAll('#plan small')].map(n => parseFloat(getComputedStyle(n).fontSize))"
    )
    assert min(sizes) > 0.75 * max(sizes), sizes


_AHEAD = """async (plans) => {
  const { drawPlan } = await import("./wall/panels.js"), root = document.createElement("div");
  root.innerHTML = '<div class="bars"></div>';
  drawPlan(root, { plan: plans });
  return [...root.querySelectorAll(".bar small:last-child")].map((node) => node.textContent);
}"""


async def test_a_period_without_a_working_hour_has_its_forecast(screen):
    """On the first morning of a month, and on holidays after it, there is no pace, but there are bounds."""
    page = await screen.show()
    of = {"window": "month", "measure": "won_amount", "actual": 100_000, "target": 2_000_000}
    begun, idle = of | {"to_date": 500_000}, of | {"to_date": 0}
    bounds, none = {"low": 1_100_000, "high": 2_300_000}, {"withheld": {"reason": "few_past_periods", "from": None}}
    plans = [begun | bounds, begun, idle | bounds, idle, idle | none]
    said = ["forecast ₽400K (₽1.10–2.30M)", "forecast ₽400K", "forecast ₽1.10–2.30M", "", ""]
    assert await page.evaluate(_AHEAD, plans) == said


async def test_leaders(screen):
    """Managers by what they won, each a link to their own wall; at company level teams too."""
    page = await screen.show()
    names = page.locator("#leaders li .name")
    await expect(names).to_have_text([PEOPLE[who][1] for who in sorted(WON, key=WON.get, reverse=True)])
    await page.get_by_role("button", name="Teams").click()
    await expect(names).to_have_text(["north", "south"])
    await names.nth(0).click()
    await expect(names).to_have_text([PEOPLE[ANNA][1], PEOPLE[BORIS][1]])
    await expect(page.locator("#boards")).to_be_hidden()
    await names.nth(1).click()
    await expect(page.locator("#scope option:checked")).to_have_text(PEOPLE[BORIS][1])
    await page.keyboard.press("Escape")
    await expect(page.locator("#scope option:checked")).to_have_text("Whole company")


async def test_waiting_clients_tick_and_turn_overdue(screen, view):
    """Each second the wait grows; past the target it is marked, and counted as late."""
    await view.waiting(("call", BORIS, 17.5), ("chat", "unknown", 3))
    page = await screen.show()
    rows = page.locator("#waiting li")
    await expect(rows.locator(".who")).to_have_text([f"{PEOPLE[BORIS][1]} · north", "unassigned"])
    # On a machine that is busy the first answer may be some seconds old: then nothing is known yet.
    await expect(rows.nth(0).locator("time")).to_have_text(re.compile(r"\d"))
    seen = await page.evaluate(
        """async () => { const found = [], node = document.querySelector('#waiting li time');
        for (let i = 0; i < 30; i++) { found.push(node.textContent); await new Promise((r) => setTimeout(r, 100)); }
        return [...new Set(found)]; }"""
    )
    assert len(seen) in (3, 4), seen
    assert all(re.fullmatch(r"0:(1[789]|2[0-9])", value) for value in seen), seen
    await expect(rows.nth(0)).to_have_attribute("data-over", "1")
    await expect(page.locator("#waiting [data-channel=call]")).to_have_text("1calls1 late")
    await expect(page.locator("#waiting [data-channel=chat]")).to_have_text("1chats")


async def test_many_wait(screen, view):
    """The longest waits are shown whole, the rest is counted; nobody waiting is said."""
    page = await screen.show()
    await expect(page.locator("#waiting li")).to_have_text(["Nobody is waiting."])
    await view.waiting(*[("call", BORIS, number) for number in range(60)])
    await expect(page.locator("#waiting [data-channel=call] b")).to_have_text("60")
    rows = page.locator("#waiting li")
    count = await rows.count()
    assert count > 4
    await expect(rows.last).to_have_text(f"+ {60 - count + 1} more")
    box, last = await page.locator("#waiting").bounding_box(), await rows.last.bounding_box()
    assert last["y"] + last["height"] <= box["y"] + box["height"]
