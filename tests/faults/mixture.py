"""What the fault tests send: every event type, repeats, late ones and poison, the same for the same seed.

A busy floor of the simulator tells hours within minutes, so that minutes pass out of their keeping time while things
break; days-old events, repeats and records that nobody can use are strewn in.
"""

import json
import time
from collections.abc import Iterator
from heapq import heappop, heappush
from itertools import count
from random import Random
from typing import Any

from producers.simulator.floor import Setup, key_of
from producers.simulator.live import load_floor
from producers.simulator.rhythm import rfc3339

Record = tuple[bytes, bytes]
"""Key and value."""

HOUR = 3_600_000_000
MINUTE = 60_000_000
_REPEATED, _HELD_BACK, _OLD, _MADE, _POISON = 0.04, 0.05, 0.03, 0.02, 0.004
_POISONS = (
    b"",
    b"not json",
    b"[" * 5_000,
    b"\xff\xfe\x00",
    b'{"specversion":"1.0"}',
    b'{"specversion":"1.0","id":"p","source":"pbx://x","type":"sales.nobody.knows.v1","time":"2026-11-01T00:00:00Z","data":{}}',
    (
        b'{"specversion":"1.0","id":"p","source":"pbx://x","type":"sales.cost.booked.v1","time":"2026-11-01T00:00:00Z",'
        b'"data":{"cost_id":"k","amount":NaN,"currency":"RUB","category":"ads"}}'
    ),
    (
        b'{"specversion":"1.0","id":"p","source":"pbx://x","type":"sales.meeting.held.v1","time":"2026-11-01T00:00:00Z",'
        b'"data":{"meeting_id":"m","client_id":"somebody else","manager_id":"m-1"}}'
    ),
)


def mixture(seed: int, *, start_us: int | None = None, density: float = 2.0) -> Iterator[Record]:
    """Records for ever. `start_us`: the first moment, half a day ago by default; `density`: events a simulated second.

    With a density equal to the rate of sending, what is sent happens now.
    """
    rng = Random(seed)
    start = time.time_ns() // 1000 - 12 * HOUR if start_us is None else start_us
    now = load_floor(Setup(seed=seed, managers=12), density).events(start)
    old = load_floor(Setup(seed=seed + 1, managers=12), 0.5).events(start - 20 * 24 * HOUR)
    numbers = count()
    held: list[tuple[int, int, Record]] = []
    for number, (moment, event) in enumerate(now):
        record = key_of(event).encode(), json.dumps(event, ensure_ascii=False).encode()
        if rng.random() < _HELD_BACK:
            heappush(held, (number + rng.randrange(20, 3_000), next(numbers), record))
        else:
            yield record
        if rng.random() < _REPEATED:
            heappush(held, (number + rng.randrange(1, 3_000), next(numbers), record))
        while held and held[0][0] <= number:
            yield heappop(held)[2]
        if rng.random() < _OLD:
            _, late = next(old)
            yield key_of(late).encode(), json.dumps(late, ensure_ascii=False).encode()
        if rng.random() < _MADE:
            made = _made(rng, seed, number, moment)
            yield key_of(made).encode(), json.dumps(made).encode()
        if rng.random() < _POISON:
            yield f"poison-{number}".encode(), rng.choice(_POISONS)


def _made(rng: Random, seed: int, number: int, moment: int) -> dict[str, Any]:
    """Costs and refunds, which a floor of a few hours hardly has, over ids that return."""
    money = {"amount": f"{rng.randrange(1, 100_000)}.{rng.randrange(100):02}", "currency": rng.choice(["RUB", "USD"])}
    staff = {"manager_id": f"m-{rng.randrange(12)}"}
    if rng.random() < 0.5:
        kind, client = "cost.booked", {}
        data = {"cost_id": f"k-{rng.randrange(50)}", "category": rng.choice(["ads", "travel"]), **money, **staff}
    else:
        kind, client = "payment.refunded", {"client_id": f"refunded-{rng.randrange(40)}"}
        data = {"payment_id": f"{client['client_id']}-{rng.randrange(5)}", **client, **money, **staff}
    return {
        "specversion": "1.0",
        "id": f"made-{number}",
        "source": f"sim://made-{seed}",
        "type": f"sales.{kind}.v1",
        "time": rfc3339(moment - rng.randrange(0, 60 * 24 * HOUR // MINUTE) * MINUTE * (rng.random() < 0.3)),
        "data": data,
    }
