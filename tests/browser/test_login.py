"""A login for real: an exporter with TLS and users, seen by Chromium, curl and Prometheus."""

import asyncio
import re
import ssl
import subprocess
import uuid
from collections.abc import AsyncIterator
from types import SimpleNamespace

import bcrypt
import httpx
import pytest
import pytest_asyncio
import yaml
from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Page

from deploy.stack.ports import free_port
from tests.browser.conftest import Screen, tile
from tests.browser.stage import ExporterProcess, View
from tests.support.certificates import certificate
from tests.support.monitoring import Program, binary, running

HEAD, WHOLE = ("anna", "anna's password"), ("prometheus", "prometheus's password")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def guarded(redis_url, tmp_path_factory) -> AsyncIterator[SimpleNamespace]:
    """An exporter that asks for users, by TLS; the head of the north sees the north."""
    folder, app_id = tmp_path_factory.mktemp("guarded"), f"test-{uuid.uuid4().hex[:12]}"
    made = certificate(folder, "exporter")
    hashes = {name: bcrypt.hashpw(password.encode(), bcrypt.gensalt(10)).decode() for name, password in (HEAD, WHOLE)}
    config = {
        "tls_server_config": {"cert_file": made.cert.name, "key_file": made.key.name},
        "basic_auth_users": hashes,
        "users": {HEAD[0]: {"teams": ["north"]}},
    }
    (folder / "web.yml").write_text(yaml.safe_dump(config))
    view = View(redis_url, app_id)
    await view.fill()
    settings = {"SALES_REDIS_URL": redis_url, "SALES_APP_ID": app_id, "SALES_WEB_CONFIG": str(folder / "web.yml")}
    process = ExporterProcess(folder, settings)
    process.url = process.url.replace("http:", "https:")
    process.start()
    trusted = ssl.create_default_context(cafile=str(made.cert))
    async with httpx.AsyncClient(base_url=process.url, verify=trusted, timeout=10) as client:
        for _ in range(200):
            try:
                if (await client.get("/readyz")).status_code == 200:
                    break
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.1)
        yield SimpleNamespace(process=process, client=client, certificate=made, folder=folder, config=config)
    process.kill()
    await view.forget()
    await view.close()


async def page_of(chromium, guarded, login: tuple[str, str] | None) -> Screen:
    who = {"username": login[0], "password": login[1]} if login else None
    context = await chromium.new_context(
        viewport={"width": 1920, "height": 1080}, locale="en-GB", ignore_https_errors=True, http_credentials=who
    )
    found = Screen(context, await context.new_page(), guarded.process.url)
    found.page.set_default_timeout(10_000)
    return found


async def scopes(page: Page) -> list[str]:
    return await page.locator("#scope option").all_inner_texts()


async def test_a_team_head_sees_one_team_everywhere(chromium, guarded):
    """The wall opens on his team and offers no other; back to the company is back to his team; so is an explanation."""
    screen = await page_of(chromium, guarded, HEAD)
    # The first question is for the company; that it is refused is how the wall learns whose it is.
    screen.expected = "status of 403"
    page = screen.page
    await page.goto(screen.url)
    await page.wait_for_selector("#live[data-state=live]")
    assert await scopes(page) == ["north", "Anna Berg", "Boris Nikolaev"]
    assert "Петрова" not in await page.content()
    assert await tile(page, 1) == "32"
    assert "level=team&id=north" in page.url
    await page.keyboard.press("Escape")
    await page.wait_for_selector("#live[data-state=live]")
    await page.wait_for_url(re.compile("level=team&id=north"))
    await page.goto(f"{screen.url}/#level=team&id=south")
    await page.wait_for_selector("#live[data-state=refused]")
    assert "Петрова" not in await page.content()
    assert (await page.request.get(f"{screen.url}/metrics")).status == 403
    await screen.context.close()
    screen.check()


@pytest.mark.slow
async def test_everybody_else_sees_the_company_or_nothing(chromium, guarded):
    """Without teams one sees all, the page of the API too; without a login the login and nothing else."""
    screen = await page_of(chromium, guarded, WHOLE)
    page = await screen.show()
    assert "Ольга Петрова" in await scopes(page)
    await page.goto(f"{screen.url}/docs")
    await page.wait_for_selector(".opblock-summary-path >> text=kpis")
    await screen.context.close()
    screen.check()
    nobody = await page_of(chromium, guarded, None)
    # Without a person at the dialog Chromium shows that there is no login, and of the answer nothing.
    with pytest.raises(PlaywrightError, match="ERR_INVALID_AUTH_CREDENTIALS"):
        await nobody.page.goto(nobody.url)
    answer = await nobody.page.request.get(nobody.url)
    assert answer.status == 401
    assert (await answer.json()) == {"detail": "log in with a user of the web config"}
    await nobody.context.close()


async def test_curl_and_the_file_as_it_changes(guarded):
    """By TLS with a user; without one, or in plain HTTP, not; a new user and a new certificate hold within seconds."""

    def curl(*arguments: str) -> str:
        told = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "--max-time", "5", *arguments]
        return subprocess.run(told, capture_output=True, text=True, check=False).stdout

    url, trust = guarded.process.url, ["--cacert", str(guarded.certificate.cert)]
    assert curl(*trust, "-u", ":".join(WHOLE), f"{url}/metrics") == "200"
    assert curl(*trust, "-u", ":".join(HEAD), f"{url}/metrics") == "403"
    assert curl(*trust, f"{url}/metrics") == "401"
    assert curl(*trust, f"{url}/healthz") == "200"
    assert curl(url.replace("https", "http")) == "000"
    assert curl(f"{url}/healthz") == "000"
    new = bcrypt.hashpw(b"new", bcrypt.gensalt(4)).decode()
    guarded.config["basic_auth_users"]["olga"] = new
    (guarded.folder / "web.yml").write_text(yaml.safe_dump(guarded.config))
    certificate(guarded.folder, "exporter")
    for _ in range(50):
        if curl(*trust, "-u", "olga:new", f"{url}/metrics") == "200":
            break
        await asyncio.sleep(0.1)
    else:
        pytest.fail("the new user or the new certificate is not taken")


@pytest.mark.slow
async def test_prometheus_reads_with_a_user_of_its_own(guarded, tmp_path):
    """basic_auth and the certificate, as its documentation has them; each scrape costs no bcrypt."""
    scrape = {
        "job_name": "sales-exporter", "scheme": "https", "scrape_interval": "1s", "scrape_timeout": "1s",
        "basic_auth": {"username": WHOLE[0], "password": WHOLE[1]},
        "tls_config": {"ca_file": str(guarded.certificate.cert)},
        "static_configs": [{"targets": [guarded.process.url.removeprefix("https://")]}],
    }  # fmt: skip
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump({"scrape_configs": [scrape]}))
    port = free_port()
    argv = [
        binary("prometheus"), f"--config.file={tmp_path / 'prometheus.yml'}",
        f"--storage.tsdb.path={tmp_path / 'data'}", f"--web.listen-address=127.0.0.1:{port}",
    ]  # fmt: skip
    with running(Program("prometheus", argv, log=tmp_path / "log"), f"http://127.0.0.1:{port}") as url:
        async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
            for _ in range(100):
                told = (await client.get("/api/v1/query", params={"query": "sum(sales_calls)"})).json()["data"]
                if told["result"]:
                    break
                await asyncio.sleep(0.2)
    assert float(told["result"][0]["value"][1]) > 0
