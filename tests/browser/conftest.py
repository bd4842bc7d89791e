"""A real Chromium, a real exporter over a real Redis, and a page that reports whatever goes wrong in it."""

import re
import shutil
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, Request, async_playwright

from tests.browser.stage import ExporterProcess, View

ARTEFACTS = Path(__file__).parents[1] / "artefacts"
SWITCHES = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
"""Of Chromium: what a container lacks, and no talk with anybody but the exporter."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Playwright's objects live in the loop of the session; so do all that use them."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium() -> AsyncIterator[Browser]:
    """The system's Chromium."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.fail("no chromium on the PATH: install the package chromium (deploy/check does)")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=list(SWITCHES))
        yield browser
        await browser.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stage(redis_url, tmp_path_factory) -> AsyncIterator[tuple[View, ExporterProcess]]:
    """A filled view and one exporter over it, for all tests."""
    app_id = f"test-{uuid.uuid4().hex[:12]}"
    view = View(redis_url, app_id)
    await view.fill()
    process = ExporterProcess(tmp_path_factory.mktemp("wall"), {"SALES_REDIS_URL": redis_url, "SALES_APP_ID": app_id})
    process.start().wait()
    yield view, process
    process.kill()
    await view.forget()
    await view.close()


@pytest_asyncio.fixture(loop_scope="session")
async def view(stage) -> AsyncIterator[View]:
    """What the exporter reads: the same at the start of every test."""
    view = stage[0]
    await view.fill()
    yield view


@pytest.fixture
def exporter(stage) -> ExporterProcess:
    """The exporter, running."""
    return stage[1]


class Screen:
    """A browser window on the wall; remembers errors, and whom the page talked to."""

    def __init__(self, context: BrowserContext, page: Page, url: str) -> None:
        self.context, self.page, self.url = context, page, url
        self.errors: list[str] = []
        self.requests: list[str] = []
        self.expected = "ERR_NETWORK_CHANGED"
        """Pattern of errors that are no fault of the page: the machine's, or those that a test brings about."""
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.errors.append(f"uncaught: {error}"))
        page.on("request", self._request)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.errors.append(f"{message.type}: {message.text}")

    def _request(self, request: Request) -> None:
        self.requests.append(request.url)

    async def show(self, address: str = "", theme: str = "", language: str = "") -> Page:
        """Open a view (`level=team&id=north`), and wait until its numbers are there."""
        kiosk = "".join(f"&{name}={value}" for name, value in (("theme", theme), ("lang", language)) if value)
        await self.page.goto(f"{self.url}/#{address or 'level=company'}{kiosk}")
        await self.page.wait_for_selector("#live[data-state=live]")
        return self.page

    def check(self) -> None:
        """Nothing went wrong, and nothing came from elsewhere."""
        unexpected = [error for error in self.errors if not re.search(self.expected, error)]
        assert not unexpected
        assert not [url for url in self.requests if not url.startswith((self.url, "data:"))]


@pytest.fixture
def size() -> tuple[int, int]:
    """Width and height of the window."""
    return 1920, 1080


@pytest_asyncio.fixture(loop_scope="session")
async def screen(chromium, exporter, view, size) -> AsyncIterator[Screen]:
    """A window of its own on the wall, in English and dark."""
    context = await chromium.new_context(
        viewport={"width": size[0], "height": size[1]}, locale="en-GB", color_scheme="dark"
    )
    found = Screen(context, await context.new_page(), exporter.url)
    found.page.set_default_timeout(10_000)
    yield found
    await context.close()
    found.check()


async def tile(page: Page, number: int | str) -> str:
    """The big number of a tile."""
    return await page.locator(f".tile[data-number='{number}'] .value").inner_text()
