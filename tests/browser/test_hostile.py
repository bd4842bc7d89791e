"""Names come from outside: as text of a wall, whatever stands in them."""

from playwright.async_api import expect

from tests.browser.stage import ANNA, OLGA

NAME = "<img src=x onerror=\"document.title='taken'\"><b>Eve</b>"


async def test_a_name_is_text(screen, view):
    """Of a manager and a team, on the walls of company, team and manager: nothing of it is an element."""
    await view.reference(
        {
            f"manager:{who}": {
                "type": "sales.manager.changed.v1",
                "data": {"manager_id": who, "name": NAME, "team_id": NAME, "active": True},
            }
            for who in (ANNA, OLGA)
        }
    )
    page = await screen.show()
    await expect(page.locator("#scope")).to_contain_text("<b>Eve</b>")
    for kind, who in (("company", ""), ("team", NAME), ("manager", ANNA)):
        address = f"level={kind}" + (f"&id={who}" if kind == "manager" else "")
        page = await screen.show(address)
        if kind == "team":
            await page.select_option("#scope", label=NAME)
        await expect(page.locator(".tile[data-number='1'] .value")).not_to_have_text("–")
        assert await page.locator("img[src=x]").count() == 0
        assert await page.locator("b:text-is('Eve')").count() == 0
        assert await page.title() != "taken"
