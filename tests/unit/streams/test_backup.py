"""A backup holds what its manifest names and nothing else, and is taken each night."""

import gzip
import json
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from deploy.commands.backup import until_next
from producers.settings import KafkaSettings
from streams.backup.files import read_manifest
from streams.backup.take import BackupScope, Taking
from tests.laws.logs import InMemoryLog
from tests.laws.replay import Rec


async def test_nothing_that_was_replaced_stays(tmp_path):
    """Claims of who was forgotten are in no file after the next backup; files of others are left alone."""
    settings = KafkaSettings(_env_file=None)
    log = InMemoryLog([], 1)
    claim = Rec(0, b"hash-of-a-number", b"client-1", headers=(("claimed", b"1"),))
    log.topics["sales.identities"] = {0: [claim]}
    (tmp_path / "notes.txt").write_text("mine")

    async def taken():
        await Taking(log, BackupScope(settings, "app", "id", []), tmp_path, lambda _: None, lambda: False).run()
        return {path.name for path in tmp_path.iterdir()}

    before = await taken()
    log.topics["sales.identities"] = {0: [Rec(1, b"hash-of-a-number", None, headers=(("claimed", b"1"),))]}
    after = await taken()
    manifest = read_manifest(tmp_path)
    named = {manifest[kind]["name"] for kind in ("identities", "reference")}
    assert after == {"manifest.json", "notes.txt", *named}
    assert not before & named
    claims = gzip.decompress((tmp_path / manifest["identities"]["name"]).read_bytes())
    assert b"hash-of-a-number" in claims
    assert b"client-1" not in claims
    assert json.loads((tmp_path / "manifest.json").read_text())["complete"]


@pytest.mark.parametrize(
    ("now", "seconds"),
    [
        (datetime(2026, 11, 29, 3, 16, tzinfo=UTC), 60),
        (datetime(2026, 11, 29, 3, 17, tzinfo=UTC), 86400),
        # The clocks of Berlin are put forward at 2:00 and back at 3:00.
        (datetime(2026, 3, 28, 3, 17, tzinfo=ZoneInfo("Europe/Berlin")), 23 * 3600),
        (datetime(2026, 10, 24, 3, 17, tzinfo=ZoneInfo("Europe/Berlin")), 25 * 3600),
    ],
)
def test_the_next_night_begins_at_its_time(now, seconds):
    assert until_next(now) == seconds
