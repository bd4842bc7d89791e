"""People use the wall: two languages, two themes, a keyboard, a screen reader, any screen, names of any length."""

import re
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import ARTEFACTS, tile
from tests.browser.stage import ANNA, BORIS, CALLS, OLGA, PEOPLE

SUM = sum(CALLS.values())
SIZES = ((1920, 1080), (1366, 768), (3840, 2160), (1080, 1920), (390, 844))
NAMED = {"button", "combobox", "link", "radio", "radiogroup", "image", "img", "region", "group", "list", "dialog"}
"""Roles of what can be pressed, chosen, entered or read as a picture."""
LONG = {
    ANNA: ("Отдел корпоративных продаж Северо-Запада", "Александра Рождественская-Преображенская"),
    BORIS: ("North Western Enterprise and Key Accounts Division", "Maximilian Featherstonehaugh-Cholmondeley"),
    OLGA: ("south", "O"),
}  # fmt: skip


FORGOTTEN = (("miss", "c-101", ANNA, 1300), ("miss", "c-102", BORIS, 700), ("lead", "c-103", OLGA, 30))
"""One past the target, one in the second half of it, and one with time left."""


def measure(name: str) -> str:
    """A function for the page, from the file beside this one."""
    return (Path(__file__).parent / f"{name}.js").read_text()


_ALL_TEXT = "[document.body.innerText, ...[...document.querySelectorAll('[title]')].map((one) => one.title)].join(' ')"
"""What is shown, and what is shown to whoever waits with the pointer over it."""


async def test_language(screen):
    """Every word changes with L, numbers are written as people there write them, and the choice is kept."""
    page = await screen.show()
    await expect(page.locator("#waiting-title")).to_have_text("Waiting now")
    await page.keyboard.press("l")
    await expect(page.locator("html")).to_have_attribute("lang", "ru")
    await expect(page.locator("#waiting-title")).to_have_text("Ждут сейчас")
    await expect(page.locator(".tile[data-number='1'] .title")).to_have_text("Звонки")
    assert (await tile(page, 4)).split() == ["250", "тыс.", "₽"]
    english = re.compile(r"[A-Za-z]{3,}")
    names = {*(word for team, name in PEOPLE.values() for word in f"{team} {name}".split()), "Sales", "Pulse", "DSO"}
    names |= {"English", "Esc"}
    shown = await page.evaluate(_ALL_TEXT)
    assert not [word for word in english.findall(shown) if word not in names]
    await page.reload()
    await expect(page.locator("html")).to_have_attribute("lang", "ru")
    await page.get_by_role("button", name="English (L)").click()
    await expect(page.locator("#waiting-title")).to_have_text("Waiting now")


async def test_theme(screen):
    """Dark or light as the system has it, the other with T, kept."""
    page = await screen.show()
    background = "getComputedStyle(document.body).backgroundColor"
    dark = await page.evaluate(background)
    await page.keyboard.press("t")
    light = await page.evaluate(background)
    assert sum(map(int, re.findall(r"\d+", dark))) < 150
    assert sum(map(int, re.findall(r"\d+", light))) > 600
    await page.reload()
    assert await page.evaluate(background) == light


async def test_keyboard(screen):
    """Digits choose the window, arrows the team, Escape the company, F the whole screen; no key is caught with Ctrl."""
    page = await screen.show()
    for key, window in zip("54321", ("Year", "Quarter", "Month", "Week", "Today"), strict=True):
        await page.keyboard.press(key)
        await expect(page.get_by_role("radio", name=window, exact=True)).to_be_checked()
    scope = page.locator("#scope option:checked")
    for key, name in (
        ("ArrowRight", "north"),
        ("ArrowRight", "south"),
        ("ArrowLeft", "north"),
        ("Escape", "Whole company"),
    ):
        await page.keyboard.press(key)
        await expect(scope).to_have_text(name)
    await page.keyboard.press("Control+ArrowRight")
    await page.keyboard.press("f")
    await page.wait_for_function("document.fullscreenElement !== null")
    await page.keyboard.press("f")
    await page.wait_for_function("document.fullscreenElement === null")
    await expect(scope).to_have_text("Whole company")
    await page.get_by_role("radio", name="Today").focus()
    await page.keyboard.press("ArrowRight")
    await expect(page.get_by_role("radio", name="Week")).to_be_focused()
    await expect(page.get_by_role("radio", name="Week")).to_be_checked()


async def test_rotation(screen):
    """A screen without hands goes round company and teams by itself; R stops it."""
    page = await screen.show("level=company&rotate=1")
    scope = page.locator("#scope option:checked")
    await expect(page.get_by_role("button", name="Rotate views (R)")).to_have_attribute("aria-pressed", "true")
    for name in ("north", "south", "Whole company"):
        await expect(scope).to_have_text(name)
    await page.keyboard.press("r")
    await expect(page.get_by_role("button", name="Rotate views (R)")).to_have_attribute("aria-pressed", "false")
    stays = await scope.inner_text()
    await page.wait_for_timeout(1300)
    await expect(scope).to_have_text(stays)


@pytest.mark.parametrize(
    "size", [(1920, 1080), (1366, 768), (3840, 2160), (1080, 1920), (390, 844)], ids=lambda s: f"{s[0]}x{s[1]}"
)
async def test_nothing_is_clipped(screen, view, size):
    """Long names, billions, many waiting, both languages: text lies inside its box; only names may end in dots."""
    await view.fill(scale=4321, people=LONG)
    await view.waiting(*[("call", ANNA, 5000), *[("chat", BORIS, 10 * number) for number in range(123)]])
    leads = [("lead", "client-of-a-very-long-name-that-no-list-has-room-for", BORIS, 9000 * n) for n in range(345)]
    await view.unanswered(*[("miss", "+7 916 123-45-67", ANNA, 300 * n) for n in range(123)], *leads)
    for language in ("en", "ru"):
        page = await screen.show("level=company&window=day", language=language)
        await expect(page.locator("#leaders .name").first).to_contain_text("Александра")
        clipped = await page.evaluate(measure("clipped"))
        assert not clipped, "\n".join([language, *clipped])
        await page.goto("about:blank")


