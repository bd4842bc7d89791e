"""Clients whose calls nobody answered: what became of each, whatever order the calls arrive in.

A contact closes the misses since the contact before it; of the calls missed since then the first of each local day is
one. In time order a call looks at no other call: what it must know is in the client's `Trail`, and in who waits. One
that comes late, or says otherwise than before, moves what lies between the contacts around it.
"""

from collections.abc import Callable
from itertools import pairwise
from typing import Final

from metrics import measure
from metrics.catalogue import unanswered as counted
from metrics.catalogue.activities import RESPONSE_BOUNDS
from metrics.view import MISS, Waiting
from streams.fold.call_kinds import (
    CALL,
    CONTACTS,
    is_anonymous,
    is_outbound,
    is_unanswered,
    reach_of,
    role_of,
    until_of,
)
from streams.fold.call_kinds import decode_call as decode
from streams.fold.context import Context, known
from streams.fold.deltas import Sums, constant, plus
from streams.fold.encoding import decoder
from streams.fold.line import CONTACT, MISSED, NO_ROLE, Line, Place
from streams.fold.page import Page
from streams.fold.rules import RETURNED_WITHIN, SLACK, response_bin
from streams.fold.state import Call, Meeting, Trail

MEETING: Final = "m"

_DUE: Final = measure.key(counted.CALLBACKS_DUE.code)
_LOST: Final = constant(measure.key(counted.MISSED.code, counted.LOST), _DUE)
_CALLED_BACK: Final = constant(measure.key(counted.MISSED.code, counted.CALLED_BACK), _DUE)
_CALLED_BACK_IN_TIME: Final = constant(
    measure.key(counted.MISSED.code, counted.CALLED_BACK), _DUE, measure.key(counted.CALLBACKS_IN_TIME.code)
)
_CLIENT_CALLED: Final = constant(measure.key(counted.MISSED.code, counted.CLIENT_CALLED))
_CLIENT_CALLED_LATE: Final = constant(measure.key(counted.MISSED.code, counted.CLIENT_CALLED), _DUE)
_WAITED_BINS: Final = [
    constant(measure.key(counted.CALLBACK.code, str(bin_))) for bin_ in range(len(RESPONSE_BOUNDS) + 1)
]
_WAITED: Final = constant(measure.key(counted.CALLBACK.code, "s"))

Found = dict[str, tuple[Waiting, Call | None]]
"""Misses by their call's id, and the contact that followed each."""

_decode_meeting: Final = decoder(Meeting)


def trail_of(client: Page) -> Trail:
    """The client's trail, to be changed."""
    client.touch()
    if client.trail is None:
        client.trail, client.until = Trail(client.until), 0
    return client.trail


def settle(client: Page, call_id: str, old: Call | None, new: Call, out: Context) -> None:
    """A call ended (old: or was said otherwise before): count what that makes of misses. To be called before it is put.

    `old` as it was put, even where it is forgotten.
    """
    was = NO_ROLE if old is None else _role(client, old)
    if was != NO_ROLE or not _is_next(client, call_id, new, out):
        _settle_late(client, call_id, (old, was), new, out)


def _role(client: Page, call: Call) -> int:
    """What a call is to its client; one whom nobody can call back is not missed."""
    role = role_of(call)
    return NO_ROLE if role == MISSED and is_anonymous(client.name) else role


def _is_next(client: Page, call_id: str, new: Call, out: Context) -> bool:
    """Settle a call that is the next in order, as nearly all are; says whether it is, or has no role."""
    time, trail, is_contact = new.time, client.trail, new.kind in CONTACTS
    if not is_contact and (not is_unanswered(new) or is_anonymous(client.name)):
        return True
    if trail is None:
        if is_contact and client.line is None:  # never missed: nothing to close, whatever the order
            until = until_of(new)
            if until > client.until:
                client.until = until
                client.touch()
            return True
        trail = trail_of(client)
    if time <= trail.time or (trail.gone and min(time, new.started) < trail.gone):
        return False
    if not is_contact:
        trail.is_missed = True
        _miss(client, call_id, new, trail, out)
    elif trail.is_missed:  # else it has nothing to close
        if client.waits:
            _close(client, new, out)
        trail.gone = 0
    if client.line is not None:
        client.line.add(call_id, new, CONTACT if is_contact else MISSED, reach_of(new))
    last, until = trail.time + trail.over, until_of(new)
    trail.over = (until if until > last else last) - time
    trail.time = time
    client.touch()
    return True


