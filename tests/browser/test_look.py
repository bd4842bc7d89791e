"""How numbers stand on the wall: with the same digits, in the same size, and no notice on them."""

import asyncio
import re

import pytest
from playwright.async_api import expect

from tests.browser.stage import ANNA, BORIS, MONEY, Field, busy_day, key, today

EACH_SIZE = pytest.mark.parametrize("size", [(1920, 1080), (1280, 720), (390, 844)], ids=lambda s: f"{s[0]}x{s[1]}")
WIDTHS = ((1280, 720), (1366, 768), (1920, 1080), (2560, 1440), (3840, 2160), (1080, 1920), (390, 844))
ALIKE = {
    "currency": [
        (45, 47),
        (50_000, 50_049),
        (9_998, 1_234),
        (98_348, 10_000),
        (4_500_000, 4_470_000),
        (999_400, 100_000),
        (12_000_000, 12_340_000),
    ],
    "percentunit": [(0.4, 0.417), (1.5, 1.234), (0.0, 0.01), (12.0, 34.56), (9.98, 1.001)],
    "growth": [(0.12, 0.123), (-0.05, -0.051), (1.5, 1.234)],
    "s": [(8.0, 8.4), (30, 29.6), (60, 31), (120, 126), (3600, 3700), (7200, 7300), (432_000, 440_000)],
    "d": [(15, 15.6), (9, 8.96)],
    "mean": [(4.5, 4.47), (4, 4.01), (0.6, 0.61)],
    "short": [(120, 121), (2_000_000, 2_340_000)],
}
"""Unit → numbers of the same size, of which one would do with fewer digits."""
NEIGHBOURS = {
    "currency": (
        [1_000, 9_994, 10_000, 98_348, 99_999, 102_000, 999_499, 1_020_000, 10_000_000, 2_345_000_000],
        3,
        None,
    ),
    "percentunit": ([0.999, 1.001, 9.98, 9.995, 10.2, 99.9, 123.4], None, 1),
    "growth": ([-9.98, -10.2, 0.999, 1.001, 9.98, 10.2], None, 1),
    "d": ([9.96, 10, 99.9, 100.4, 1200], None, 1),
    "mean": ([9.99, 10, 99.9, 1234], None, 2),
    "short": ([998, 1_002, 99_998, 100_002, 999_400, 1_002_000], None, 0),
}
"""Unit → numbers that may stand below one another, and how many digits each has in all, or after the point."""
_LENGTHS = """async ([language, pairs]) => {
  const { setLanguage } = await import("./wall/words.js"), { show, change, points } = await import("./wall/format.js");
  setLanguage(language);
  const alike = (texts) => (texts[0].length === texts[1].length ? [] : [texts.join(" / ")]);
  const both = (pair, write) => pair.map((value) => write(value));
  const changes = [[0.03, 0.034], [0.1, 0.095], [0.12, 0.126]]
    .flatMap((pair) => [both(pair, change), both(pair, points)]);
  const shown = Object.entries(pairs)
    .flatMap(([unit, all]) => all.map((pair) => both(pair, (value) => show(value, unit))));
  return [...shown, ...changes].flatMap(alike);
}"""
_SHOWN = """async ([language, all]) => {
  const { setLanguage } = await import("./wall/words.js"), { brief, show } = await import("./wall/format.js");
  setLanguage(language);
  return all.map(([value, unit]) => [show(value, unit), brief(value, unit)]);
}"""
_LASTING = """async ([language, texts]) => {
  const { setLanguage } = await import("./wall/words.js"), { lasting } = await import("./wall/format.js");
  setLanguage(language);
  return texts.map(lasting);
}"""
_SIZES = """() => {
  const sizes = (nodes) => [...nodes].map((node) => getComputedStyle(node).fontSize);
  return Object.fromEntries([...document.querySelectorAll(".tile")].map((tile) => [tile.dataset.number,
    [".value", ".fact b"].map((which) => sizes(tile.querySelectorAll(which)))]));
}"""
_LEAST = """(which) => Math.min(...[...document.querySelectorAll(which)].filter((node) => node.textContent.trim())
  .map((node) => parseFloat(getComputedStyle(node).fontSize)))"""
