"""What changelogs keep of all but the last events of the month, as a file: `python -m tests.golden.state` writes it.

Once per version of the state, and never again: a change of the encoding that cannot read it needs a new version.
"""

from pathlib import Path

import msgspec

from metrics.calendar import load
from streams.fold.rules import Rules
from streams.state.own import VERSION
from streams.state.partition import Partition
from tests.golden import month
from tests.laws.replay import Rec

Stored = dict[str, dict[bytes, bytes]]
FILE = Path(__file__).parent / f"state-{VERSION}.msgpack"
_LAST = 8


def rules() -> Rules:
    return Rules(month.ZONE, load(month.CALENDAR, month.ZONE), ready_stages=frozenset({"CONTRACT"}))


def log() -> list[Rec]:
    events = zip(month.event_lines(), month.events(), strict=True)
    return [Rec(offset, event.key.encode(), value) for offset, (value, event) in enumerate(events)]


def kept() -> Stored:
    partition = Partition(0, 1, rules())
    partition.fold(log()[:-_LAST])
    cut = partition.cut()
    return {
        name: {key: value for key, value in pairs if value is not None}
        for name, pairs in (("cells", cut.cells), ("clients", cut.clients))
    }


if __name__ == "__main__":
    FILE.write_bytes(msgspec.msgpack.encode(kept()))
