"""The compiled form, built once."""

from pathlib import Path

import pytest

from tests.support.machine_code import machine_code


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for PYTHONPATH."""
    return machine_code(tmp_path_factory.mktemp("compiled"))
