"""Deals: contributions of the latest version only, repeat sales, and who is ready."""

from decimal import Decimal
from itertools import permutations

import pytest

from tests.support.folding import Log, everything, fold, total

DEAL = {
    "deal_id": "d",
    "manager_id": "m-1",
    "team_id": "north",
    "pipeline": "b2b",
    "stage": "offer",
    "status": "open",
    "amount": "100.50",
    "currency": "RUB",
    "created_at": "2026-11-20T09:00:00Z",
}
WON = {"status": "won", "closed_at": "2026-11-23T09:00:00Z"}
OPEN_SUMS = {("od", "b2b", "offer"): 1, ("pl", "b2b", "offer", "RUB"): 1_005_000, ("mo", "RUB"): 1}
WON_SUMS = {
    ("dc", "b2b"): 1,
    ("dx", "b2b", "won"): 1,
    ("wa", "b2b", "RUB"): 1_005_000,
    ("ws", "b2b", "120", "RUB"): 1,
    ("dd", "b2b", "2"): 1,
    ("dd", "b2b", "s"): 3 * 86_400_000_000,
    ("me", "RUB"): 1,
}


def _log(*snapshots: dict[str, object]) -> Log:
    log = Log()
    for i, changes in enumerate(snapshots):
        changes = dict(changes)  # noqa: PLW2901 - a copy to take from
        sequence, time = changes.pop("sequence", f"{i:03}"), changes.pop("time", "2026-11-23T09:30:00Z")
        if changes.pop("deleted", False):
            log.add("deal.deleted", time, sequence=sequence, deal_id=changes.get("deal_id", "d"))
        else:
            log.add("deal.changed", time, sequence=sequence, **{**DEAL, **changes})
    return log


@pytest.mark.parametrize(
    ("snapshots", "days", "now"),
    [
        ([{}], {("dc", "b2b"): 1}, OPEN_SUMS),
        ([{"probability": 0.25}], {("dc", "b2b"): 1}, {**OPEN_SUMS, ("wt", "b2b", "offer", "RUB"): 251_250 * 10**12}),
        ([{"probability": 0}], {("dc", "b2b"): 1}, OPEN_SUMS),
        ([{}, WON], WON_SUMS, {}),
        ([WON, {}], {("dc", "b2b"): 1}, OPEN_SUMS),
        ([WON, {"deleted": True}], {}, {}),
        ([{"deleted": True, "sequence": "9"}, {**WON, "sequence": "8"}], {}, {}),
        ([{"deleted": True}, WON], WON_SUMS, {}),
        ([{**WON, "status": "lost"}], {("dc", "b2b"): 1, ("dx", "b2b", "lost"): 1}, {}),
        (
            [{**WON, "cost": "120.5"}],
            {**WON_SUMS, ("pa", "b2b", "RUB"): -200_000, ("ka", "b2b", "RUB"): 1_005_000},
            {},
        ),
        ([{"cost": "20"}], {("dc", "b2b"): 1}, OPEN_SUMS),
        ([WON, {**WON, "pipeline": "b2c", "currency": "USD", "amount": "1"}], {
            ("dc", "b2c"): 1,
            ("dx", "b2c", "won"): 1,
            ("wa", "b2c", "USD"): 10_000,
            ("ws", "b2c", "1", "USD"): 1,
            ("dd", "b2c", "2"): 1,
            ("dd", "b2c", "s"): 3 * 86_400_000_000,
            ("me", "USD"): 1,
        }, {}),
    ],
)  # fmt: skip
def test_what_the_latest_snapshot_adds(snapshots, days, now):
    """Whatever came before is taken back."""
    held = everything(fold(_log(*snapshots)))
    assert total(held, "d") == days
    assert total(held, "o") == now


def test_a_reassigned_deal_leaves_its_first_owner():
    """Credit goes to the owner in the latest snapshot."""
    held = everything(fold(_log(WON, {**WON, "manager_id": "m-2", "team_id": "south"})))
    assert {who for parts in held.values() for who in parts} == {("m-2", "south")}


def _won(deal: str, day: int, amount: str = "10", **more: object) -> dict[str, object]:
    return {**WON, "deal_id": deal, "closed_at": f"2026-11-{day}T09:00:00Z", "amount": amount, **more}


