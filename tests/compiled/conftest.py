"""The compiled form of the source that is tested, built once: a minute of a machine that has nothing else to do."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.compiled.telling import ROOT


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for PYTHONPATH. PULSE_COMPILED_WHEEL names a wheel of this very source that exists already."""
    folder = tmp_path_factory.mktemp("compiled")
    wheel = os.environ.get("PULSE_COMPILED_WHEEL")
    if not wheel:
        built = subprocess.run(
            [sys.executable, "-m", "deploy.compiling.wheel", folder / "wheels"],
            cwd=ROOT, capture_output=True, text=True, timeout=1500, check=False,
        )  # fmt: skip
        assert built.returncode == 0, built.stdout[-3000:] + built.stderr[-3000:]
        (wheel,) = map(str, (folder / "wheels").iterdir())
    zipfile.ZipFile(wheel).extractall(folder)
    return folder
