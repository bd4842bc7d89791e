"""Calls: one per id at its end, the response it was answered with, and who rings now."""

from itertools import product

from metrics import measure
from metrics.catalogue.activities import CALLS
from metrics.view import Waiting
from producers.events.units import us
from producers.events.wire import CallAnswered, CallEnded, CallStarted
from streams.fold.context import Client, Context, known
from streams.fold.localtime import HOUR, SECOND
from streams.fold.responses import due, respond
from streams.fold.state import DUPLICATE, FOLDED, STALE, UNKNOWN, Call, Outcome, Ringing, decoder, encode

CALL, RINGING = "c", "r"
CHANNEL = "call"
KINDS = tuple(product(("inbound", "outbound"), ("answered", "missed", "abandoned", "busy", "failed")))
"""What `Call.kind` numbers; encoded state depends on the order, so that new values go to the end."""
LISTED = 2 * HOUR
"""A call that never ends is listed as waiting until partition time is so far past its start.

Who shows the list lets it go after an hour by the clock, which partition time may be minutes ahead of.
"""

_NUMBERS = {kind: number for number, kind in enumerate(KINDS)}
_ANSWERED = _NUMBERS["inbound", "answered"]
_LOST = {_NUMBERS["inbound", "missed"], _NUMBERS["inbound", "abandoned"]}
_TOO_SHORT = 5 * SECOND

decode_call = decoder(Call)
decode_ringing = decoder(Ringing)


def ended(client: Client, event: CallEnded, at: int, out: Context) -> Outcome:
    """A call ended: what an earlier version of it added goes, what it says now comes."""
    data = event.data
    name = CALL + data.call_id
    new = Call(
        event.sequence or "",
        at,
        event.id,
        data.manager_id or UNKNOWN,
        data.team_id or "",
        _NUMBERS[data.direction, data.outcome],
        us(data.started_at),
        None if data.answered_at is None else us(data.answered_at),
    )
    raw = client.get(name)
    if raw is not None:
        old = known(raw, decode_call, out.horizon)
        if old is not None:
            mine, held = (new.sequence, at, new.id), (old.sequence, old.time, old.id)
            if mine <= held:
                return DUPLICATE if mine == held else STALE
            _count(old, out, -1)
    ringing = RINGING + data.call_id
    if client.get(ringing) is not None:
        client.drop(ringing)
        client.wait(ringing, None)
    client.put(name, encode(new))
    _count(new, out, 1)
    return FOLDED


def _count(call: Call, out: Context, n: int) -> None:
    kind = call.kind
    out.add(call.time, call.manager, call.team, (_calls, kind), n)
    if kind == _ANSWERED:
        if call.answered is not None:
            target = out.rules.call_target
            respond(out, call.started, call.answered, call.manager, call.team, CHANNEL, "first", target, n)
    elif kind in _LOST and call.time - call.started > _TOO_SHORT:
        out.add(call.time, call.manager, call.team, (due, CHANNEL), n)


def _calls(kind: int) -> tuple[str, ...]:
    return (measure.key(CALLS.code, *KINDS[kind]),)


def started(client: Client, event: CallStarted, at: int, out: Context) -> Outcome:
    """A call began: an inbound one waits, unless its answer or its end is known already."""
    data = event.data
    if known(client.get(CALL + data.call_id), decode_call, out.horizon) is not None:
        return FOLDED
    name = RINGING + data.call_id
    old = known(client.get(name), decode_ringing, out.horizon)
    new = Ringing(
        event.sequence or "",
        at,
        event.id,
        at,
        inbound=data.direction == "inbound",
        manager=data.manager_id or UNKNOWN,
        team=data.team_id or "",
    )
    if old is not None:
        mine, held = (new.sequence, at, new.id), (old.sequence, old.time, old.id)
        if old.id and mine <= held:
            return DUPLICATE if mine == held else STALE
        new.answered = old.answered
        new.last = max(at, old.last)
    client.put(name, encode(new))
    waits = new.inbound and not new.answered
    client.wait(name, Waiting(CHANNEL, new.manager, new.team, at) if waits else None)
    return FOLDED


def answered(client: Client, event: CallAnswered, at: int, out: Context) -> Outcome:
    """Somebody took the call: it no longer waits."""
    data = event.data
    if known(client.get(CALL + data.call_id), decode_call, out.horizon) is not None:
        return FOLDED
    name = RINGING + data.call_id
    held = known(client.get(name), decode_ringing, out.horizon) or Ringing("", 0, "", at)
    if held.answered and held.last >= at:
        return STALE
    held.answered = True
    held.last = max(held.last, at)
    client.put(name, encode(held))
    client.wait(name, None)
    return FOLDED
