"""Asking until an answer is good."""

import pytest

from producers.brokers import until


class CountingBroker:
    """Says how often it was asked; not for ever."""

    def __init__(self):
        self.asked = 0

    async def answer(self):
        self.asked += 1
        if self.asked > 5:
            raise OSError("gone")
        return self.asked


async def test_until_it_is_good():
    """Whatever gives the answer: a method, or a lambda that asks for more than one thing."""
    for broker in (CountingBroker(), CountingBroker()):
        assert await until(broker.answer, lambda said: said == 3, seconds=5, pause=0) == 3
        assert await until(lambda broker=broker: broker.answer(), lambda said: said == 5, seconds=5, pause=0) == 5


async def test_until_the_time_is_over():
    """The last answer is given then; what asking raises ends it."""
    assert await until(lambda: CountingBroker().answer(), lambda said: said == 2, seconds=0, pause=0) == 1
    with pytest.raises(OSError, match="gone"):
        await until(CountingBroker().answer, lambda said: said == 7, seconds=5, pause=0)
