"""Which Python deploy/install.sh takes."""

import subprocess
import sys

import pytest

from tests.support.workers import ROOT

OPTIMIZED, PLAIN = "--enable-optimizations", "--enable-shared"


@pytest.fixture
def python(tmp_path):
    """Makes a Python that says how it was built; gives the folder that it is in."""

    def make(name, built):
        folder = tmp_path / name.rpartition("/")[0]
        folder.mkdir(exist_ok=True)
        program = tmp_path / name
        program.write_text(
            f'#!/bin/sh\n[ "$1" = -c ] || exit 9\nexec {sys.executable} -c "import sys, sysconfig\n'
            f"sys.base_prefix, sysconfig.get_config_var = '/opt', lambda name: '{built}'\n$2\"\n"
        )
        program.chmod(0o755)
        return folder

    return make


def found(*folders, **env):
    """What is taken with these folders as the PATH, before the system's own programs."""
    path = ":".join(map(str, (*folders, "/usr/bin", "/bin")))
    done = subprocess.run(
        ["bash", "-c", ". deploy/install.sh; find_python"],
        cwd=ROOT, env={"PATH": path, **env}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout.strip()


def test_one_with_optimizations_is_taken_first(python):
    """Wherever it stands in the list."""
    first, second = python("a/python3", PLAIN), python("b/python3.13", OPTIMIZED)
    assert found(first, second) == str(second / "python3.13")


def test_the_first_that_has_them(python):
    """Of two, that which `python3` means."""
    first, second = python("a/python3", OPTIMIZED), python("b/python3.13", OPTIMIZED)
    assert found(first, second) == str(first / "python3")


def test_the_named_one_whatever_it_is(python):
    """PYTHON decides."""
    first, second = python("a/python3", OPTIMIZED), python("b/own", PLAIN)
    assert found(first, PYTHON=str(second / "own")) == str(second / "own")
