"""State that this version wrote when it was new is read as it was, and gone on from; another version's is refused."""

import msgspec
import pytest

from metrics.measure import parts
from streams.errors import RulesChanged, StateError
from streams.state.own import VERSION, Own
from streams.state.partition import PARTITION_KEY, Partition
from tests.golden.state import FILE, Stored, log, rules
from tests.support.folding import Sums, everything

_ADDED = frozenset[str]()
"""Codes of families since the file was written. State by the rules of before is counted again from the log."""


def _stored(**changes: object) -> Stored:
    """The file, counted by today's rules: a family that was added since is another test's."""
    found = msgspec.msgpack.decode(FILE.read_bytes(), type=Stored)
    own = msgspec.msgpack.decode(found["clients"][PARTITION_KEY], type=Own)
    own = msgspec.structs.replace(own, **{"rules": rules().signature, **changes})
    found["clients"][PARTITION_KEY] = msgspec.msgpack.encode(own)
    return found


def _known(partition: Partition) -> Sums:
    """All cells, without the families that the file does not have."""
    return {
        bucket: {who: {m: n for m, n in part.items() if parts(m)[0] not in _ADDED} for who, part in held.items()}
        for bucket, held in everything(partition).items()
    }


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
    assert _known(partition) == _known(whole)
    assert sorted(partition.view().waiting or ()) == sorted(whole.view().waiting or ())


@pytest.mark.parametrize("version", [VERSION - 1, VERSION + 1])
def test_another_version_is_refused(version: int) -> None:
    """What this worker cannot know is not guessed at: its owner counts the log again."""
    partition = _restored(_stored(version=version))
    with pytest.raises(StateError, match=f"version {version}"):
        partition.check_restored()


def test_state_by_other_rules_is_refused() -> None:
    """A family that is new would be counted from today on only: its owner counts the log again."""
    partition = _restored(_stored(rules="0" * 32))
    with pytest.raises(RulesChanged):
        partition.check_restored()
