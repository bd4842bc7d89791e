"""State that this version wrote when it was new is read as it was, and gone on from; another version's is refused."""

import msgspec
import pytest

from streams.errors import StateError
from streams.own import VERSION, Own
from streams.partition import PARTITION_KEY, Partition
from tests.golden.state import FILE, Stored, log, rules
from tests.support.folding import everything


def _stored(**changes: object) -> Stored:
    """The file, counted by today's rules: a family that was added since is another test's."""
    found = msgspec.msgpack.decode(FILE.read_bytes(), type=Stored)
    own = msgspec.msgpack.decode(found["clients"][PARTITION_KEY], type=Own)
    own = msgspec.structs.replace(own, **{"rules": rules().signature, **changes})
    found["clients"][PARTITION_KEY] = msgspec.msgpack.encode(own)
    return found


def _restored(stored: Stored) -> Partition:
    partition = Partition(0, 1, rules())
    partition.restore_clients(stored["clients"].items())
    partition.restore_cells(stored["cells"].items())
    return partition


def test_read_and_gone_on_from() -> None:
    """The state and the events after it make what the whole log makes."""
    whole = Partition(0, 1, rules())
    whole.fold(log())
    partition = _restored(_stored())
    assert 0 < partition.fence < log()[-1].offset
    partition.fold(log())
    assert partition.counts.skipped
    assert (partition.fence, partition.time) == (whole.fence, whole.time)
    assert everything(partition) == everything(whole)
    assert sorted(partition.view().waiting or ()) == sorted(whole.view().waiting or ())


@pytest.mark.parametrize("version", [VERSION - 1, VERSION + 1])
def test_another_version_is_refused(version: int) -> None:
    """What this worker cannot know is not guessed at: its owner counts the log again."""
    with pytest.raises(StateError, match=f"version {version}"):
        _restored(_stored(version=version))
