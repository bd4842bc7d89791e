"""What of a client has to be read to take events: what they are about, and what depends on that.

All is recomputed by the plain definition before and after, over the same part of the client; so what lies outside of
what depends on each other may be missing: it differs from the truth in both alike, and nothing changes.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from functools import partial
from itertools import pairwise
from typing import Any

from producers.events import wire
from streams.ledger.held import (
    CONTACT,
    MISS,
    NUMBERS,
    TOUCHED,
    UNTOUCHED,
    WON,
    Name,
    decode,
    length,
    names,
    place,
    put,
    ready_of,
)  # fmt: skip
from streams.ledger.store import Head, IndexStore
from streams.ledger.touching import firsts
from streams.plain.client import YOUNG, PlainClient
from streams.plain.exact import moment
from streams.plain.leads import TOUCHED_WITHIN, PlainTouch
from streams.plain.rules import PlainRules

_ALL = (1 << 62) - 1

Taken = tuple[wire.Event, int]
"""An event, and the time (us) of its partition with it."""


class Near:
    """Reads one client. names: what was read → number and state as it was."""

    def __init__(self, store: IndexStore, head: Head, rules: PlainRules, *, is_new: bool) -> None:
        self.plain = PlainClient(head.key, rules, oldest=head.oldest)
        self.names: dict[Name, tuple[int, bytes]] = {}
        self._store = store
        self._head = head
        self._is_new = is_new
        self._touched: set[Name] = set()

    def read(self, taken: Sequence[Taken]) -> PlainClient:
        """Read what the events need."""
        events, head = [event for event, _ in taken], self._head
        self._touched = {name for event in events for name in names(event)}
        if self._is_new:
            return self.plain
        if self._may_forget(taken):
            head.swept = self.plain.rules.reached(taken[-1][1])
            self._take(self._store.entities(head))
            return self.plain
        for name in self._touched:
            if head.has(name[0]):
                self._one(name)
        self._deals(events)
        self._invoices(events)
        calls = [*(event for event in events if isinstance(event, wire.CallEnded)), *self._of(wire.CallEnded)]
        self._misses(calls)
        self._leads(events, calls)
        return self.plain

    def _may_forget(self, taken: Sequence[Taken]) -> bool:
        """Whether entities may be too old by now that have not been looked for today."""
        oldest = min(self._head.oldest, *(oldest_of(event) for event, _ in taken))
        last = taken[-1][1]
        return last - oldest > YOUNG and self._head.swept != self.plain.rules.reached(last)

    def _of(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.plain.latest.values() if isinstance(event, kind)]

    def _one(self, name: Name) -> Any:
        if name not in self.names and (found := self._store.entity(self._head, name)) is not None:
            self._take([(found[0], name, found[1])])

    def _take(self, found: Iterable[tuple[int, Name, bytes]]) -> None:
        for no, name, body in found:
            if name not in self.names:
                self.names[name] = (no, body)
                put(self.plain, name, decode(name, body, self.plain))

    def _line(
        self, kind: str, flag: int, first: int, last: int = _ALL, *, back: bool = False
    ) -> Iterator[tuple[int, Name, bytes]]:
        """Entities of a kind and flag between two moments (us), in order of time and id."""
        order = "DESC" if back else "ASC"
        where = f"AND kind = ? AND flag = ? AND at BETWEEN ? AND ? ORDER BY at {order}, id {order}"
        if self._head.has(kind):
            yield from self._store.entities(self._head, where, (NUMBERS[kind], flag, first, last))

    def _other(self, found: Iterator[tuple[int, Name, bytes]]) -> tuple[int, Name, bytes] | None:
        """The first one that no event is about."""
        return next((one for one in found if one[1] not in self._touched), None)

    def _deals(self, events: Sequence[wire.Event]) -> None:
        """The first won deal, which says what is a repeat sale, and the greatest by which the client is ready."""
        if not any(isinstance(event, wire.DealChanged | wire.DealDeleted) for event in events):
            return
        first = self._other(self._line("deal", WON, 0))
        if first is not None:
            at = moment(_closed(decode(first[1], first[2], self.plain)))
            self._take(self._line("deal", WON, at, at))
        deals = [event for event in (*events, *self._of(wire.DealChanged)) if isinstance(event, wire.DealChanged)]
        for manager in {deal.data.manager_id for deal in deals}:
            best = self._other(self._store.entities(self._head, *ready_of(manager)))
            self._take([] if best is None else [best])

    def _invoices(self, events: Sequence[wire.Event]) -> None:
        """Payments and the invoices that they name, each with all payments that name it."""
        payments = wire.PaymentReceived | wire.PaymentRefunded
        named = {event.data.invoice_id for event in (*events, *self._of(payments)) if isinstance(event, payments)}  # type: ignore[arg-type]
        named |= {event.data.invoice_id for event in events if isinstance(event, wire.InvoiceChanged)}
        for invoice in filter(None, named):
            self._one(("invoice", invoice))
            self._take(self._store.entities(self._head, "AND ref = ?", (invoice,)))

    def _misses(self, calls: Sequence[wire.CallEnded]) -> None:
        """Calls on which it depends what becomes of misses, between the contacts before and after each call.

        Of a local day between two contacts only the first miss counts, so the first one that no event is about is
        enough of each. Where a call is a miss itself, of its own day alone.
        """
        places = ((moment(call.time), place("call", call, self.plain.rules).flag) for call in calls)
        found = sorted({(at, flag) for at, flag in places if flag})
        if not self._head.has("call"):
            return
        begin = 0
        while begin < len(found):
            first, last = self._between_contacts(found[begin][0])
            end = max(begin + 1, bisect_left(found, (last,)))
            inside, begin = found[begin:end], end
            cuts = {first, last} | {at for at, flag in inside if flag == CONTACT}
            days = {self.plain.rules.day(at) for at, _ in inside} if len(cuts) == 2 else None
            for at in {at for at, _ in inside}:
                same = list(self._line("call", CONTACT, at, at))
                self._take(same)
                cuts |= {at} if same else set()
            self._first_misses(sorted(cuts), days)

    def _between_contacts(self, at: int) -> tuple[int, int]:
        """The contacts before and after a moment that no event is about, which are read; and their moments."""
        before = self._other(self._line("call", CONTACT, 0, at - 1, back=True))
        after = self._other(self._line("call", CONTACT, at + 1))
        self._take(one for one in (before, after) if one is not None)
        first = -1 if before is None else moment(decode(before[1], before[2], self.plain).time)
        return first, _ALL if after is None else moment(decode(after[1], after[2], self.plain).time)

    def _first_misses(self, cuts: Sequence[int], days: set[int] | None) -> None:
        """Read of each local day (None: of all) the first miss between two cuts that no event is about.

        What is at the very moment of a cut is read whole.
        """
        for at in cuts:
            self._take(self._line("call", CONTACT, at, at))
            self._take(self._line("call", MISS, at, at))
        for first, last in pairwise(cuts):
            for day in [] if days is None else days:
                self._first_miss(max(first + 1, self._start(day)), min(last, self._start(day + 1, late=True)), day)
            at = first + 1
            while days is None and (found := self._first_miss(at, last)) is not None:
                day = self.plain.rules.day(found)
                # Where clocks go back over midnight, the day before goes on after this one has begun.
                self._first_miss(found + 1, min(last, self._start(day, late=True)), day - 1)
                at = max(found + 1, self._start(day + 1))

    def _first_miss(self, first: int, last: int, day: int | None = None) -> int | None:
        """Read the first miss in [first, last), of a local day, that no event is about; its moment."""
        if first >= last:
            return None
        for one in self._line("call", MISS, first, last - 1):
            at = moment(decode(one[1], one[2], self.plain).time)
            if one[1] not in self._touched and (day is None or self.plain.rules.day(at) == day):
                self._take([one])
                return at
        return None

    def _start(self, day: int, *, late: bool = False) -> int:
        """A moment (us) before which no moment of a local day lies; late: from which on none of the day before does."""
        midnight = datetime.fromordinal(day).replace(tzinfo=self.plain.rules.zone)
        both = (int(midnight.replace(fold=fold).timestamp()) * 10**6 for fold in (0, 1))
        return max(both) if late else min(both)

    def _leads(self, events: Sequence[wire.Event], calls: Sequence[wire.CallEnded]) -> None:
        """Leads that events are about or may have touched, each with the first of what else touched it.

        What comes in its order finds none that was touched before: those stand in a line by their first touch.
        """
        if any(isinstance(event, wire.LeadChanged) for event in events):
            self._latest_message()
        told = list(self._touching(events, calls))
        for first, last in _together((first - TOUCHED_WITHIN, last) for first, last, _ in told):
            self._take(self._line("lead", UNTOUCHED, first, last))
        for first, last in _together((first - back, last + TOUCHED_WITHIN) for first, last, back in told):
            self._take(self._line("lead", TOUCHED, first, last))
        created = [moment(event.data.created_at) for event in events if isinstance(event, wire.LeadChanged)]
        created += [at for at in (lead.created() for lead in self.plain.leads.values()) if at is not None]
        for kind, flag, longest in (("call", CONTACT, self._head.longest), ("meeting", 0, 0)):
            self._take(list(firsts(created, partial(self._untouched, kind, flag), longest)))

    def _untouched(self, kind: str, flag: int, since: int) -> Iterator[tuple[tuple[int, Name, bytes], wire.Event]]:
        """Those of a kind that no event is about, from a moment on."""
        for one in self._line(kind, flag, since):
            if one[1] not in self._touched:
                yield one, decode(one[1], one[2], self.plain)

    def _touching(
        self, events: Sequence[wire.Event], calls: Sequence[wire.CallEnded]
    ) -> Iterator[tuple[int, int, int]]:
        """The moments (us, first and last) at which leads may have been touched.

        And by how much earlier the first touch of a lead may be that hears of it all the same: it keeps a message.
        """
        for call in calls:
            if place("call", call, self.plain.rules).flag != CONTACT:
                continue
            moments = [moment(call.time), moment(call.data.started_at)]
            if call.data.answered_at is not None:
                moments.append(moment(call.data.answered_at))
            yield min(moments), max(moments), 0
        for event in (*events, *self._of(wire.MeetingHeld)):
            if isinstance(event, wire.MeetingHeld):
                yield moment(event.time), moment(event.time), 0
            elif isinstance(event, wire.ChatMessage) and event.data.author == "manager":
                # A chat does not go back in time: a late message counts as of the latest one before it.
                chat = self.plain.chats.get(event.data.chat_id)
                known = [moment(event.time), *([chat.last] if chat is not None and chat.last is not None else [])]
                of_chat = (
                    one for one in events if isinstance(one, wire.ChatMessage | wire.ChatHandedOff | wire.ChatClosed)
                )
                known += [moment(one.time) for one in of_chat if one.data.chat_id == event.data.chat_id]
                yield min(known), max(known), TOUCHED_WITHIN

    def _latest_message(self) -> None:
        """The latest of a manager's messages, by time and chat."""
        newest = next(self._line("message", 0, 0, _ALL, back=True), None)
        if newest is not None:
            at = PlainTouch(*decode(newest[1], newest[2], self.plain)).at
            self._take(self._line("message", 0, at, at))


def _together(spans: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Spans that meet as one, so that nothing is read twice."""
    held: tuple[int, int] | None = None
    for first, last in sorted(spans):
        if held is not None and first <= held[1]:
            held = held[0], max(held[1], last)
            continue
        if held is not None:
            yield held
        held = first, last
    if held is not None:
        yield held


def oldest_of(event: wire.Event) -> int:
    """The moment (us) from which on the plain definition counts how old a client's things may be."""
    return min(moment(event.time), moment(getattr(event.data, "created_at", event.time)))


def longest_of(events: Iterable[wire.Event]) -> int:
    """The greatest length of calls."""
    return max((length(event) for event in events if isinstance(event, wire.CallEnded)), default=0)


def _closed(deal: wire.DealChanged) -> Any:
    return deal.data.closed_at or deal.time
