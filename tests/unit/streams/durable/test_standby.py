"""Standby copies need a disk, and the message says what to set."""

import pytest
from pydantic import ValidationError

from streams.settings import WorkerSettings


def test_copies_need_a_disk():
    """In memory a copy would be gone with its process: the setting is refused by name."""
    with pytest.raises(ValidationError, match=r"SALES_STANDBY_REPLICAS.*SALES_STORE=rocksdb"):
        WorkerSettings(_env_file=None, standby_replicas=1)
    assert WorkerSettings(_env_file=None, standby_replicas=1, store="rocksdb").standby_replicas == 1
