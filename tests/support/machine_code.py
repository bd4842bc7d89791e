"""The compiled form of the source that is tested: a minute of a machine that has nothing else to do."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]


def machine_code(folder: Path) -> Path:
    """A folder for PYTHONPATH, below `folder`. PULSE_COMPILED_WHEEL names one of this very source."""
    wheel = os.environ.get("PULSE_COMPILED_WHEEL")
    if not wheel:
        built = subprocess.run(
            [sys.executable, "-m", "deploy.compiling.wheel", folder / "wheels"],
            cwd=ROOT, capture_output=True, text=True, timeout=1500, check=False,
        )  # fmt: skip
        assert built.returncode == 0, built.stdout[-3000:] + built.stderr[-3000:]
        (wheel,) = map(str, (folder / "wheels").iterdir())
    zipfile.ZipFile(wheel).extractall(folder / "compiled")
    return folder / "compiled"
