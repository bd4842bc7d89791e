"""Brokers are asked until they have done what they were asked for, and for so long at most."""

import pytest

from producers.brokers import until


@pytest.mark.parametrize(("good", "asked"), [(0, 1), (2, 3)])
async def test_the_first_good_answer_ends_it(good: int, asked: int) -> None:
    """Once it is good nobody asks again."""
    answers: list[int] = []

    async def ask() -> int:
        answers.append(len(answers))
        return answers[-1]

    assert await until(ask, lambda answer: answer >= good, seconds=10, pause=0.001) == good
    assert len(answers) == asked


async def test_the_last_answer_is_given_when_time_is_over() -> None:
    """The caller says what is still wrong, from the newest answer."""
    answers: list[int] = []

    async def ask() -> int:
        answers.append(len(answers))
        return answers[-1]

    assert await until(ask, lambda _: False, seconds=0.03, pause=0.01) == len(answers) - 1
    assert len(answers) > 1


async def test_what_is_raised_ends_it() -> None:
    """A broker that refuses is not asked again."""
    asked = 0

    async def ask() -> int:
        nonlocal asked
        asked += 1
        raise ConnectionError

    with pytest.raises(ConnectionError):
        await until(ask, lambda _: True, seconds=10)
    assert asked == 1