def _miss(client: Page, call_id: str, call: Call, trail: Trail, out: Context) -> None:
    """The next call in order, missed: a miss, unless another one of its local day is open."""
    time = call.time
    if client.waits:
        by, day = out.rules.return_by, out.rules.local.day
        today = day(time)
        for name, wait in _open(client):
            until = by(wait.start, wait.team)
            if until <= time - SLACK:  # no contact from now on closes it
                trail.gone = max(trail.gone, until)
                client.wait(name, None)
            elif day(wait.start) == today:
                return
    miss = Waiting(MISS, call.manager, call.team, time)
    plus(out.cell(time, miss.manager, miss.team), _LOST, 1)
    client.wait(CALL + call_id, miss)


def _close(client: Page, contact: Call, out: Context) -> None:
    """The next call in order, a contact: it closes what is open, unless that is lost."""
    for name, miss in _open(client):
        client.wait(name, None)
        if contact.started < out.rules.return_by(miss.start, miss.team):
            cell = out.cell(miss.start, miss.manager, miss.team)
            plus(cell, _LOST, -1)
            _count_closed(miss, contact, cell, out, 1)


def _open(client: Page) -> list[tuple[str, Waiting]]:
    """The misses since the last contact that a later one may close."""
    return [(name, wait) for name, wait in client.waits.items() if wait.channel == MISS]


def _lined(client: Page, out: Context) -> Line:
    """All calls and meetings that are known, in order."""
    anonymous = is_anonymous(client.name)
    calls = []
    for name, raw in client.named(CALL):
        call = known(raw, decode, out.recall)
        if call is not None and (role := role_of(call)) and not (anonymous and role == MISSED):
            calls.append((name, call, role, reach_of(call)))
    meetings = ((name, known(raw, _decode_meeting, out.recall)) for name, raw in client.named(MEETING))
    return Line(calls, ((name, one) for name, one in meetings if one is not None))


def line_of(client: Page, out: Context) -> Line:
    """The client's line, made now where it is not at hand."""
    client.line = client.line or _lined(client, out)
    return client.line


def _settle_late(client: Page, call_id: str, before: tuple[Call | None, int], new: Call, out: Context) -> None:
    """A call that is not the next in order: take out what it was (call, role), put in what it is."""
    (old, was), now, trail = before, _role(client, new), trail_of(client)
    if now == MISSED:
        trail.is_missed = True
    if trail.is_missed:
        line = line_of(client, out)
        if old is not None and was != NO_ROLE:
            reach = reach_of(old)
            _change(client, line, (call_id, old, was), (old, None), lambda: line.remove(call_id, old, was, reach), out)
        if now != NO_ROLE:
            reach = reach_of(new)
            _change(client, line, (call_id, new, now), (None, new), lambda: line.add(call_id, new, now, reach), out)
        _retrace(client, line, (call_id, new), trail, out)
    elif client.line is not None:
        if old is not None and was != NO_ROLE:
            client.line.remove(call_id, old, was, reach_of(old))
        if now != NO_ROLE:
            client.line.add(call_id, new, now, reach_of(new))
    trail.reach(new.time if now != NO_ROLE else 0, until_of(new))


