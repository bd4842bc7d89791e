"""The law of the view: whoever wrote to it, and however far that one was, what stands there is the last one's word."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from metrics.view import FENCE_DIGITS, decode_any
from tests.laws.mixtures import KINDS, Json, event, mixtures
from tests.laws.replay import Rec, records
from tests.laws.test_streamed import LAW
from tests.support.sink_in_memory import InMemorySink
from tests.unit.streams.conftest import OwnerHouse
from tests.unit.streams.view.test_publish import publisher_of


class Shown:
    """An owner with its publisher, and how far it has read."""

    def __init__(self, house: OwnerHouse, sink: InMemorySink, log: Sequence[Rec]) -> None:
        self.owner = house.owner(flush_interval=60)
        self.publisher = publisher_of(self.owner, sink)
        self._log = log
        self._at = 0

    async def open(self) -> "Shown":
        self._at = (await self.owner.open([0]))[0]
        return self

    async def fold(self, count: int) -> None:
        if some := self._log[self._at : self._at + count]:
            await self.owner.fold(0, [some])
            self._at += len(some)

    async def show(self) -> None:
        """One round, with all that is looked at every few seconds."""
        self.publisher._beaten_at = self.publisher._checked_at = 0.0
        await self.publisher.show()


def _seen(sink: InMemorySink) -> dict[str, Any]:
    """What the view says, without as of when it says it, and what is empty."""
    keys, found = sink.keys, {}
    for key, fields in sink.hashes.items():
        values = {name: decode_any(value[FENCE_DIGITS:]) for name, value in fields.items() if key != keys.partitions}
        if key in (keys.waiting, keys.unanswered):  # in no order
            values = {name: sorted(rows, key=repr) for name, rows in values.items()}
        if held := {name: value for name, value in values.items() if value}:
            found[key] = held
    return found


async def _outlive(log: Sequence[Rec], steps: Sequence[tuple[int, int]]) -> None:
    with TemporaryDirectory() as folder:
        house, sink = OwnerHouse(Path(folder)), InMemorySink("unit")
        now = before = await Shown(house, sink, log).open()
        for what, count in steps:
            await (before if what >= 5 else now).fold(count)
            if what == 1:
                await now.show()
            elif what == 2:
                await now.owner.owned[0].flush()
            elif what == 3:
                await now.show()
                await now.owner.owned[0].flush()
            elif what == 4:  # killed, or frozen: nothing is made durable any more
                before, now = now, await Shown(house, sink, log).open()
            elif what == 5:
                await before.show()
        await now.fold(len(log))
        await now.show()
        await now.show()
        alone = InMemorySink("unit")
        only = await Shown(OwnerHouse(Path(folder)), alone, log).open()
        await only.fold(len(log))
        await only.show()
        assert _seen(sink) == _seen(alone)


_LISTED = [number for number, kind in enumerate(KINDS) if kind.split(".")[0] in {"chat", "call", "lead"}]
"""Of what can be open: that comes, and goes again."""
_events = st.tuples(
    st.sampled_from(_LISTED), st.integers(0, 1), st.just(0), st.integers(0, 200), st.integers(0, 2**50)
).map(lambda row: event(*row))
_steps = st.lists(st.tuples(st.sampled_from((1, 1, 1, 2, 3, 4, 4, 5)), st.integers(0, 4)), max_size=12)


def _said(author: str, minute: int) -> Json:
    """A message in one chat."""
    return {
        "specversion": "1.0", "id": f"e-{minute}", "source": "chat://a", "type": "sales.chat.message.v1",
        "time": f"2026-10-25T10:{minute:02}:00+00:00",
        "data": {"chat_id": "1", "client_id": "cl-0", "manager_id": "m-1", "author": author},
    }  # fmt: skip


_CAME_AND_WENT = [_said("manager", 0), _said("client", 1), _said("manager", 2)]


@settings(LAW, max_examples=60)
@example(_CAME_AND_WENT, [(1, 2), (4, 0), (1, 1)])
@example(_CAME_AND_WENT, [(0, 2), (4, 0), (1, 1), (5, 0)])
@given(st.one_of(mixtures(least=4), st.lists(_events, min_size=4, max_size=16)), _steps)
def test_the_last_owner_is_right(mixture: list[Json], steps: list[tuple[int, int]]) -> None:
    """Owners fold, show, flush, and are killed or frozen anywhere; the frozen wake, and show what they have folded."""
    asyncio.run(_outlive(records(mixture), steps))
