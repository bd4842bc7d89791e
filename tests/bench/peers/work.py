"""The work that all peers do, in plain Python: an event that is new changes a client and at most three cells.

Calls, payments and messages are known again by their ids, and count once. A client is what waits and what each deal
counts for, as its latest version says; a deal's former state is taken back from the day that it was counted in. A cell
is a manager's day (moments in Moscow) or minute, with a count and an amount per measure, and a histogram of response
times in the worker's own bins.
"""

from bisect import bisect_left
from collections.abc import Callable
from datetime import datetime
from typing import Any

from metrics.catalogue.activities import RESPONSE_BOUNDS

MEASURES = 16
WIDTH = MEASURES + len(RESPONSE_BOUNDS) + 1
ANSWERED, MISSED, RESPONSES, OPEN, WON, LOST, PAID, CHANGES = range(0, MEASURES, 2)
MINUTES_KEPT = 180
NO_BIN = -1
_STATUS = {"open": OPEN, "won": WON, "lost": LOST}
_ZONE_MS = 3 * 3_600_000
_BOUNDS_MS = [bound * 1000 for bound in RESPONSE_BOUNDS]

Client = dict[str, Any]
"""`waiting`: since when (ms); `deals`: id → [manager, day, measure, amount, time, event]. Both may be missing."""
Delta = tuple[str, int, int, int, int]
"""Cell, measure, count, amount, bin."""
Seen = Callable[[str], bool]
"""Whether an id was there before; from then on it was."""


def fold(event: dict[str, Any], client: Client, seen: Seen) -> list[Delta]:
    """Change the client; return what to add to cells."""
    data = event["data"]
    now = _ms(event["time"])
    match event["type"]:
        case "sales.call.ended.v1":
            return [] if seen(data["call_id"]) else _call(data, now, client)
        case "sales.chat.message.v1":
            if seen(event["id"]):
                return []
            if data["author"] == "client":
                client.setdefault("waiting", now)
                return []
            since = client.pop("waiting", None)
            return [] if since is None else _both(data["manager_id"], now, RESPONSES, now - since, _bin(now - since))
        case "sales.deal.changed.v1":
            return _deal(data, (now, event["id"]), client)
    return [] if seen(data["payment_id"]) else _both(data["manager_id"], now, PAID, _money(data), NO_BIN)


def _call(data: dict[str, Any], now: int, client: Client) -> list[Delta]:
    client.pop("waiting", None)
    if data["outcome"] != "answered":
        return _both(data["manager_id"], now, MISSED, 0, NO_BIN)
    value = _ms(data["answered_at"]) - _ms(data["started_at"])
    return _both(data["manager_id"], now, ANSWERED, value, _bin(value))


def _deal(data: dict[str, Any], version: tuple[int, str], client: Client) -> list[Delta]:
    deals = client.setdefault("deals", {})
    deltas: list[Delta] = []
    if (old := deals.get(data["deal_id"])) is not None:
        manager, day, measure, amount, *held = old
        if version <= tuple(held):
            return []
        deltas.append((f"{manager}/d{day}", measure, -1, -amount, NO_BIN))
    now, event = version
    manager, day = data["manager_id"], (now + _ZONE_MS) // 86_400_000
    measure, amount = _STATUS[data["status"]], _money(data)
    deals[data["deal_id"]] = [manager, day, measure, amount, now, event]
    changed = f"{manager}/m{now // 60_000}", CHANGES, 1, 0, NO_BIN
    return [*deltas, (f"{manager}/d{day}", measure, 1, amount, NO_BIN), changed]


def _both(manager: str, now: int, measure: int, amount: int, bin_: int) -> list[Delta]:
    return [
        (f"{manager}/d{(now + _ZONE_MS) // 86_400_000}", measure, 1, amount, bin_),
        (f"{manager}/m{now // 60_000}", measure, 1, amount, bin_),
    ]


def _ms(time: str) -> int:
    return round(datetime.fromisoformat(time).timestamp() * 1000)


def _bin(value: int) -> int:
    return bisect_left(_BOUNDS_MS, value)


def _money(data: dict[str, Any]) -> int:
    whole, _, part = data["amount"].partition(".")
    return int(whole) * 100 + int(part.ljust(2, "0"))


def add(cell: list[int], delta: Delta) -> list[int]:
    """Add to a cell in place."""
    _, measure, count, amount, bin_ = delta
    cell[measure] += count
    cell[measure + 1] += amount
    if bin_ != NO_BIN:
        cell[MEASURES + bin_] += count
    return cell
