"""The newcomer's path, followed to the letter from the README: start, own event, own number.

The whole path is by hand (`pytest -m slow tests/docs`): it clones, installs and starts the stack twice.
"""

import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
LINES = 10


def block(kind: str, containing: str) -> str:
    """The README's code block that contains a text."""
    return next(
        text for text in re.findall(rf"```{kind}\n(.*?)```", README.read_text(), re.DOTALL) if containing in text
    )


def test_the_number_in_the_readme_is_ten_lines_that_apply():
    """The patch fits the code as it is, is as short as it says, and touches three Python files, nothing generated."""
    patch = block("diff", "RATING_TOP")
    added = [line for line in patch.splitlines() if line.startswith("+") and not line.startswith("+++")]
    assert len(added) <= LINES
    touched = re.findall(r"^\+\+\+ b/(.*)$", patch, re.MULTILINE)
    assert len([name for name in touched if name.endswith(".py")]) == 3
    assert {Path(name).suffix for name in touched} == {".py", ".md"}
    done = subprocess.run(["git", "apply", "--check", "-"], cwd=ROOT, input=patch, text=True, capture_output=True)  # noqa: PLW1510
    assert done.returncode == 0, done.stderr


class NewcomerStack:
    """`deploy/up` in a clone, as a newcomer starts it."""

    def __init__(self, clone: Path) -> None:
        self.clone = clone
        self.began = time.monotonic()
        own = {name: value for name, value in os.environ.items() if not name.startswith("SALES_")}
        with (clone / "up.log").open("ab") as log:
            self.process = subprocess.Popen(["deploy/up"], cwd=clone, stdout=log, stderr=log, env=own)

    def settings(self) -> dict[str, str]:
        file = self.clone / ".local/stack.env"
        lines = file.read_text().splitlines() if file.exists() else []
        return dict(line.split("=", 1) for line in lines if not line.startswith("#"))

    def live(self) -> dict:
        """What the wall asks; nothing while the exporter does not answer."""
        if listen := self.settings().get("SALES_EXPORTER_LISTEN"):
            try:
                return httpx.get(f"http://{listen}/api/v1/live?window=day", timeout=10).json()
            except httpx.HTTPError:
                pass
        return {}

    def number(self, kpi: str) -> float | None:
        found = [record for record in self.live().get("kpis", []) if record["id"] == kpi]
        return found[0]["values"][0]["current"] if found and found[0]["values"] else None

    def is_proved(self) -> bool:
        """Whether the standing audit has found nothing that differs since the start of the stack."""
        proved = self.live().get("proved") or {}
        assert proved.get("cause") != "differs", proved
        return bool(proved.get("at")) and not proved["cause"]

    def until(self, condition, seconds: float, what: str) -> float:
        """Seconds since the start of the stack at which it holds."""
        while not condition():
            assert self.process.poll() is None, (self.clone / "up.log").read_text()[-2000:]
            assert time.monotonic() - self.began < seconds, f"not within {seconds} s: {what}"
            time.sleep(0.2)
        return time.monotonic() - self.began

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(60)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_path_of_a_newcomer(tmp_path):
    """First number on the wall, own event seen on it, own number added: each as the README says, each timed."""
    clone, times = tmp_path / "clone", {}
    subprocess.run(["git", "clone", "-q", str(ROOT), str(clone)], check=True)
    stack = NewcomerStack(clone)
    try:
        times["first number on the wall"] = stack.until(lambda: stack.number("sales_calls:sum"), 300, "a number")
        times["wall filled"] = stack.until(lambda: "Ready in" in (clone / "up.log").read_text(), 300, "ready")
        before = stack.number("sales_meetings:sum")
        gateway = stack.settings()["SALES_GATEWAY_LISTEN"]
        curl = block("sh", "curl -i").replace("127.0.0.1:8080", gateway)
        sent = time.monotonic()
        said = subprocess.run(["bash", "-c", curl], capture_output=True, text=True, check=True).stdout
        assert " 202 " in said.splitlines()[0]
        stack.until(lambda: (stack.number("sales_meetings:sum") or 0) > (before or 0), 400, "own event")
        times["own event, from curl to the wall"] = time.monotonic() - sent
    finally:
        stack.stop()
    began = time.monotonic()
    subprocess.run(["git", "apply", "-"], cwd=clone, input=block("diff", "RATING_TOP"), text=True, check=True)
    path = {**os.environ, "PATH": f"{clone}/.venv/bin:{os.environ['PATH']}"}
    made = subprocess.run(["sales-pulse", "generate"], cwd=clone, env=path, capture_output=True, text=True)  # noqa: PLW1510
    assert made.returncode == 0, made.stderr
    again = NewcomerStack(clone)
    try:
        again.until(lambda: (again.number("sales_rating_top:ratio") or 0) > 0, 300, "own number")
        times["own number, from the patch to the wall"] = time.monotonic() - began
        again.until(lambda: "Ready in" in (clone / "up.log").read_text().split("Stopped in")[-1], 300, "ready again")
        metrics = httpx.get(f"http://{again.settings()['SALES_EXPORTER_LISTEN']}/metrics", timeout=30).text
        assert "\nsales_rating_top{" in metrics
        done = subprocess.run(["sales-pulse", "audit", "--json"], cwd=clone, env=path, capture_output=True, text=True)  # noqa: PLW1510
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
        assert json.loads(done.stdout)["equal"]
        again.until(again.is_proved, 600, "own number compared with the log by the ledger, too")
    finally:
        again.stop()
    print("\n" + "\n".join(f"{seconds:6.1f} s  {what}" for what, seconds in times.items()))
