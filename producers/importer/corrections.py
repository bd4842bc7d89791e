"""What is sent of a file, given what the log has: nothing twice, and what the file says otherwise is corrected.

An event whose version is greater than the log's is sent. One that is not waits until the file has been read, as
only the greatest version of an entity in the file says how it is; then it is known already, or is raised above the
log's version where that one is an earlier import's, or is left alone because the log's is newer from elsewhere.
"""

import msgspec

from producers.errors import Refused
from producers.events.wire import decode, decode_reference
from producers.importer.decided import Decided, WaitingEvent
from producers.importer.entities import KINDS, MOMENT, REFERENCE, Version, item
from producers.importer.formats import EventOrigin
from producers.importer.known import Held, Known
from producers.importer.raising import is_derived, raised
from producers.importer.ready import ReadyEvent, ReadyMany


class Corrections:
    """Decides about the events of one run. `origin`: None where a file's events are another system's as they are."""

    def __init__(self, known: Known, run: int, origin: EventOrigin | None) -> None:
        self._known = known
        self._run = run
        self._origin = origin
        self._waits = bool(known.waiting(run, 1))

    def decide(self, batch: ReadyMany) -> Decided:
        """What to do with the next events of the file."""
        decided = Decided()
        keys = batch.abouts
        held = self._known.look(keys)
        if not held and len(set(keys)) == len(keys) and REFERENCE not in batch.kinds:
            decided.send_all(batch)
            return decided
        waits = self._known.waits(self._run, keys) if self._waits else {}
        for ready in batch.singly():
            self._decide(decided, ready, held, waits)
        return decided

    def _decide(
        self, decided: Decided, ready: ReadyEvent, held: dict[bytes, Held], waits: dict[bytes, Version]
    ) -> None:
        """What to do with one event, given what is held of it and what waits by now."""
        what, run = ready.item, self._run
        before = held.get(what.key)
        if before is None:
            decided.send(ready.key, ready.value, what)
            held[what.key] = Held(what.version, what.digest, what.source, what.kind, run)
        elif what.version > before.version and what.kind != MOMENT:
            held[what.key] = self._send(decided, ready, before)
        elif waits.get(what.key) == what.version:
            decided.counts.clashing += 1
        elif what.digest == before.digest and (what.version == before.version or what.kind == MOMENT):
            decided.counts.known += 1
            if before.seen != run:
                decided.seen.append(what.key)
                held[what.key] = before._replace(seen=run)
        elif what.kind == MOMENT:
            decided.counts.clashing += 1
        elif before.seen != run:
            decided.waiting.append(WaitingEvent(what, ready.value))
            waits[what.key] = max(what.version, waits.get(what.key, what.version))
            self._waits = True
            decided.counts.waiting += 1
        elif what.version == before.version:
            decided.counts.clashing += 1
        else:
            decided.counts.older += 1

    def _send(self, decided: Decided, ready: ReadyEvent, before: Held) -> Held:
        key, value, what = ready
        if self._origin is not None and before.source == what.source:
            decided.counts.corrected += before.seen != self._run
            if what.version[2] == before.version[2]:
                # The same source and id once more would be the same event.
                value = raised(value, what, before.version, given=True)
                what = what._replace(version=(*what.version[:2], msgspec.json.decode(value)["id"]))
        decided.send(key, value, what)
        return Held(what.version, what.digest, what.source, what.kind, self._run)

    def settle(self, limit: int) -> Decided | None:
        """What to do with some of what waited, now that the file has been read; None when nothing does."""
        waiting = self._known.waiting(self._run, limit)
        if not waiting:
            return None
        decided = Decided(done=[one.item.key for one in waiting])
        counts = decided.counts
        counts.waiting -= len(waiting)
        held = self._known.look(decided.done)
        for one in waiting:
            before = held[one.item.key]
            if before.seen == self._run:
                counts.older += 1
                continue
            decided.seen.append(one.item.key)
            if one.item.digest == before.digest:
                counts.known += 1
            elif one.item.version == before.version and self._origin is None:
                counts.clashing += 1
            elif self._is_mine(before, one):
                self._raise(decided, one, before)
            else:
                counts.elsewhere += 1
        return decided

    def _raise(self, decided: Decided, one: WaitingEvent, before: Held) -> None:
        try:
            value = raised(one.value, one.item, before.version, given=bool(self._origin and self._origin.given))
            event = decode_reference(value) if one.item.kind == REFERENCE else decode(value)
        except Refused:  # longer than the contract takes
            decided.counts.unraisable += 1
            return
        decided.send(event.key.encode(), value, item(event))
        decided.counts.corrected += 1

    def _is_mine(self, before: Held, one: WaitingEvent) -> bool:
        """Whether the log's version is an earlier import's."""
        origin = self._origin
        if origin is None or before.source != origin.source:
            return False
        if origin.ranked and before.version[0] != one.item.version[0]:
            return False
        if origin.given or before.kind == REFERENCE:
            return True
        types = [type_ for type_, (kind, _) in KINDS.items() if kind == before.kind]
        name = KINDS[types[0]][1]
        entity = msgspec.json.decode(one.value)["data"][name]
        return is_derived(before.version[2], before.source, before.version, types, (name, entity))
