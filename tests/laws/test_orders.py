"""The law of versions: where versions decide, the order in which events arrive does not."""

from random import Random
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from metrics.view import Waiting
from streams.plain.parts import Parts
from tests.laws.mixtures import ANCHORS, KINDS, Json, drawn, event, zones
from tests.laws.replay import records, replay
from tests.laws.test_streamed import LAW, steps

_BY_ORDER = ("chat.", "lead.", "call.started", "call.answered")
_DECIDED = [index for index, kind in enumerate(KINDS) if not kind.startswith(_BY_ORDER)]
_NEAR = len([at for at in ANCHORS if (at - ANCHORS[0]).days < 700])


def _event(number: int, kind: int, entity: int, anchor: int, minutes: int, seed: int) -> Json:
    """An event of a type that has versions, none of them equal, and none so far off that anything is forgotten."""
    made = event(_DECIDED[kind % len(_DECIDED)], entity, anchor % _NEAR, minutes, seed)
    return made | {"id": f"e-{number}"}


def _end(mixture: list[Json], zone: ZoneInfo, how: list[int]) -> tuple[Parts, list[Waiting]]:
    _, mirror = replay(records(mixture), zone, how)
    return mirror.parts, mirror.waiting


@settings(LAW, max_examples=300)
@given(st.lists(drawn(), min_size=2, max_size=25), zones(), steps, st.randoms(use_true_random=False))
def test_order_does_not_matter_where_versions_decide(
    rows: list[tuple[int, ...]], zone: ZoneInfo, how: list[int], random: Random
) -> None:
    """Any order within and between clients gives the same cells."""
    mixture = [_event(number, *row) for number, row in enumerate(rows)]
    shuffled = list(mixture)
    random.shuffle(shuffled)
    assert _end(mixture, zone, how) == _end(shuffled, zone, how)