_COVERED = """() => {
  scrollTo(0, document.documentElement.scrollHeight);
  const notice = document.getElementById("notice").getBoundingClientRect();
  return [...document.querySelectorAll(".tile, .panel")].filter((node) => node.checkVisibility()
    && node.getBoundingClientRect().bottom > notice.top + 0.5).map((node) => node.outerHTML.slice(0, 120));
}"""
_TOO_HIGH = """async (language) => {
  const { setLanguage, word } = await import("./wall/words.js"), { text } = await import("./wall/tiles.js");
  const node = document.getElementById("notice"), range = document.createRange();
  setLanguage(language);
  node.hidden = false;
  return ["lost", "refused", "stale", "lacking", "redis", "worker", "slow", "kafka"].filter((cause) => {
    text(node, word(`${cause}Notice`));
    range.selectNodeContents(node);
    const said = range.getBoundingClientRect(), box = node.getBoundingClientRect();
    return said.top < box.top || said.bottom > box.bottom || said.left < box.left || said.right > box.right;
  });
}"""
_HIDDEN = """() => {
  const lines = (node) => {
    const range = document.createRange();
    range.selectNodeContents(node);
    return [...range.getClientRects()];
  };
  const isOver = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
  const over = (box) => [...box.querySelectorAll(".title, .value, small, b")].filter((node) => node.textContent.trim()
    && lines(node).some((line) => isOver(line, box.querySelector(".why").getBoundingClientRect())));
  const scope = document.getElementById("scope"), style = getComputedStyle(scope);
  const pen = document.createElement("canvas").getContext("2d");
  pen.font = `${style.fontWeight} ${style.fontSize} ${style.fontFamily}`;
  const room = scope.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
  const cut = pen.measureText(scope.selectedOptions[0].text).width > room ? [scope.selectedOptions[0].text] : [];
  const boxes = [...document.querySelectorAll(".box:has(> .why)")];
  return [boxes.length, [...cut, ...boxes.flatMap((box) => over(box).map((node) => node.textContent))]];
}"""
_WATCH = """() => { window.shifts = []; new PerformanceObserver((list) => { for (const one of list.getEntries())
  window.shifts.push(one.sources.map((s) => s.node?.parentElement?.outerHTML?.slice(0, 200))); })
  .observe({ type: "layout-shift" }); }"""


@pytest.mark.parametrize("language", ["en", "ru"])
async def test_a_kind_of_number_has_the_same_digits(screen, language):
    """4.5 is not followed by 4.47: a number that changes a little is as long as before."""
    page = await screen.show()
    assert await page.evaluate(_LENGTHS, [language, ALIKE]) == []


@pytest.mark.parametrize("language", ["en", "ru"])
async def test_neighbours_look_alike(screen, language):
    """No number of a list changes its form for being a little greater than the one below it: not 98,348 and 102K."""
    page = await screen.show()
    point = "." if language == "en" else ","
    for unit, (values, digits, places) in NEIGHBOURS.items():
        for shown in await page.evaluate(_SHOWN, [language, [[value, unit] for value in values]]):
            for text in shown:
                if digits is not None:
                    assert len(re.findall(r"\d", text)) == digits, (unit, shown)
                else:
                    after = text.rpartition(point)[2] if places else ""
                    assert len(re.findall(r"\d", after)) == places, (unit, shown)
                assert (unit == "currency") == bool(re.search(r"[KMB]|тыс|млн|млрд", text)), (unit, shown)


async def _rated(view, score: int, count: int, amount: int) -> None:
    """Other ratings, shares and sums than before."""
    day = busy_day(20, 9) | {key("gs"): score, key("gc"): count, key("rv", "RUB"): amount * MONEY, key("lw"): count}
    await view.put({(("d", today().toordinal()), Field(0, ANNA, "")): day})


