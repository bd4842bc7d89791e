"""An edit after compiling is what runs; once it is taken back, the machine code does again."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.compiled.telling import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3000)]
SAY = """
from producers.compiled import FORM
from producers.partitioner import partition_for
from streams.fold import calls
print(FORM.told, partition_for(b"cl-1", 1000), calls.__file__.rpartition(".")[2], sep="|")
"""


def test_the_edit_is_what_runs(compiled: Path, tmp_path: Path) -> None:
    for room in ("producers", "streams", "metrics"):
        shutil.copytree(ROOT / room, tmp_path / room, ignore=shutil.ignore_patterns("__pycache__"))
    source = tmp_path / "producers" / "partitioner.py"
    text = source.read_text()
    assert said(compiled, tmp_path)[0] == "compiled"
    plain = said(compiled, tmp_path, PULSE_COMPILED="no")
    assert plain[0] == "python: PULSE_COMPILED is no"
    times = source.stat()
    source.write_text(text + "\n\ndef partition_for(key: bytes, partitions: int) -> int:\n    return 4242\n")
    os.utime(source, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert said(compiled, tmp_path) == ["python: it was made of another producers/partitioner.py", "4242", "py"]
    source.write_text(text)
    assert said(compiled, tmp_path) == ["compiled", plain[1], "so"]


def said(compiled: Path, tree: Path, **more: str) -> list[str]:
    """Form, a partition, and what kind of file a module comes from, of a process with that source."""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{tree}{os.pathsep}{compiled}"} | more
    done = subprocess.run(
        [sys.executable, "-c", SAY], cwd=tree, env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout.strip().split("|")
