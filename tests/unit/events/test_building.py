"""People build events flat, and building the same twice is the same event."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from producers.events import CallEnded, CostBooked, DealChanged, ManagerChanged, PlanSet, RateSet, explain, wire

DEAL: dict[str, Any] = {
    "source": "crm://x",
    "time": datetime(2026, 11, 23, 9, tzinfo=UTC),
    "deal_id": "d-1",
    "client_id": "cl-1",
    "manager_id": "m-1",
    "pipeline": "retail",
    "stage": "NEW",
    "status": "open",
    "amount": "10.00",
    "currency": "RUB",
    "created_at": "2026-11-23T12:00:00+03:00",
}


def test_ids_are_derived():
    """Without an id the same content has the same id, another content another."""
    first, again = DealChanged.of(**DEAL), DealChanged.of(**{**DEAL, "time": "2026-11-23T12:00:00+03:00"})
    assert first == again
    assert first.id != DealChanged.of(**{**DEAL, "amount": "10.01"}).id
    assert first.id != DealChanged.of(**DEAL, sequence="1").id
    assert DealChanged.of(**DEAL, id="mine").id == "mine"


def test_what_is_built_is_valid():
    """What a model writes, the wire reads."""
    event = DealChanged.of(**{**DEAL, "amount": Decimal("1E+2"), "cost": None})
    decoded = wire.decode(event.to_json())
    assert decoded.key == event.key == "cl-1"
    assert decoded.data.amount == "100"
    assert b"null" not in event.to_json()


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"amount": 10.0}, "data.amount: is not a string"),
        ({"time": datetime(2026, 11, 23, 9)}, "time: is not an RFC 3339 time with a zone"),  # noqa: DTZ001
        ({"status": "won"}, "data.closed_at: is missing; a won or lost deal needs it"),
        ({"client_id": ""}, "data.client_id: is empty"),
        ({"source": "my crm"}, "source: is not a URI-reference"),
    ],
)
def test_mistakes_are_named(changes: dict[str, Any], line: str):
    """A wrong argument is named by its path, with what to do."""
    with pytest.raises(ValidationError) as error:
        DealChanged.of(**{**DEAL, **changes})
    assert explain(error.value).startswith(line)


def test_many_mistakes_are_counted():
    """Three mistakes are told, the rest counted."""
    with pytest.raises(ValidationError) as error:
        CallEnded.of(source="pbx://spb", time=DEAL["time"])
    assert explain(error.value).endswith("| and 2 more")


def test_keys():
    """The Kafka key per family of types."""
    common: dict[str, Any] = {"source": "crm://x", "time": DEAL["time"]}
    assert CostBooked.of(**common, cost_id="k", amount="1", currency="RUB", category="ads").key == "k"
    assert ManagerChanged.of(**common, manager_id="m", name="A", team_id="t", active=True).key == "manager:m"
    plan = PlanSet.of(**common, scope="company", measure="calls", period="2026", target="5")
    assert plan.key == "plan:company:calls:2026"
    assert RateSet.of(**common, currency="USD", date="2026-11-23", rate="92.5").key == "rate:USD:2026-11-23"