NAMES = {
    ANNA: ("Retail Москва", "Вероника Лебедева"),
    BORIS: ("Key Accounts", "Maximilian Weber"),
    OLGA: ("Enterprise", "Ян Ли"),
}
"""Usual ones, of different lengths."""
_OF_NAMES = """() => [
  "#leaders .name", "#leaders b", "#leaders .trend", "#waiting .who span", "#returns small.name",
].map((where) => {
  const nodes = [...document.querySelectorAll(where)];
  return [where, nodes.length, new Set(nodes.map((node) => getComputedStyle(node).fontSize)).size,
          nodes.filter((node) => node.scrollWidth > node.clientWidth).map((node) => node.textContent)];
})"""


@pytest.mark.parametrize("size", [(1920, 1080), (1280, 720)], ids=lambda s: f"{s[0]}x{s[1]}")
async def test_names_of_a_list_are_whole_and_of_one_size(screen, view, size):
    """Nobody is written larger than others for having a short name; a team ends in dots before its people do."""
    await view.fill(people=NAMES)
    await view.waiting(("call", ANNA, 100), ("chat", BORIS, 1), ("chat", OLGA, 1))
    await view.unanswered(*FORGOTTEN)
    for language in ("en", "ru"):
        page = await screen.show("level=company&window=day", language=language)
        await expect(page.locator("#waiting li")).to_have_count(3)
        await expect(page.locator("#returns li")).to_have_count(3)
        for where, count, sizes, cut in await page.evaluate(_OF_NAMES):
            assert (count >= 3, sizes) == (True, 1), (language, where)
            assert cut == [] or "small" in where, (language, where, cut)
        await page.goto("about:blank")


@pytest.mark.parametrize("theme", ["dark", "light"])
async def test_contrast(screen, view, theme):
    """Text at 4.5:1, large text and shapes at 3:1, for what is on the screen and for every pair of colours."""
    await view.waiting(("call", ANNA, 100), ("chat", BORIS, 1))
    await view.unanswered(*FORGOTTEN)
    page = await screen.show(theme=theme)
    await expect(page.locator("#waiting li[data-over='1']")).to_have_count(1)
    for state in ("over", "soon"):
        await expect(page.locator(f"#returns li[data-{state}='1']")).to_have_count(1)
    counted, low = await page.evaluate(measure("contrast"))
    assert counted > 80
    assert low == []


async def _tree(page: Page, screen) -> list[tuple[str, str]]:
    """Role and name of everything that a screen reader meets."""
    devtools = await screen.context.new_cdp_session(page)
    nodes = (await devtools.send("Accessibility.getFullAXTree"))["nodes"]
    met = [node for node in nodes if not node.get("ignored", False)]
    return [(node["role"]["value"], node.get("name", {}).get("value", "")) for node in met]


async def test_a_screen_reader_finds_its_way(screen, view):
    """What can be pressed, chosen or read as a picture has a name; tiles say title, number and trend."""
    await view.waiting(("call", ANNA, 100))
    await view.unanswered(*FORGOTTEN)
    page = await screen.show()
    await expect(page.locator("#waiting li[data-over='1']")).to_have_count(1)
    tree = await _tree(page, screen)
    nameless = [role for role, name in tree if role in NAMED and not name.strip()]
    assert nameless == []
    roles = [role for role, _ in tree]
    assert roles.count("radio") == 5
    assert {"banner", "main", "complementary", "status", "heading", "combobox"} <= {*roles}
    assert ("link", f"Calls: {SUM}, was 20 ▲ +100%, meetings 9, won 15") in tree
    assert any(role in ("image", "img") and name.startswith("Month, ") for role, name in tree)
    to_call = [name for role, name in tree if role == "button" and name.startswith(("missed call c-", "lead c-"))]
    when = r"(\d\d/\d\d, )?\d\d:\d\d"  # the clients called before midnight, too
    said = (
        rf"missed call c-101 −1:4\d Anna Berg · north {when}|missed call c-102 8:[12]\d Boris Nikolaev · north {when}"
        rf"|lead c-103 4:[23]\d Ольга Петрова · south {when}"
    )
    assert len(to_call) == 3
    assert all(re.fullmatch(said, name) for name in to_call), to_call
    assert ("button", "2 missed 1 late") in tree


@pytest.mark.parametrize(
    ("size", "theme", "language"),
    [((1920, 1080), "dark", "en"), ((1920, 1080), "light", "ru"), ((390, 844), "dark", "en")],
    ids=["wall-dark", "wall-light", "phone"],
)
async def test_pictures(screen, view, size, theme, language, request):
    """How it looks, kept for people in tests/artefacts; on a big screen everything is seen without scrolling."""
    await view.waiting(("call", ANNA, 100), ("chat", BORIS, 45), ("chat", "unknown", 5))
    await view.unanswered(*FORGOTTEN, ("lead", "c-104", "unknown", 4000))
    page = await screen.show(theme=theme, language=language)
    await expect(page.locator("#waiting li")).to_have_count(3)
    ARTEFACTS.mkdir(exist_ok=True)
    name = ARTEFACTS / f"{request.node.callspec.id}.png"
    await page.screenshot(path=name, full_page=size[0] < 900, animations="disabled")
    assert name.stat().st_size > 20_000
    if size[0] > 900:
        assert await page.evaluate("document.documentElement.scrollHeight <= innerHeight")
