"""Telephone calls: ringing while they ring, and one end that says everything that is known.

The portal keeps no time of answer. Only the spacing of the hooks INIT, START and END tells how long a client
waited; a call that is known from the statistics alone has no response, and a missed one lasted as long as they say.
"""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any, Final

from producers.connectors.bitrix24.entities import hooks
from producers.connectors.bitrix24.meaning.mapping import Mapping as Meaning
from producers.connectors.bitrix24.meaning.values import iso, moment, number
from producers.connectors.bitrix24.spool.identity import Identity
from producers.connectors.bitrix24.spool.ledger import EntitySnapshot
from producers.events import CallAnswered, CallEnded, CallStarted, Event, RatingGiven

_DIRECTIONS: Final = {"1": "outbound", "2": "inbound", "3": "inbound", "4": "outbound"}
Facts = Mapping[str, Any]


def from_statistics(row: Mapping[str, Any], caller: Mapping[str, str], known: Facts) -> dict[str, Any]:
    """What a row of `voximplant.statistic.get` says of a call, as facts; `known` are those that hooks told.

    Of the number hooks are believed: the statistics have what the CRM made of it, and a call keeps its client.
    """
    facts = {
        **(caller if "client" not in known else {}),
        "type": str(row.get("CALL_TYPE") or ""),
        "end_user": str(row.get("PORTAL_USER_ID") or ""),
        "duration": number(row, "CALL_DURATION"),
        "began": str(row.get("CALL_START_DATE") or ""),
        "code": str(row.get("CALL_FAILED_CODE") or ""),
        "vote": number(row, "CALL_VOTE"),
    }
    return {**known, **{name: value for name, value in facts.items() if value not in ("", 0) or name == "duration"}}


def ringing(call: str, facts: Facts, client: str, meaning: Meaning, identity: Identity) -> Iterator[Event]:
    """A call that has begun, and of a client who waits on the line the answer, while the end is not known.

    Somebody whom a manager calls is no longer to be called by another one, even before it is known what comes of it.
    """
    direction = _DIRECTIONS.get(facts.get("type", ""))
    if direction is None or not client or "init_ts" not in facts or "began" in facts:
        return
    named = {"call_id": call, "client_id": client}
    yield CallStarted.of(
        source=identity.source,
        time=hooks.moment(facts["init_ts"]),
        id=identity.event("call", call, "started", ""),
        direction=direction,
        **named,
    )
    if direction == "inbound" and "start_ts" in facts and facts.get("user"):
        yield CallAnswered.of(
            source=identity.source,
            time=hooks.moment(max(facts["init_ts"], facts["start_ts"])),
            id=identity.event("call", call, "answered", ""),
            manager_id=meaning.manager(facts["user"]),
            **named,
        )


def ended(call: str, facts: Facts, client: str, meaning: Meaning) -> EntitySnapshot | None:
    """The end of a call; None while it has none, or when it is no call with a client."""
    direction = _DIRECTIONS.get(facts.get("type", ""))
    began = moment(facts.get("began"))
    if direction is None or began is None or not client:
        return None
    outcome = meaning.outcome(str(facts.get("code") or ""))
    end = began + timedelta(seconds=facts.get("duration", 0))
    data: dict[str, Any] = {
        "call_id": call,
        "client_id": client,
        "direction": direction,
        "outcome": outcome,
        "started_at": iso(began),
    }
    manager = meaning.manager(
        facts.get("user") if outcome == "answered" and facts.get("user") else facts.get("end_user")
    )
    if manager != "unknown":
        data["manager_id"] = manager
    rank = 0
    if outcome == "answered" and (waited := _spacing(facts, "start_ts")) is not None:
        answered = began + waited
        data["answered_at"] = iso(answered)
        end, rank = max(end, answered), 1
    elif outcome != "answered" and (rang := _spacing(facts, "end_ts")) is not None:
        end, rank = max(end, began + rang), 1
    return EntitySnapshot("call", call, CallEnded, began, end, data, rank=rank)


def rating(call: str, facts: Facts, end: EntitySnapshot) -> EntitySnapshot | None:
    """The client's vote on a call."""
    if not facts.get("vote"):
        return None
    data = {
        "rating_id": f"call-{call}"[:128],
        "client_id": end.client,
        "manager_id": end.data.get("manager_id", "unknown"),
        "score": int(facts["vote"]),
        "contact_id": call,
    }
    return EntitySnapshot("rating", f"call-{call}", RatingGiven, end.time, end.time, data)


def _spacing(facts: Facts, name: str) -> timedelta | None:
    if facts.get("type") not in {"2", "3"} or "init_ts" not in facts or name not in facts:
        return None
    return timedelta(seconds=max(0, facts[name] - facts["init_ts"]))
