"""State that older versions wrote: read as it was, and gone on from; that of a version to come is counted again.

`state-<version>.msgpack` holds what the changelogs of that version kept of all but the last events of the month. It is
never written again: a change of the encoding that cannot read it needs a new version, and a file of its own.
"""

from pathlib import Path

import msgspec
import pytest

from metrics.calendar import load
from streams.errors import StateError
from streams.fold.rules import Rules
from streams.own import VERSION, Own
from streams.partition import PARTITION_KEY, Partition
from tests.golden import month
from tests.laws.replay import Rec
from tests.support.folding import everything

HERE = Path(__file__).parent


def _partition() -> Partition:
    rules = Rules(month.ZONE, load(month.CALENDAR, month.ZONE), ready_stages=frozenset({"CONTRACT"}))
    return Partition(0, 1, rules)


def _log() -> list[Rec]:
    events = zip(month.event_lines(), month.events(), strict=True)
    return [Rec(offset, event.key.encode(), value) for offset, (value, event) in enumerate(events)]


def _stored(version: int) -> dict[str, dict[bytes, bytes]]:
    found: dict[str, dict[bytes, bytes]] = msgspec.msgpack.decode(
        (HERE / f"state-{version}.msgpack").read_bytes(), type=dict[str, dict[bytes, bytes]]
    )
    return found


def _restored(stored: dict[str, dict[bytes, bytes]]) -> Partition:
    partition = _partition()
    partition.restore_clients(stored["clients"].items())
    partition.restore_cells(stored["cells"].items())
    return partition


def test_every_version_that_was_has_its_file() -> None:
    """A new version comes with what the one before it wrote."""
    assert {path.name for path in HERE.glob("state-*")} == {f"state-{n}.msgpack" for n in range(1, VERSION)}


@pytest.mark.parametrize("version", range(1, VERSION))
def test_read_and_gone_on_from(version: int) -> None:
    """An older version's state and the events after it make what the whole log makes."""
    log, whole = _log(), _partition()
    whole.fold(log)
    partition = _restored(_stored(version))
    assert 0 < partition.fence < log[-1].offset
    partition.fold(log)
    assert partition.counts.skipped
    assert (partition.fence, partition.time) == (whole.fence, whole.time)
    assert everything(partition) == everything(whole)
    assert sorted(partition.view().waiting or ()) == sorted(whole.view().waiting or ())


@pytest.mark.parametrize("version", range(1, VERSION))
def test_written_anew_as_this_version(version: int) -> None:
    """The next cut carries this version, and is read again."""
    stored = _stored(version)
    partition = _restored(stored)
    own = dict(partition.cut().clients)[PARTITION_KEY] or b""
    assert msgspec.msgpack.decode(own, type=Own).version == VERSION
    stored["clients"][PARTITION_KEY] = own
    assert everything(_restored(stored)) == everything(partition)


def test_a_version_to_come_is_refused() -> None:
    """What this worker cannot know is not guessed at: its owner counts the log again."""
    stored = _stored(1)
    own = msgspec.msgpack.decode(stored["clients"][PARTITION_KEY], type=Own)
    later = msgspec.structs.replace(own, version=VERSION + 1)
    stored["clients"][PARTITION_KEY] = msgspec.msgpack.encode((*msgspec.structs.astuple(later), "more"))
    with pytest.raises(StateError, match=f"version {VERSION + 1}"):
        _restored(stored)
