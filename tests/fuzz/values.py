"""Values of records that a sender might get wrong, from nearly right to noise."""

import json
import random
import re
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

from producers.events.rules import MAX_BYTES
from tests.contract.test_agreement import ODD_VALUES, SCALARS, mutated, torn
from tests.support.strategies import any_events, encode

PIECES = (
    b"{", b"}", b"[", b"]", b",", b":", b'"', b"\\", b" ", b"\n", b"\x00", b"\x1f", b"\x7f", b"\xff",
    b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\xf4\x90\x80\x80", b"\xc0\xaf", b"\\u0000", b"\\ud83d", b"\\ude00",
    b"null", b"true", b"NaN", b"-Infinity", b"1e400", b"-0", b"-0.0", b"0.1e-400", b"1" * 400, b"data", b"time",
    b"type", b"id", b"source", b"specversion", b'"1.0"', b"sales.deal.changed.v1", b"client_id", b"partitionkey",
    b"2026-11-23T09:15:02.1234567Z",
)  # fmt: skip
_NOISE = st.one_of(st.binary(max_size=64), st.lists(st.sampled_from(PIECES), max_size=40).map(b"".join))
_TOKEN = re.compile(rb'"[^"]*"|-?[0-9][0-9.eE+-]*|true|false|null')
_TOKENS = tuple(json.dumps(odd).encode() for odd in ODD_VALUES)
_WRONG: st.SearchStrategy[Any] = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@st.composite
def _wrong_everywhere(draw: st.DrawFn) -> bytes:
    """An event in which any number of members, and whole parts, have wrong types."""
    event = draw(any_events())
    for target in (event["data"], event):
        for name in list(target):
            if draw(st.integers(0, 4)) == 0:
                target[name] = draw(_WRONG)
    return encode(event)


@st.composite
def _spliced(draw: st.DrawFn) -> bytes:
    """Two events cut somewhere and put together, with noise between."""
    one, two = encode(draw(any_events())), encode(draw(any_events()))
    return one[: draw(st.integers(0, len(one)))] + draw(_NOISE) + two[draw(st.integers(0, len(two))) :]


@st.composite
def _deep(draw: st.DrawFn) -> bytes:
    """Nesting of any depth, closed or not, alone or where nobody reads."""
    opening, closing = draw(st.sampled_from([(b"[", b"]"), (b'{"a":', b"}")]))
    depth = draw(st.one_of(st.integers(1, 600), st.integers(1, 100_000)))
    inner = opening * depth + draw(st.sampled_from([b"", b"1", b'"x"', b"nul"]))
    inner += closing * draw(st.sampled_from([depth, depth - 1, depth + 1, 0]))
    if draw(st.booleans()):
        return inner
    event = encode(draw(any_events()))
    return event.replace(b'"data":', b'"deep":' + inner + b',"data":', 1)


@st.composite
def _large(draw: st.DrawFn) -> bytes:
    """An event whose size lies around the greatest that is allowed."""
    event = draw(any_events())
    event["pad"] = ""
    missing = MAX_BYTES - len(encode(event)) + draw(st.integers(-70, 2))
    pad, times = (
        draw(st.sampled_from(["x", '"', "\u2028", "ю", "\x00"])),
        draw(st.sampled_from([missing, missing // 2])),
    )
    event["pad"] = pad * times
    return encode(event)


def values() -> st.SearchStrategy[bytes]:
    """Mostly events with something wrong, some right ones, some noise; large and deep ones now and then."""
    nearly = [mutated().map(lambda case: case[0]), torn().map(lambda case: case[0]), _wrong_everywhere(), _spliced()]
    usual = st.one_of(any_events().map(encode), *nearly, *nearly, _NOISE)
    rare = st.one_of(_deep(), _large())
    return st.integers(0, 60).flatmap(lambda n: usual if n else rare)


def variants(value: bytes, number: int, count: int) -> Iterator[bytes]:
    """Cheap changes of one value, each on top of the one before; the same ones for the same number."""
    rng = random.Random(number)
    for _ in range(count):
        value = _token_changed(value, rng) if rng.random() < 0.7 else _bytes_changed(value, rng)
        yield value


def _token_changed(value: bytes, rng: random.Random) -> bytes:
    """A string, number or word made another one: mostly JSON still."""
    if len(value) > 4096 or not (found := list(_TOKEN.finditer(value))):
        return _bytes_changed(value, rng)
    at, other = rng.choice(found), rng.choice(found)
    new = rng.choice((other[0], rng.choice(_TOKENS), _bytes_changed(at[0][1:-1], rng).join((b'"', b'"'))))
    return value[: at.start()] + new + value[at.end() :]


def _bytes_changed(value: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(value) + 1)
    end = min(len(value), at + rng.choice((0, 1, 1, 2, 4, 16)))
    other = rng.randrange(len(value) + 1)
    byte = bytes((rng.randrange(256),))
    new = rng.choice((b"", byte, rng.choice(PIECES), value[other : other + 12], value[at:end] * 2))
    return value[:at] + new + value[end:]
