"""A change of the group while partitions are restored is no end: the next assignment opens them again."""

import asyncio

import pytest

from streams.errors import RevokedError


class Slow:
    """A restorer that never comes to its end."""

    async def restore(self, *_):
        await asyncio.sleep(3600)


async def test_taken_away_while_opened(unit):
    """Opening ends with an error of ours, not as if the task that opens had been cancelled; then it works again."""
    owner = unit.owner()
    restorer, owner._restorer = owner._restorer, Slow()
    opening = asyncio.create_task(owner.open([0]))
    await asyncio.sleep(0.01)
    await owner.close([0])
    with pytest.raises(RevokedError):
        await opening
    owner._restorer = restorer
    assert await owner.open([0]) == {0: 0}
    await owner.close([0])
