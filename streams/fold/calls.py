"""Calls: one per id at its end, the response it was answered with, and who rings now."""

from collections.abc import Mapping
from typing import Final

from metrics import measure
from metrics.catalogue.activities import CALLS
from metrics.view import Waiting
from producers.events.units import us
from producers.events.wire import CallAnswered, CallEnded, CallStarted
from streams.fold import returns, touches
from streams.fold.call_kinds import ANSWERED, CALL, KINDS, NUMBERS, decode_call, is_unanswered, reach_of
from streams.fold.context import Context, Handler, Keeper, known, outdated, while_it_counts, while_it_is_recalled
from streams.fold.deltas import constant, plus
from streams.fold.encoding import encode
from streams.fold.localtime import HOUR
from streams.fold.page import Page
from streams.fold.responses import Responses, due, respond
from streams.fold.state import FOLDED, STALE, UNKNOWN, Call, Outcome, Ringing
from streams.fold.touches import RINGING, decode_ringing

CHANNEL: Final = "call"
LISTED: Final = 2 * HOUR
"""A call that never ends is listed as waiting until partition time is so far past its start.

Who shows the list lets it go after an hour by the clock, which partition time may be minutes ahead of.
"""

_CALLS: Final = [constant(measure.key(CALLS.code, *kind)) for kind in KINDS]
"""By the number of the kind."""
_ANSWERS: Final = Responses(CHANNEL, "first")
_DUE: Final = due(CHANNEL)


def ended(client: Page, event: CallEnded, at: int, out: Context) -> Outcome:
    """A call ended: what an earlier version of it added goes, what it says now comes."""
    data = event.data
    call_id, answered_at = data.call_id, data.answered_at
    name = CALL + call_id
    new = Call(
        event.sequence or "",
        at,
        event.id,
        data.manager_id or UNKNOWN,
        data.team_id or "",
        NUMBERS[data.direction, data.outcome],
        us(data.started_at),
        None if answered_at is None else us(answered_at),
    )
    raw = client.get(name)
    # Not `known`: an older version that is past its time is not taken back, but a line may still hold it (`settle`).
    old = None if raw is None else decode_call(raw)
    if old is not None and old.last >= out.recall:
        if (seen := outdated((new.sequence, at, new.id), old)) is not None:
            return seen
        _count(old, out, -1)
    ringing = RINGING + call_id
    if client.get(ringing) is not None:
        client.drop(ringing)
        client.wait(ringing, None)
    # Misses are settled before the call is put: a line made meanwhile has the call as it was. Leads are touched after:
    # they look the call up again to say who touched them.
    returns.settle(client, call_id, old, new, out)
    client.put(name, encode(new))
    _count(new, out, 1)
    trail = client.trail
    if trail is not None and trail.gate is not None:
        said, says = None if old is None else reach_of(old), reach_of(new)
        if said is not None or says is not None:
            touches.reached(client, touches.BY_CALL, call_id, said, says, (new.manager, new.team), out)
    return FOLDED


def _count(call: Call, out: Context, n: int) -> None:
    kind, manager, team = call.kind, call.manager, call.team
    cell = out.cell(call.time, manager, team)
    plus(cell, _CALLS[kind], n)
    if kind == ANSWERED:
        taken = call.answered
        if taken is not None:
            # A telephone system whose clock was set back meanwhile answers before the call: at once.
            start = min(call.started, taken)
            respond(out, start, taken, manager, team, _ANSWERS, out.rules.call_target, n)
    elif is_unanswered(call):
        plus(cell, _DUE, n)


def started(client: Page, event: CallStarted, at: int, out: Context) -> Outcome:
    """A call began: an inbound one waits, unless its answer or its end is known already."""
    data = event.data
    if known(client.get(CALL + data.call_id), decode_call, out.recall) is not None:
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
        if old.id and (seen := outdated((new.sequence, at, new.id), old)) is not None:
            return seen
        new.taken = old.taken
        new.last = max(at, new.taken)
    client.put(name, encode(new))
    waits = new.inbound and not new.taken
    client.wait(name, Waiting(CHANNEL, new.manager, new.team, at) if waits else _talk(client, new, out))
    return FOLDED


def answered(client: Page, event: CallAnswered, at: int, out: Context) -> Outcome:
    """Somebody took the call: it no longer waits."""
    data = event.data
    if known(client.get(CALL + data.call_id), decode_call, out.recall) is not None:
        return FOLDED
    name = RINGING + data.call_id
    held = known(client.get(name), decode_ringing, out.horizon) or Ringing("", 0, "", at)
    if held.taken >= at:
        return STALE
    held.taken = at
    held.last = max(held.last, at)
    client.put(name, encode(held))
    client.wait(name, _talk(client, held, out))
    return FOLDED


def _talk(client: Page, call: Ringing, out: Context) -> Waiting | None:
    """A call under way matters to who has leads: they are not untouched now."""
    return touches.talk(call) if touches.has_leads(client, out) else None


HANDLERS: Mapping[type, Handler] = {CallStarted: started, CallAnswered: answered, CallEnded: ended}
KEEPERS: Mapping[str, Keeper] = {CALL: while_it_is_recalled(decode_call), RINGING: while_it_counts(decode_ringing)}
