"""Turns what the portal says now into versioned events: nothing twice, nothing silently, and moves between clients."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import structlog
from pydantic import ValidationError

from producers.connectors.bitrix24.errors import EntityUnusable
from producers.connectors.bitrix24.spool.identity import Identity
from producers.connectors.bitrix24.spool.store import Published, Spool
from producers.events import CostBooked, DealDeleted, Event, InvoiceChanged, LeadDeleted, PaymentReceived, PlanSet

log = structlog.get_logger(__name__)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_TAKEN_BACK: Final = frozenset({"deal", "invoice", "payment", "rate", "cost", "plan"})
"""Kinds whose latest data is needed again, to take them back or to compare."""
_DATED: Final = frozenset({"call", "payment", "meeting", "rating", "cost"})
"""Kinds that count at the event's time: another time is another content."""
_NEVER_BACK: Final = frozenset({"deal", "lead", "invoice", "meeting", "cost"})
"""Kinds whose versions the portal itself dates: an older one is a look that was overtaken."""


@dataclass(frozen=True, slots=True)
class EntitySnapshot:
    """An entity as the portal has it. `at` orders versions, `time` is the event's; `rank` is how much is known."""

    kind: str
    id: str
    event: type[Event]
    at: datetime
    time: datetime
    data: dict[str, Any]
    rank: int = 0
    owner: str = ""
    state: str = "live"

    @property
    def client(self) -> str:
        """The client's hash; empty for what has no client."""
        return str(self.data.get("client_id", ""))