def _change(
    client: Page,
    line: Line,
    one: tuple[str, Call, int],
    sides: tuple[Call | None, Call | None],
    change: Callable[[], None],
    out: Context,
) -> None:
    """Change the line by one call (id, call, role), and count what that changes. sides: the call there, and then."""
    name, call, role = one
    day = out.rules.local.day
    place = call.time, name
    between = line.around(place)
    days = day(call.time), day(call.time)
    if role == CONTACT:
        # Earlier misses are lost by it as well as by the contact after it; later ones are followed by that one anyway.
        after = None if between[1] is None else _call(client, between[1][1])
        started = min(call.started, call.started if after is None else after.started)
        days = min(day(started) - RETURNED_WITHIN - 1, days[0] - 1), days[1] + 1
    held = _found(client, line, between, days, (name, sides[0]), out)
    change()
    found = _found(client, line, between, days, (name, sides[1]), out)
    for miss, n in ((held, -1), (found, 1)):
        for key, pair in miss.items():
            if (found if n < 0 else held).get(key) != pair:
                _count(*pair, out, n)


def _found(
    client: Page,
    line: Line,
    between: tuple[Place | None, Place | None],
    days: tuple[int, int],
    mine: tuple[str, Call | None],
    out: Context,
) -> Found:
    """The misses of some days between two contacts, or a contact between them; mine: a call as it is now."""
    since, before = between
    borders = [since, *line.contacts_between(since, before), before]
    found: Found = {}
    for begin, end in pairwise(borders):
        contact = None if end is None else mine[1] if end[1] == mine[0] else _call(client, end[1])
        for time, name in line.firsts((begin, end), days, out.rules.local):
            call = mine[1] if name == mine[0] else _call(client, name)
            if call is not None:
                found[name] = Waiting(MISS, call.manager, call.team, time), contact
    return found


def _call(client: Page, name: str) -> Call | None:
    raw = client.get(CALL + name)
    return None if raw is None else decode(raw)


def _retrace(client: Page, line: Line, mine: tuple[str, Call], trail: Trail, out: Context) -> None:
    """Recreate the trail from the end of the line, and say which misses are open now."""
    by, local = out.rules.return_by, out.rules.local
    trail.over, trail.time = max(0, trail.last - line.end()), line.end()
    since = line.contacts[-1] if line.contacts else None
    last = local.day(trail.time) + 1
    first = last - RETURNED_WITHIN - 3
    # Whatever else there was may be older; no contact closes that any more.
    trail.gone = local.start(first + RETURNED_WITHIN + 1) if line.missed[:1] < [(local.start(first), "")] else 0
    are_open: dict[str, Waiting] = {}
    for name, (miss, _) in _found(client, line, (since, None), (first, last), mine, out).items():
        until = by(miss.start, miss.team)
        if until <= out.time - SLACK:
            trail.gone = max(trail.gone, until)
        else:
            are_open[CALL + name] = miss
    for name, miss in _open(client):
        if are_open.get(name) != miss:
            client.wait(name, None)
    for name, miss in are_open.items():
        if client.waits.get(name) != miss:
            client.wait(name, miss)


def _count(miss: Waiting, contact: Call | None, out: Context, n: int) -> None:
    """Count (n = 1) or take back (-1) a miss, and the call back that closed it."""
    cell = out.cell(miss.start, miss.manager, miss.team)
    if contact is None or contact.started >= out.rules.return_by(miss.start, miss.team):
        plus(cell, _LOST, n)
    else:
        _count_closed(miss, contact, cell, out, n)


def _count_closed(miss: Waiting, contact: Call, cell: Sums, out: Context, n: int) -> None:
    """The same of one that a contact closed in time. cell: of the miss."""
    rules = out.rules
    value = rules.working(miss.start, contact.started, miss.team)
    in_time = value <= rules.callback_target
    if is_outbound(contact):
        plus(cell, _CALLED_BACK_IN_TIME if in_time else _CALLED_BACK, n)
        theirs = out.cell(contact.started, contact.manager, contact.team)
        plus(theirs, _WAITED_BINS[response_bin(value)], n)
        plus(theirs, _WAITED, n * value)
    else:
        plus(cell, _CLIENT_CALLED if in_time else _CLIENT_CALLED_LATE, n)
