"""Settings of the worker as Faust gets them."""

from types import SimpleNamespace

import pytest

from streams.durable.restore import reader
from streams.runtime.app import build
from streams.settings import WorkerSettings


@pytest.mark.parametrize("session", [1, 10, 300])
async def test_times_fit_each_other(session, tmp_path):
    """Faust refuses a session longer than a request may take, and misses heartbeats rarer than a third of one."""
    settings = WorkerSettings(app_id="unit", worker_id="w", data_dir=tmp_path, session_timeout=session)
    conf = build(settings, SimpleNamespace(name="fold", topic="sales.events"), [], lambda error: None).conf
    assert conf.broker_session_timeout == session < conf.broker_request_timeout
    assert conf.broker_heartbeat_interval <= session / 3


async def test_checksums_are_looked_at(tmp_path):
    """Of events and of changelogs: a bit that comes as the other must not be counted, or restored."""
    settings = WorkerSettings(app_id="unit", worker_id="w", data_dir=tmp_path)
    assert build(settings, SimpleNamespace(name="fold", topic="sales.events"), [], print).conf.broker_check_crcs
    restoring = reader(settings, "unit")
    assert restoring._check_crcs
    await restoring.stop()


async def test_another_member_where_a_topic_was_recreated(tmp_path):
    """The group gives a member that is back what was shared out before, when a topic may have been away."""
    settings = WorkerSettings(app_id="unit", worker_id="w", data_dir=tmp_path)
    owner = SimpleNamespace(name="fold", topic="sales.events")
    first, again, other = (
        build(settings, owner, [], print, read).conf.consumer_group_instance_id
        for read in (("e", "r"), ("e", "r"), ("e", "s"))
    )
    assert first == again != other
    assert first.startswith("w.")
