"""The work that all peers do, in plain Python: an event changes a client and at most three cells.

A client is what waits and what each deal counts for; a cell is a manager's day (moments in Moscow) or minute, with
a count and an amount per measure. A deal's former state is taken back from the day that it was counted in.
"""

from datetime import datetime
from typing import Any

MEASURES = 16
ANSWERED, MISSED, RESPONSES, OPEN, WON, LOST, PAID, CHANGES = range(0, MEASURES, 2)
_STATUS = {"open": OPEN, "won": WON, "lost": LOST}
_ZONE_MS = 3 * 3_600_000

Client = dict[str, Any]
"""`waiting`: since when (ms); `deals`: id → [manager, day, measure, amount]. Both may be missing."""
Delta = tuple[str, int, int, int]
"""Cell, measure, count, amount."""


def fold(event: dict[str, Any], client: Client) -> list[Delta]:
    """Change the client; return what to add to cells."""
    data = event["data"]
    now = round(datetime.fromisoformat(event["time"]).timestamp() * 1000)
    match event["type"]:
        case "sales.call.ended.v1":
            client.pop("waiting", None)
            return _both(data["manager_id"], now, ANSWERED if data["outcome"] == "answered" else MISSED, 0)
        case "sales.chat.message.v1":
            if data["author"] == "client":
                client.setdefault("waiting", now)
                return []
            since = client.pop("waiting", None)
            return [] if since is None else _both(data["manager_id"], now, RESPONSES, now - since)
        case "sales.deal.changed.v1":
            return _deal(data, now, client)
    return _both(data["manager_id"], now, PAID, _money(data))


def _deal(data: dict[str, Any], now: int, client: Client) -> list[Delta]:
    deals = client.setdefault("deals", {})
    deltas: list[Delta] = []
    if (old := deals.get(data["deal_id"])) is not None:
        manager, day, measure, amount = old
        deltas.append((f"{manager}/d{day}", measure, -1, -amount))
    manager, day = data["manager_id"], (now + _ZONE_MS) // 86_400_000
    measure, amount = _STATUS[data["status"]], _money(data)
    deals[data["deal_id"]] = [manager, day, measure, amount]
    return [*deltas, (f"{manager}/d{day}", measure, 1, amount), (f"{manager}/m{now // 60_000}", CHANGES, 1, 0)]


def _both(manager: str, now: int, measure: int, amount: int) -> list[Delta]:
    return [
        (f"{manager}/d{(now + _ZONE_MS) // 86_400_000}", measure, 1, amount),
        (f"{manager}/m{now // 60_000}", measure, 1, amount),
    ]


def _money(data: dict[str, Any]) -> int:
    whole, _, part = data["amount"].partition(".")
    return int(whole) * 100 + int(part.ljust(2, "0"))


def add(cell: list[int], delta: Delta) -> list[int]:
    """Add to a cell in place."""
    _, measure, count, amount = delta
    cell[measure] += count
    cell[measure + 1] += amount
    return cell
