"""The page `/sources` of a real gateway in a real browser: with a token as the password, with a login, with neither."""

import os

import bcrypt
import httpx
import pytest
import yaml

from producers.settings import KafkaSettings
from producers.topics import ensure
from tests.integration.producers.test_gateway_process import running

TOKENS = {"crm://a": "the token of the shop", "pbx://b": "the token of the exchange"}
LOGIN, HEAD = ("anna", "anna's password"), ("boris", "boris's password")
EVENT = {
    "specversion": "1.0", "id": "1", "source": "crm://a", "type": "sales.meeting.held.v1",
    "time": "2026-11-23T09:15:02Z", "data": {"meeting_id": "m-1", "client_id": "клиент-7", "manager_id": "m-3"},
}  # fmt: skip
BAD = EVENT | {"id": "<script>alert(1)</script>", "data": {"meeting_id": "m-2", "<img src=x onerror=alert(2)>": 1}}


async def send(port):
    """One event that is good and one that is not, of each source."""
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        for source, token in TOKENS.items():
            for event, status in ((EVENT, 202), (BAD, 400)):
                headers = {"authorization": f"Bearer {token}"}
                answer = await client.post("/v1/events", json=event | {"source": source}, headers=headers)
                assert answer.status_code == status, answer.text


@pytest.mark.slow
@pytest.mark.timeout(120)
async def test_who_sees_whom(chromium, kafka, topic_prefix, tmp_path):
    """A token shows its own source, a login all, a login of some teams and a stranger none; nothing runs on it."""
    await ensure(KafkaSettings(_env_file=None, kafka_servers=kafka, topic_prefix=topic_prefix, partitions=2))
    hashes = {name: bcrypt.hashpw(word.encode(), bcrypt.gensalt(4)).decode() for name, word in (LOGIN, HEAD)}
    config = {"basic_auth_users": hashes, "users": {HEAD[0]: {"teams": ["north"]}}}
    (tmp_path / "web.yml").write_text(yaml.safe_dump(config))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SALES_")} | {
        "SALES_KAFKA_SERVERS": kafka,
        "SALES_TOPIC_PREFIX": topic_prefix,
        "SALES_GATEWAY_TOKENS": ",".join(f"{source}={token}" for source, token in TOKENS.items()),
        "SALES_WEB_CONFIG": str(tmp_path / "web.yml"),
    }
    async with running(environment, tmp_path / "gateway.log") as port:
        await send(port)
        url = f"http://127.0.0.1:{port}/sources"

        async def seen(login, locale="en", width=390):
            who = {"username": login[0], "password": login[1]}
            context = await chromium.new_context(
                viewport={"width": width, "height": 844}, http_credentials=who, locale=locale
            )
            page = await context.new_page()
            said = []
            page.on("console", lambda message: said.append(message.text))
            page.on("dialog", lambda dialog: said.append(dialog.message))
            try:
                answer = await page.goto(url)
                assert answer is not None
                if answer.status != 200:
                    return answer.status
                shown = await page.locator("h2").all_inner_texts()
                assert await page.locator("text=data.client_id: is missing; send it").count() == len(shown)
                # On a telephone nothing is cut off, and what to do is not one letter a line.
                assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
                wide = "[...document.querySelectorAll('.wide')]"
                assert await page.evaluate(f"{wide}.every(one => one.scrollWidth <= one.clientWidth)")
                rows = "[...document.querySelectorAll('tr')].map(row => row.offsetHeight)"
                assert await page.evaluate(f"Math.max(...{rows}) < 200")
                assert await page.locator("html").get_attribute("lang") == locale[:2]
                await page.locator("nav a").click()
                assert await page.locator("html").get_attribute("lang") == ("en" if locale == "ru-RU" else "ru")
                assert said == []
                return {text.split()[0] for text in shown}
            finally:
                await context.close()

        assert await seen(("any", TOKENS["crm://a"])) == {"crm://a"}
        assert await seen(LOGIN) == set(TOKENS)
        for width in (320, 1280):
            assert await seen(LOGIN, "ru-RU", width) == set(TOKENS)
        assert await seen(HEAD) == 403
        assert await seen(("any", "a wrong token")) == 401
