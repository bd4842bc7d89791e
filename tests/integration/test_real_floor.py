"""The whole local stack with its simulated floor: a real Prometheus has every recorded series, every panel its data."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.grafana_queries import check_all_queries, missing_records, unexplained
from tests.support.recorded import records

PATIENCE = 420
MAY_BE_EMPTY = {
    r"(?i)refus|dead letter|stale|duplicate|failure|restor|rebalanc": "nothing of the kind need have happened",
    r"(?i)gateway|portal|bitrix24": "nobody sends by the gateway, and no portal is connected",
    r"(?i)unconverted": "every currency of the floor has its rates",
    r"^alert \w+$": "a healthy floor fires nothing; its selectors are asked one by one",
    r"(?i)waiting|longest wait|too long": "nobody may be waiting at this moment",
    r"(?i)plan.*calls|calls.*plan": "the simulated floor plans no calls",
    r"(?i)release|annotation": "nothing was released meanwhile",
    r"^sales-team: .*\(B\)": "one team need not have had some of it on both days, so there is no trend",
    r"^alert MissedCalls: ": "no call need have been missed in the last quarter of an hour",
    r"^sales-manager: ": "one person need not have done everything today",
    r"\[30d:1h\] @ end\(\)": "a sparkline has a point at each full hour, and Prometheus is minutes old",
}


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_simulated_floor_fills_every_panel(tmp_path):
    """`sales-pulse up` with a backlog: all recording rules have samples but those of what the floor never does."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SALES_")}
    with (tmp_path / "up.log").open("wb") as log:
        stack = subprocess.Popen(
            [sys.executable, "-m", "deploy.cli", "up", "--backlog-days", "60"],
            cwd=tmp_path, env=environment | {"PYTHONPATH": str(Path.cwd())}, stdout=log, stderr=log,
        )  # fmt: skip
    try:
        url = _prometheus(tmp_path, stack)
        wanted = [name for name in records() if "sales_plan_calls" not in name]
        deadline = time.monotonic() + PATIENCE
        while (missing := missing_records(url, wanted)) and time.monotonic() < deadline:
            time.sleep(5)
        waiting = [name for name in missing if "waiting" not in name]
        print(f"recording rules: {len(wanted)}, without samples: {missing}")
        assert waiting == []
        answers = check_all_queries(url)
        print(f"queries: {len(answers)}, of which empty: {sum(not answer.samples for answer in answers)}")
        assert [answer for answer in answers if answer.error] == []
        assert "\n".join(unexplained(answers, MAY_BE_EMPTY)) == ""
    finally:
        stack.send_signal(signal.SIGTERM)
        assert stack.wait(40) == 0


def _prometheus(folder, stack) -> str:
    """Its address, once the wall is full."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        assert stack.poll() is None, (folder / "up.log").read_text()
        text = (folder / "up.log").read_text()
        found = re.search(r"^Prometheus\s+(http://\S+)", text, re.MULTILINE)
        if found:
            return found[1]
        time.sleep(1)
    raise AssertionError((folder / "up.log").read_text())
