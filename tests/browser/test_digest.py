"""The digest by real processes (command, exporter, Chromium, mail server, chats), and its numbers beside the wall's."""

import json
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

from metrics.digest.page import WIDTH
from metrics.digest.sent import DONE
from metrics.digest.wall import LANGUAGES
from metrics.digest.written import NumberWriter, arrow
from tests.browser.stage import today
from tests.support.receivers import chats, mailbox

VALUES = (
    0, 1, 0.5, 8.04, 9.96, 12.345, 89.4, 89.6, 95, 599, 601, 5399, 7200, 86_400, 172_799, 432_000, 1234, 1234.5,
    0.005, 1.005, 0.0995, 0.12345, 0.999, 1.2345, 9.99, 99_999.4, 99_999.6, 123_456, 999_499, 999_500, 999_950,
    1_234_567, 12_345_678.9, 999_999_999, 4.56e10, 7.89e12, 1.5e15, 2.5e16,
    -0.05, -1.5, -95, -1234.5, -1_234_567, 3.675, 2.5, 1e5, 1e6,
    999.4, 999.5, 9_994.9, 9_995, 98_348, 99_949, 99_950, 99_960_000,
)  # fmt: skip
UNITS = ("currency", "percentunit", "growth", "s", "d", "short", "mean")
CURRENCIES = ("RUB", "USD", "EUR", "KZT", "CHF", "PLN", "UZS")
_HIGH = "Math.ceil(document.body.getBoundingClientRect().height)"
_SCRIPT = """async ([language, currency, values, units]) => {
  const { setLanguage } = await import("./wall/words.js"), format = await import("./wall/format.js");
  setLanguage(language);
  format.setCurrency(currency);
  const { show, change, points, arrow } = format;
  const changes = (value) => [0, 1].flatMap((digits) => [change, points, arrow].map((write) => write(value, digits)));
  return values.map((value) => [...units.map((unit) => show(value, unit)), ...changes(value)]);
}"""


async def test_numbers_are_those_of_the_walls_script(screen):
    """Every unit, both languages, several currencies: what the digest writes is what the wall shows."""
    page = await screen.show()

    for language in LANGUAGES:
        for currency in CURRENCIES:
            write = NumberWriter(language, currency)
            shown = await page.evaluate(_SCRIPT, [language, currency, list(VALUES), list(UNITS)])
            for value, row in zip(VALUES, shown, strict=True):
                mine = [write.show(value, unit) for unit in UNITS]
                for digits in (0, 1):
                    mine += [write.change(value, digits), write.points(value, digits), arrow(value, digits)]
                assert mine == row, (language, currency, value)
    screen.check()


def digest(exporter, folder: Path, environment, *arguments: str) -> subprocess.Popen[str]:
    known = {**exporter.environment, "SALES_DIGEST_DIR": str(folder), **environment}
    return subprocess.Popen(
        (sys.executable, "-m", "deploy.cli", "digest", *arguments),
        env=known, cwd=exporter.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def until_sent(process: subprocess.Popen[str], memory: Path, to: str) -> None:
    deadline = time.monotonic() + 120
    while f'{to}": "{DONE}' not in memory.read_text():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.05)


async def test_a_digest_reaches_everybody_once(chromium, exporter, view, tmp_path):
    """Mail, Slack and Telegram get yesterday's digest with its picture; a second start tells the one who is new."""
    yesterday = today() - timedelta(days=1)
    with mailbox() as box, chats() as room:
        environment = {
            "SALES_DIGEST_TO": "anna@example.com,slack,telegram",
            "SALES_DIGEST_SMTP": f"127.0.0.1:{box.port}", "SALES_DIGEST_SMTP_SECURITY": "none",
            "SALES_DIGEST_FROM": "pulse@example.com", "SALES_DIGEST_SLACK_URL": f"{room.url}/services/T/B/hidden",
            "SALES_DIGEST_TELEGRAM_TOKEN": "1:hidden", "SALES_DIGEST_TELEGRAM_CHAT": "@sales",
            "SALES_DIGEST_TELEGRAM_API": room.url,
        }  # fmt: skip
        first = digest(exporter, tmp_path, environment)
        told, _ = first.communicate(timeout=120)
        assert first.returncode == 0, told
        assert "hidden" not in told
        bob = {"SALES_DIGEST_TO": f"{environment['SALES_DIGEST_TO']},bob@example.com", "SALES_DIGEST_AT": "00:00"}
        staying = digest(exporter, tmp_path, environment | bob, "--loop")
        until_sent(staying, tmp_path / "sent.json", "bob@example.com")
        staying.terminate()
        assert staying.wait(60) == 0, staying.communicate()[0]
        assert staying.stdout is not None
        staying.stdout.close()
    letter, second = box.letters
    assert second["to"] == "bob@example.com"
    page = (tmp_path / f"day-{yesterday}.html").read_text()
    png = (tmp_path / f"day-{yesterday}.png").read_bytes()
    assert letter.get_body(("html",)).get_content().replace("\r\n", "\n") == page
    assert [one.get_content() for one in letter.iter_attachments()] == [png]
    assert sorted(path for path, *_ in room.got) == ["/bot1:hidden/sendDocument", "/services/T/B/hidden"]
    assert png in next(content for path, _, content in room.got if path.startswith("/bot"))
    # Its head says how large it is, at twice the page's pixels: as wide and as high as a browser shows the page.
    assert png.startswith(b"\x89PNG")
    width, high = (int.from_bytes(png[at : at + 4]) for at in (16, 20))
    shown = await chromium.new_page(viewport={"width": WIDTH + 32, "height": 600})
    await shown.set_content(page)
    assert (width, high) == (2 * (WIDTH + 32), 2 * await shown.evaluate(_HIGH))
    assert high > 2 * 600
    await shown.close()
    assert json.loads((tmp_path / "sent.json").read_text()) == dict.fromkeys(
        (f"day-{yesterday} {to}" for to in ("anna@example.com", "slack", "telegram", "bob@example.com")), DONE
    )
