"""What the path of every request leaves out for speed is there all the same when somebody looks."""

import json
from copy import copy
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from producers.events.registry import ALL_TYPES
from producers.gateway.noting import Noting
from producers.gateway.reading.hints import _found, hints
from producers.gateway.series import GatewaySeries
from producers.senders import QUARTER, TAKEN

EXAMPLES = [
    json.loads(line)
    for line in (Path(__file__).parents[2] / "contract" / "example-events.jsonl").read_text().splitlines()
]
NAMES = st.sampled_from(
    ["amuont", "Client_ID", "x", "traceparent", "soruce", "time", "data", "type", "id", "partitionkey"]
)


@given(
    st.sampled_from(EXAMPLES),
    st.lists(st.tuples(st.booleans(), NAMES, st.sampled_from([1, None, "x", [], {}])), max_size=3),
    st.lists(NAMES, max_size=2), st.sampled_from([None, *ALL_TYPES, "other"]),
)  # fmt: skip
def test_unknown_fields(event, more, less, kind):
    """Law: looking at names alone says that something is unknown whenever looking at everything does."""
    changed = {**event, "data": dict(event["data"])}
    for inside, name, value in more:
        (changed["data"] if inside and isinstance(changed["data"], dict) else changed)[name] = copy(value)
    for name in less:
        changed.pop(name, None)
    if kind is not None:
        changed["type"] = kind
    value = json.dumps(changed).encode()
    assert list(hints(0, value)) == list(_found(0, value))


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("xy"), st.integers(1, 9), st.integers(0, 3 * QUARTER),
                          st.booleans()), max_size=30))  # fmt: skip
def test_notes(taken):
    """Law: whenever notes are looked at, they count by the quarter of an hour in which events came."""
    now = [0.0]
    noting = Noting(GatewaySeries(), lambda: now[0])
    counts, last = {}, {}
    for source, kind, n, after, looks in taken:
        now[0] += after / 10
        noting.taken({(source, kind): n})
        counts[int(now[0]) // QUARTER, source, TAKEN, kind] = (
            counts.get((int(now[0]) // QUARTER, source, TAKEN, kind), 0) + n
        )
        last[source, kind] = now[0]
        if looks:
            assert dict(noting.notes.counts) == counts
    assert (dict(noting.notes.counts), noting.notes.last) == (counts, last)
    assert bool(noting.take()) == bool(taken)
    assert not noting.notes