@EACH_SIZE
async def test_a_number_that_changes_keeps_its_size(screen, view, size):
    """Neither a tile's number nor its facts become larger or smaller, and nothing moves."""
    for language in ("en", "ru"):
        await _rated(view, 9, 2, 450_000)
        page = await screen.show("level=team&id=north&window=day", language=language)
        value = page.locator(".tile[data-number='8'] .value")
        await expect(value).to_have_text(re.compile(r"^4[.,]50$"))
        before = await page.evaluate(_SIZES)
        await page.evaluate(_WATCH)
        for score, count, amount in ((38, 9, 471_000), (41, 10, 690_000), (17, 4, 523_456)):
            await _rated(view, score, count, amount)
            await expect(value).to_have_text(re.compile(rf"^{(score + 9) / (count + 2):.2f}$".replace(".", "[.,]", 1)))
            assert await page.evaluate(_SIZES) == before
        assert await page.evaluate("window.shifts") == []
        await page.goto("about:blank")


@pytest.mark.parametrize(("size", "number", "label"), [((1920, 1080), 16, 14), ((1280, 720), 11, 9)], ids=str)
async def test_russian_money_is_read(screen, view, size, number, label):
    """Of millions, too: the facts of a tile are in one size, and none of them tiny."""
    await view.fill(scale=37)
    page = await screen.show("level=company&window=day", language="ru")
    await expect(page.locator(".tile[data-number='4'] .fact b").nth(1)).to_have_text(re.compile("млн"))
    assert await page.evaluate(_LEAST, ".tile:not([data-number='15']) .fact b") >= number
    # In a month's first hours its forecast is of billions, which take a letter more than millions.
    assert await page.evaluate(_LEAST, ".tile[data-number='15'] .fact b") >= number * 15 / 16
    assert await page.evaluate(_LEAST, ".fact small") >= label
    sizes = await page.evaluate(_SIZES)
    assert [number for number, (_, facts) in sizes.items() if len(set(facts)) > 1] == []


@EACH_SIZE
async def test_the_notice_covers_and_moves_nothing(screen, view, size):
    """It has room of its own at the foot, for each thing that it says in either language."""
    await view.waiting(("call", ANNA, 4000), ("chat", BORIS, 45))
    await view.unanswered(("miss", "c-1", ANNA, 33_000), ("lead", "c-2", BORIS, 30))
    page = await screen.show()
    await view.beat(age=3600)
    notice = page.locator("#notice")
    await expect(notice).to_contain_text("The workers are silent")
    assert await page.evaluate(_COVERED) == []
    await view.beat()
    await expect(notice).to_be_hidden()
    await expect(page.locator(".tile[data-number='1'] .value")).to_have_text(re.compile(r"\d"))
    await asyncio.sleep(1.5)
    await page.evaluate(_WATCH)
    await view.beat(contact=12)
    await expect(notice).to_contain_text("Kafka is not answering")
    assert await page.evaluate(_COVERED) == []
    await asyncio.sleep(0.5)
    assert await page.evaluate("window.shifts") == []
    for language in ("en", "ru"):
        assert await page.evaluate(_TOO_HIGH, language) == []


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("language", ["en", "ru"])
async def test_no_title_is_hidden(screen, theme, language):
    """The button that explains a number covers no letter of its tile, and what is shown is named in full."""
    page = await screen.show("level=company&window=month", theme=theme, language=language)
    for width, height in WIDTHS:
        await page.set_viewport_size({"width": width, "height": height})
        await page.wait_for_timeout(100)
        assert await page.evaluate(_HIDDEN) == [15, []], (width, height)


async def test_times_are_said_as_people_say_them(screen):
    """In an explanation: in days, hours, minutes and seconds, with nothing lost."""
    page = await screen.show()
    texts = ["0", "8", "90", "60", "3600", "3661.25", "777600", "-90", "90061", "0.5", "1/3"]
    assert await page.evaluate(_LASTING, ["en", texts]) == [
        "0 s", "8 s", "1 min 30 s", "1 min", "1 h", "1 h 1 min 1.25 s", "9 d", "−1 min 30 s", "1 d 1 h 1 min 1 s",
        "0.5 s", "1/3",
    ]  # fmt: skip
    assert await page.evaluate(_LASTING, ["ru", ["5415.5"]]) == ["1 ч 30 мин 15,5 с"]