@dataclass
class VersionLedger:
    """One batch: takes snapshots, holds the events to publish and the rows to remember afterwards."""

    store: Spool
    identity: Identity
    events: list[Event] = field(default_factory=list)
    rows: dict[tuple[str, str], Published] = field(default_factory=dict)
    refused: int = 0
    looks: dict[tuple[str, str], str] = field(default_factory=dict)
    """How the portal has what was taken, by kind and id."""
    unusable: list[tuple[str, Any, str]] = field(default_factory=list)
    """What could not be used: its name, what the portal said of it, and what is wrong."""
    usable: set[str] = field(default_factory=set)
    """Names of what could."""
    _said: tuple[str, Any] = ("", None)

    def row(self, kind: str, number: str) -> Published | None:
        """What is, or will be, published of an entity."""
        return self.rows.get((kind, number)) or self.store.published(kind, [number]).get(number)

    def take(self, snapshot: EntitySnapshot) -> None:
        """Publish a snapshot when it says something new."""
        held = self.row(snapshot.kind, snapshot.id)
        digest = _digest(snapshot)
        at, rev = micros(snapshot.at), 0
        if held is not None:
            if held.digest == digest and held.state != "deleted":
                if held.state != snapshot.state or held.owner != snapshot.owner:
                    self._remember(replace(held, state=snapshot.state, owner=snapshot.owner))
                return
            if snapshot.rank < held.rank or (
                at < held.at and family(snapshot.kind) in _NEVER_BACK and held.state != "deleted"
            ):
                return
            if held.client != snapshot.client and held.state != "deleted":
                self.withdraw(held, snapshot.time)
                held = self.row(snapshot.kind, snapshot.id) or held
            if at <= held.at and snapshot.rank == held.rank:
                at, rev = held.at, held.rev + 1
        row = Published(
            snapshot.kind,
            snapshot.id,
            snapshot.client,
            at,
            snapshot.rank,
            rev,
            digest,
            snapshot.state,
            snapshot.owner,
            snapshot.data,
        )
        if self._emit(snapshot.event, row, snapshot.time, digest):
            self._remember(row if family(row.kind) in _TAKEN_BACK else replace(row, data={}))

    def put_off(self, snapshot: EntitySnapshot, now: datetime) -> None:
        """Have it count later: it is looked at again, as what was taken back is, until its time has come."""
        held = self.row(snapshot.kind, snapshot.id)
        if held is not None:
            self.withdraw(held, now)
        else:
            row = Published(snapshot.kind, snapshot.id, snapshot.client, 0, 0, 0, "", "deleted", "", snapshot.data)
            self._remember(row)

    def withdraw(self, held: Published, time: datetime) -> None:
        """Take back what an entity contributed under the client it had. `time` is when that came to light."""
        if held.state == "deleted":
            return
        row = replace(held, rev=held.rev + 1, state="deleted")
        time = max(time, _EPOCH + held.at * _MICROSECOND)
        match family(held.kind):
            case "deal":
                gone = replace(row, data={name: held.data[name] for name in ("deal_id", "client_id")})
                self._emit(DealDeleted, gone, time, "deleted")
            case "lead":
                gone = replace(row, data={"lead_id": held.id, "client_id": held.client})
                self._emit(LeadDeleted, gone, time, "deleted")
            case "invoice":
                gone = replace(row, data=held.data | {"status": "cancelled"})
                self._emit(InvoiceChanged, gone, time, "deleted")
            case "payment":
                gone = replace(row, data=held.data | {"amount": "0"})
                self._emit(PaymentReceived, gone, time, "deleted")
            case "cost":
                self._emit(CostBooked, replace(row, data=held.data | {"amount": "0"}), time, "deleted")
            case "plan":
                self._emit(PlanSet, replace(row, data=held.data | {"target": "0"}), time, "deleted")
            case _:
                # The contract cannot take back calls, meetings and ratings; they have happened.
                pass
        self._remember(row)

    def emit(self, events: Iterable[Event]) -> None:
        """Publish events that have no versions (chats, ringing calls)."""
        self.events.extend(events)

    @contextmanager
    def guard(self, kind: str, number: str, said: Any) -> Iterator[None]:
        """Leave one entity out when the portal tells nonsense of it, and go on with the others.

        said: what the portal told, which is kept as a dead letter then.
        """
        refused = self.refused
        self._said = f"{kind} {number}", said
        try:
            yield
        except ValidationError as error:
            self.refuse(kind, number, error)
        except EntityUnusable as error:
            self._refuse(kind, number, str(error))
            log.warning("the portal's data lacks something", kind=kind, id=number, why=str(error))
        except (KeyError, ValueError, TypeError, ArithmeticError) as error:
            self._refuse(
                kind,
                number,
                f"cannot be read: {type(error).__name__}{f' {error}' if isinstance(error, KeyError) else ''}",
            )
            log.warning("the portal's data cannot be read", kind=kind, id=number, error=type(error).__name__)
        finally:
            self._said = "", None
        if self.refused == refused:
            self.usable.add(f"{kind} {number}")

    def remember(self, row: Published) -> None:
        """Remember a row without an event."""
        self._remember(row)

    def _remember(self, row: Published) -> None:
        self.rows[row.kind, row.id] = row

    def _emit(self, event: type[Event], row: Published, time: datetime, digest: str) -> bool:
        version = sequence(row.at, row.rank, row.rev)
        name = self.identity.event(row.kind, row.id, version, digest)
        try:
            self.events.append(event.of(source=self.identity.source, time=time, id=name, sequence=version, **row.data))
        except ValidationError as error:
            self.refuse(row.kind, row.id, error)
            return False
        return True

    def refuse(self, kind: str, number: str, error: ValidationError) -> None:
        """Leave out what the contract does not take; the log names field and rule, never a value."""
        faults = [
            f"{'.'.join(str(step) for step in fault['loc'])} {fault['msg']}"
            for fault in error.errors(include_url=False, include_input=False, include_context=False)
        ]
        self._refuse(kind, number, " | ".join(faults))
        log.warning("the portal's data does not fit the contract", kind=kind, id=number, faults=faults)

    def _refuse(self, kind: str, number: str, detail: str) -> None:
        self.refused += 1
        name, said = self._said if self._said[0] else (f"{kind} {number}", None)
        self.unusable.append((name, said, f"{name}: {detail}"))


def family(kind: str) -> str:
    """What a kind is, wherever the portal keeps it: `deal:1038` are the sales of a smart process."""
    return kind.partition(":")[0]


def sequence(at: int, rank: int, rev: int) -> str:
    """The version as text of equal width: µs since the epoch, how much is known, correction within the same moment."""
    return f"{at:016d}.{rank}.{rev:04d}"


def _digest(snapshot: EntitySnapshot) -> str:
    when = snapshot.time.isoformat() if family(snapshot.kind) in _DATED else ""
    content = json.dumps([snapshot.event.__name__, snapshot.data, when], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:32]


def micros(moment: datetime) -> int:
    """Microseconds since the epoch."""
    return (moment - _EPOCH) // _MICROSECOND
