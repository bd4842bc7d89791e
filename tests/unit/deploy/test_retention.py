"""How long the past is kept is said once: what cannot ask the code says the same."""

import re
from pathlib import Path

import pytest

from metrics.windows import DAYS_HELD

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("name", ["docker-compose.yml", "deploy/kubernetes/base/past.yaml"])
def test_the_past_is_kept_as_long_as_cells(name: str) -> None:
    """The Prometheus that serves years forgets no day that the view still has."""
    kept = re.findall(r"storage\.tsdb\.retention\.time=(\d+)d", (ROOT / name).read_text())
    assert str(DAYS_HELD) in kept
