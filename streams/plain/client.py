"""Everything about one client: the latest version of each entity, the chats, and what all of it adds."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from producers.events import wire
from streams.plain import activities, calls, deals, money, returns
from streams.plain.chats import PlainChat
from streams.plain.contribution import Contribution, OpenThing
from streams.plain.exact import keep_greater, moment
from streams.plain.leads import RECALLED, PlainLead, PlainTouch, first_touches
from streams.plain.rules import KEPT_DAYS, PlainRules

Entity = wire.CallEnded | activities.Done | money.Moved | deals.Deal | wire.InvoiceChanged
"""Events of which only the one with the greatest version counts."""

COUNTED_AT = ("answered_at", "created_at", "closed_at")
"""Fields of `data` with a moment that something counts at, besides the event's time."""

_CENTURY = 1 << 62
YOUNG = (KEPT_DAYS - 2) * 86_400 * 10**6
"""Where nothing is older than this (us), nothing can be forgotten yet."""


_NAMES: dict[type, tuple[str, str]] = {**calls.NAMES, **activities.NAMES, **money.NAMES, **deals.NAMES}


def name_of(event: Entity) -> tuple[str, str]:
    """Kind and id of the entity that an event is a version of."""
    kind, field_name = _NAMES[type(event)]
    return kind, getattr(event.data, field_name)


@dataclass
class PlainClient:
    """One client (or one cost, which is a log key of its own). messages: a manager's latest one of each chat."""

    client: str
    rules: PlainRules
    latest: dict[tuple[str, str], Entity] = field(default_factory=dict)
    leads: dict[str, PlainLead] = field(default_factory=dict)
    chats: dict[str, PlainChat] = field(default_factory=dict)
    messages: dict[str, PlainTouch] = field(default_factory=dict)
    ringing: dict[str, calls.PlainRing] = field(default_factory=dict)
    oldest: int = _CENTURY

    def take(self, event: wire.Event, time: int) -> str:
        """Fold one event; `time` is the log's time (us), this event's included.

        Says "folded", "stale" or "duplicate".
        """
        if time - self.oldest > YOUNG:
            self._forget(time)
        self.oldest = min(self.oldest, moment(event.time), moment(getattr(event.data, "created_at", event.time)))
        match event:
            case wire.ChatMessage() | wire.ChatHandedOff() | wire.ChatClosed():
                chat = self.chats.setdefault(event.data.chat_id, PlainChat(event.data.chat_id, self.client, self.rules))
                outcome = chat.take(event)
                if outcome == "folded" and isinstance(event, wire.ChatMessage) and event.data.author == "manager":
                    self._hear(PlainTouch(chat.last or 0, 2, event.data.chat_id, *chat.writer))
                return outcome
            case wire.LeadChanged() | wire.LeadDeleted():
                lead = self.leads.setdefault(event.data.lead_id, PlainLead())
                return lead.take(event, max(self.messages.values(), key=lambda one: one[:3], default=None))
            case wire.CallStarted() | wire.CallAnswered():
                if ("call", event.data.call_id) in self.latest:
                    return "stale"
                return self.ringing.setdefault(event.data.call_id, calls.PlainRing()).take(event)
            case _:
                if isinstance(event, wire.CallEnded):
                    self.ringing.pop(event.data.call_id, None)
                return keep_greater(self.latest, name_of(event), event)

    def _hear(self, message: PlainTouch) -> None:
        self.messages[message.entity] = message
        for lead in self.leads.values():
            lead.hear(message)

    def _forget(self, time: int) -> None:
        today = self.rules.reached(time)
        for name in [name for name, event in self.latest.items() if not self._is_known(event, today)]:
            del self.latest[name]
        for lead in [lead for lead, held in self.leads.items() if not held.is_known(today, self.rules)]:
            del self.leads[lead]
        for chat in [chat for chat, message in self.messages.items() if not self._is_recalled(message.at, today)]:
            del self.messages[chat]
        for chat in [chat for chat, held in self.chats.items() if not held.is_known(today)]:
            del self.chats[chat]
        for call in [call for call, ring in self.ringing.items() if not ring.is_known(today, self.rules)]:
            del self.ringing[call]

    def _is_known(self, event: Entity, today: int) -> bool:
        """Whether an entity is kept for ever, or what it counts in is within 800 days."""
        if isinstance(event, wire.CallEnded | wire.MeetingHeld):
            return self._is_recalled(_last(event), today)
        return self._is_kept_for_ever(event) or self.rules.day(_last(event)) >= today - KEPT_DAYS

    def _is_recalled(self, moment: int, today: int) -> bool:
        """Whether it may say how something counts that is within 800 days."""
        return self.rules.day(moment + RECALLED) >= today - KEPT_DAYS

    def _is_kept_for_ever(self, event: Entity) -> bool:
        match event:
            case wire.DealChanged(data=deal):
                return deal.status in ("open", "won")
            case wire.InvoiceChanged(data=invoice):
                return invoice.status == "issued"
            case wire.PaymentReceived(data=paid) | wire.PaymentRefunded(data=paid):
                named = self.latest.get(("invoice", paid.invoice_id or ""))
                return isinstance(named, wire.InvoiceChanged) and named.data.status == "issued"
            case _:
                return False

    def contributions(self) -> Iterator[Contribution]:
        """All that this client's entities add to families with a window."""
        for event in self.latest.values():
            if isinstance(event, wire.CallEnded):
                yield from calls.contributions(event, self.rules)
            elif isinstance(event, activities.Done):
                yield from activities.contributions(event)
            elif isinstance(event, money.Moved):
                yield from money.contributions(event)
        yield from deals.contributions(self._deals())
        firsts = self.firsts()
        for lead in self.leads.values():
            yield from lead.contributions(firsts, self.rules)
        yield from returns.contributions(self._calls(), self.rules)
        for chat in self.chats.values():
            yield from chat.added

    def open_things(self) -> Iterator[OpenThing]:
        """All that is so now."""
        yield from deals.open_things(self._deals(), self.rules)
        invoices = [event for event in self.latest.values() if isinstance(event, wire.InvoiceChanged)]
        payments = [
            event for event in self.latest.values() if isinstance(event, wire.PaymentReceived | wire.PaymentRefunded)
        ]
        yield from money.open_things(invoices, payments, self.rules)
        for chat in self.chats.values():
            yield from chat.open_things()
        for ring in self.ringing.values():
            yield from ring.open_things()
        firsts = self.firsts()
        for lead in self.leads.values():
            yield from lead.open_things(firsts)
        yield from returns.open_things(self._calls(), self.rules)

    def firsts(self) -> dict[int, PlainTouch]:
        """By calls and meetings, what touched leads first, by when the lead was created (us)."""
        created = [at for at in (lead.created() for lead in self.leads.values()) if at is not None]
        return first_touches(created, self.latest.values()) if created else {}

    def _calls(self) -> list[wire.CallEnded]:
        return [event for event in self.latest.values() if isinstance(event, wire.CallEnded)]

    def _deals(self) -> list[wire.DealChanged]:
        return [event for event in self.latest.values() if isinstance(event, wire.DealChanged)]


def _last(event: Entity) -> int:
    """The last moment (us) at which an entity's latest version counts."""
    moments = (event.time, *(getattr(event.data, name, None) for name in COUNTED_AT))
    return max(moment(at) for at in moments if at is not None)
