"""Grafana's dashboard linter and Cloudflare's pint find nothing in what is generated; by hand, where both are built.

Neither is a package of the machine: `go install` of github.com/grafana/dashboard-linter and
github.com/cloudflare/pint/cmd/pint, where the Go module proxy has them, else from a checkout of their repositories.
"""

import subprocess
from pathlib import Path

import pytest

from tests.support.grafana_queries import DASHBOARDS
from tests.support.monitoring import RULES, binary

pytestmark = pytest.mark.slow
EXCLUSIONS = Path(__file__).resolve().parents[1] / "rules" / "dashboard-lint.yml"


@pytest.mark.parametrize("board", sorted(DASHBOARDS.glob("*.json")), ids=lambda path: path.stem)
def test_dashboard_linter(board: Path) -> None:
    """Strictly, less the rules that do not apply, each with its reason in the exclusions."""
    argv = [binary("dashboard-linter"), "lint", "--strict", "--config", str(EXCLUSIONS), str(board)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout


def test_pint() -> None:
    """Down to what is only information."""
    argv = [binary("pint"), "--no-color", "--offline", "lint", "--min-severity=info", "--fail-on=info", str(RULES)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