@pytest.mark.parametrize(
    ("snapshots", "repeat", "amount"),
    [
        ([_won("a", 21)], 0, 0),
        ([_won("a", 21), _won("b", 22, "20")], 1, 20),
        ([_won("b", 22, "20"), _won("a", 21)], 1, 20),
        ([_won("b", 21, "20"), _won("a", 21)], 1, 20),
        ([_won("a", 21), _won("b", 22, "20"), {"deal_id": "a", "deleted": True}], 0, 0),
        ([_won("a", 21), _won("b", 22, "20"), {"deal_id": "a"}], 0, 0),
        ([_won("a", 21), _won("b", 22, "20"), _won("a", 23)], 1, 10),
        ([_won("a", 21), _won("b", 22, "20"), _won("c", 23, "40"), {"deal_id": "a", "deleted": True}], 1, 40),
        ([_won("a", 21), _won("b", 22, "20", client_id="cl-2")], 0, 0),
    ],
)
def test_repeat_sales(snapshots, repeat, amount):
    """All won deals of a client but the one with the smallest (closed_at, deal_id)."""
    sums = total(everything(fold(_log(*snapshots))), "d")
    assert (sums.get(("rd", "b2b"), 0), sums.get(("ra", "b2b", "RUB"), 0)) == (repeat, amount * 10_000)


def test_all_orders_of_versions_give_the_same_end():
    """Where versions decide, arrival does not."""
    snapshots = [
        {**_won("a", 21), "sequence": "1"},
        {"deal_id": "a", "sequence": "2"},
        {**_won("a", 23), "sequence": "3"},
        {**_won("b", 22, "20"), "sequence": "1"},
        {"deal_id": "b", "deleted": True, "sequence": "4"},
    ]
    ends = [everything(fold(_log(*order))) for order in permutations(snapshots)]
    assert all(end == ends[0] for end in ends)


@pytest.mark.parametrize(
    "text", ["0", "1", "0.29", "0.7", "0.123456789012", "0.6999999999999", "0.6666666666666666", "1e-13"]
)
def test_probabilities_are_cut_at_twelve_places(text):
    """Whatever the float of a decimal number is: its first twelve places count, to the digit."""
    held = everything(fold(_log({"amount": "1", "probability": float(text)})))
    weighted = [value for parts in held[("o", 0)].values() for name, value in parts.items() if name.startswith("wt")]
    assert sum(weighted) == 10_000 * int(Decimal(text) * 10**12)


READY = {"probability": 0.7}
EARLIER = "2026-11-23T09:29:00Z"


@pytest.mark.parametrize(
    ("snapshots", "expected"),
    [
        ([READY], {("m-1", "north"): 1}),
        ([{"probability": 0.699999}], {}),
        ([{"probability": 0.6999999999999}], {}),
        ([{"probability": 0.7000000000001}], {("m-1", "north"): 1}),
        ([{"stage": "contract"}], {("m-1", "north"): 1}),
        ([READY, {**READY, "deal_id": "e"}], {("m-1", "north"): 1}),
        ([READY, {**READY, "deal_id": "e", "client_id": "cl-2"}], {("m-1", "north"): 2}),
        ([READY, {**READY, "deal_id": "e", "manager_id": "m-2"}], {("m-1", "north"): 1, ("m-2", "north"): 1}),
        ([READY, {**READY, "deal_id": "e", "team_id": "south"}], {("m-1", "south"): 1}),
        ([READY, {**READY, "deal_id": "e", "team_id": "south", "sequence": "0"}], {("m-1", "south"): 1}),
        ([READY, {**READY, "deal_id": "c", "team_id": "south"}], {("m-1", "north"): 1}),
        ([READY, {**READY, "deal_id": "e", "team_id": "south", "time": EARLIER}], {("m-1", "north"): 1}),
        ([{**READY, "time": EARLIER}, {**READY, "deal_id": "c", "team_id": "south"}], {("m-1", "south"): 1}),
        (
            [READY, {**READY, "deal_id": "c", "team_id": "south"}, {**READY, "sequence": "009", "time": EARLIER}],
            {("m-1", "south"): 1},
        ),
        ([READY, {**READY, "team_id": "south", "sequence": "009", "time": EARLIER}], {("m-1", "south"): 1}),
        ([READY, {**READY, "deal_id": "e", "team_id": "south"}, {**WON, "deal_id": "e"}], {("m-1", "north"): 1}),
        ([READY, WON], {}),
        ([READY, {"deleted": True}], {}),
        ([READY, {**READY, "manager_id": "m-2"}], {("m-2", "north"): 1}),
    ],
)
def test_clients_ready(snapshots, expected):
    """Once per client and owner, credited as the owner's ready deal of the latest time says, then of the greater id."""
    held = everything(fold(_log(*snapshots), ready_stages=frozenset({"contract"})))
    ready = {who: parts["cr"] for who, parts in held.get(("o", 0), {}).items() if "cr" in parts}
    assert ready == expected


def test_amounts_beyond_64_bits_are_exact():
    """Eighteen digits before the point, times probability."""
    held = everything(fold(_log({"amount": "999999999999999999.9999", "probability": 1})))
    assert total(held, "o")["wt", "b2b", "offer", "RUB"] == 9_999_999_999_999_999_999_999 * 10**12
