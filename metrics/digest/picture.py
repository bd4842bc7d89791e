"""The page as a picture, by the Chromium that is installed; where there is none the digest goes without."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from metrics.digest.page import WIDTH

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_SECONDS = 60
_SCALE = 2
_MARGIN, _MOST_HIGH = 16, 8000
_MEASURE = "<script>document.title = 'high:' + Math.ceil(document.body.getBoundingClientRect().height)</script></body>"


class PictureError(Exception):
    """There is no picture; the text says why and what would help."""


def picture(page: str) -> bytes:
    """The page as PNG. Nothing is fetched for it. Raises PictureError."""
    browser = next(filter(None, map(shutil.which, _NAMES)), None)
    if browser is None:
        raise PictureError("the digest goes without a picture: no Chromium is installed (package chromium)")
    with TemporaryDirectory(prefix="sales-pulse-digest-") as name:
        folder = Path(name)
        source, target = folder / "digest.html", folder / "digest.png"
        source.write_text(page.replace("</body>", _MEASURE))
        told = _run(browser, folder, "--dump-dom", source.as_uri())
        high = re.search(r"<title>high:(\d+)", told)
        if high is None:
            raise PictureError(f"the digest goes without a picture: {browser} did not show the page")
        source.write_text(page)
        size = f"{WIDTH + 2 * _MARGIN},{min(_MOST_HIGH, int(high[1]))}"
        shot = f"--screenshot={target}", f"--window-size={size}", f"--force-device-scale-factor={_SCALE}"
        _run(browser, folder, *shot, source.as_uri())
        try:
            return target.read_bytes()
        except OSError as error:
            raise PictureError(f"the digest goes without a picture: {browser} made none") from error


def _run(browser: str, folder: Path, *arguments: str) -> str:
    command = [
        browser, "--headless", "--disable-gpu", "--disable-extensions", "--disable-background-networking",
        "--disable-component-update", "--disable-sync", "--no-first-run", "--hide-scrollbars",
        "--host-resolver-rules=MAP * ~NOTFOUND", f"--user-data-dir={folder / 'profile'}",
        f"--window-size={WIDTH + 2 * _MARGIN},600", *arguments,
    ]  # fmt: skip
    if os.geteuid() == 0:
        # Chromium refuses to run as root otherwise; the page is ours, has no script and fetches nothing.
        command.insert(1, "--no-sandbox")
    # Not our environment: passwords are in it.
    environment = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL") if name in os.environ}
    environment |= {"HOME": str(folder), "TMPDIR": str(folder)}
    try:
        done = subprocess.run(  # noqa: S603 - the browser, and arguments of our own
            command, capture_output=True, timeout=_SECONDS, check=False, env=environment, text=True, errors="replace"
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PictureError(f"the digest goes without a picture: {browser}: {type(error).__name__}") from error
    return done.stdout
