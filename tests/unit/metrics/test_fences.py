"""As of which record a board is: known only when nothing of it is newer than a heartbeat that was read before."""

import pytest

from metrics.exporter.held.fences import Fences
from metrics.settled import header, read
from metrics.view import encode_any, fenced

BEAT = {"whole": True}


def _raw(heartbeats):
    """As they lie in Redis."""
    return {str(number).encode(): fenced(fence, encode_any(beat)) for number, (fence, beat) in heartbeats.items()}


@pytest.mark.parametrize(
    ("seen", "heartbeats", "expected"),
    [
        ([(0, 5)], {0: (5, BEAT)}, {0: 5}),
        ([(0, 5)], {0: (9, BEAT)}, {0: 9}),
        ([(0, 5), (0, 3)], {0: (4, BEAT)}, None),
        ([(0, 5), (1, 2)], {0: (5, BEAT), 1: (2, BEAT)}, {0: 5, 1: 2}),
        ([(0, 5), (1, 3)], {0: (5, BEAT), 1: (2, BEAT)}, None),
        ([(0, 5), (1, 2)], {0: (5, BEAT)}, None),
        ([(0, 5)], {0: (5, {"whole": False})}, None),
        ([(0, 5)], {0: (5, {"whole": True, "intact": False})}, None),
        ([], {0: (-1, BEAT)}, {0: -1}),
        ([], {}, None),
    ],
)
def test_settled(seen, heartbeats, expected):
    """All partitions, or none: a part that was written meanwhile, or a view that is not whole, says nothing."""
    fences = Fences()
    for partition, fence in seen:
        fences.saw(partition, fence)
    assert fences.settled(_raw(heartbeats)) == expected


def test_the_header_is_read_as_it_was_written():
    """Fences and the moment in microseconds."""
    (text,) = header({0: 7, 12: -1}, 1764.5).values()
    found = read(text)
    assert (dict(found.fences), found.moment) == ({0: 7, 12: -1}, 1_764_500_000)
