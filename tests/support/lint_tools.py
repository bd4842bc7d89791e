"""Programs of others that judge what is generated, installed at pinned versions into `.tools`, which git ignores."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ROOT / ".tools"
PINNED = ROOT / "tests" / "tools"
LINTER = "github.com/grafana/dashboard-linter"


def dashboard_linter() -> Path:
    """Grafana's linter of dashboards, built from the Go module that go.mod and go.sum pin."""
    made = TOOLS / "dashboard-linter"
    _run([_needed("go", "golang"), "build", "-o", str(made), LINTER], PINNED / "dashboard-linter")
    return made


def types_folder() -> Path:
    """A folder with Grafana's TypeScript types, the compiler, and our `board.ts` over them."""
    folder = TOOLS / "grafana-types"
    shutil.copytree(PINNED / "grafana-types", folder, dirs_exist_ok=True)
    for left in folder.glob("sales-*.ts"):
        left.unlink()
    npm = _needed("npm", "nodejs and npm")
    _run([npm, "install", "--no-package-lock", "--no-audit", "--no-fund", "--prefer-offline"], folder)
    return folder


def pint() -> Path:
    """Cloudflare's linter of rules. No registry serves it everywhere, so it is not installed here: it skips without."""
    found = shutil.which("pint", path=f"{TOOLS}{os.pathsep}{os.environ['PATH']}")
    if not found:
        pytest.skip("pint is neither on the PATH nor in .tools: put its binary there (0.87.0 was used)")
    return Path(found)


def _needed(program: str, package: str) -> str:
    found = shutil.which(program)
    if not found:
        pytest.fail(f"{program} is not installed (Debian: {package})")
    return found


def _run(argv: list[str], folder: Path) -> None:
    done = subprocess.run(argv, cwd=folder, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, f"{' '.join(argv)}\n{done.stdout}{done.stderr}"
