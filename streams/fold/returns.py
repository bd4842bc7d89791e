"""Clients whose calls nobody answered: what became of each, whatever order the calls arrive in.

A contact closes the misses since the contact before it; of the calls missed since then the first of each local day is
one. In time order a call looks at no other call: what it must know is in the client's `Trail`. One that comes late, or
says otherwise than before, moves what lies between the contacts around it.
"""

from collections.abc import Callable, Iterable

from metrics import measure
from metrics.catalogue import unanswered as counted
from metrics.view import MISS, Waiting
from streams.fold.call_kinds import CALL, is_anonymous, is_outbound, reach_of, role_of
from streams.fold.call_kinds import decode_call as decode
from streams.fold.context import Client, Context, known
from streams.fold.line import CONTACT, MISSED, NO_ROLE, Line, Place, Reach
from streams.fold.rules import SLACK, response_bin
from streams.fold.state import Call, Meeting, Missed, Trail, decoder, encode

TRAIL, MEETING, LAST = "t", "m", "v"
_WIDTH = 8

Found = dict[str, tuple[Missed, Call | None]]
"""Misses by their call's id, and the contact that followed each."""

decode_trail = decoder(Trail)
_decode_meeting = decoder(Meeting)


def trail_of(client: Client, out: Context) -> Trail | None:
    """What is known of the client's calls and meetings; None where nothing was missed yet, and calls are few."""
    return known(client.get(TRAIL), decode_trail, out.recall)


def note(client: Client, reach: Reach) -> None:
    """Remember up to when anything touches leads: most leads are created after all of it."""
    last = max(reach).to_bytes(_WIDTH, "big")
    held = client.get(LAST)
    if held is None or last > held:
        client.put(LAST, last)


def touches_until(client: Client) -> int:
    """Up to when any call or meeting touches leads; 0 without any."""
    return int.from_bytes(client.get(LAST) or b"", "big")


def settle(client: Client, call_id: str, old: Call | None, new: Call, out: Context) -> None:
    """A call ended (old: or was said otherwise before): count what that makes of misses. To be called before it is put.

    `old` as it was put, even where it is forgotten.
    """
    now, was = role_of(new), NO_ROLE if old is None else role_of(old)
    if MISSED in (now, was) and is_anonymous(client.name):
        now, was = now if now == CONTACT else NO_ROLE, was if was == CONTACT else NO_ROLE
    if now == was == NO_ROLE:
        return
    trail = trail_of(client, out)
    if trail is None and MISSED not in (now, was):
        if client.line is not None:
            _follow(client.line, call_id, old, was, new, now)
        return
    if (
        trail is not None
        and was == NO_ROLE
        and (new.time, call_id) > (trail.time, trail.id)
        and new.started >= trail.gone
    ):
        _append(client, call_id, new, now, trail, out)
        if client.line is not None:
            client.line.add(call_id, new, now, reach_of(new))
    else:
        is_first = trail is None
        line = line_of(client, out)
        trail = trail or Trail(0, "", line.last())
        if old is not None and was != NO_ROLE:
            reach = reach_of(old)
            _change(client, line, (old.time, call_id), (old, None), lambda: line.remove(call_id, old, was, reach), out)
        if now != NO_ROLE:
            reach = reach_of(new)
            _change(client, line, (new.time, call_id), (None, new), lambda: line.add(call_id, new, now, reach), out)
        _retrace(client, line, trail, call_id, new, out)
        if is_first:  # nothing came late: what comes next is asked of the trail
            client.line = None
    trail.last = max(trail.last, new.last, new.started)
    client.put(TRAIL, encode(trail))


def _follow(line: Line, call_id: str, old: Call | None, was: int, new: Call, now: int) -> None:
    """Keep a line that is at hand."""
    if old is not None and was != NO_ROLE:
        line.remove(call_id, old, was, reach_of(old))
    if now != NO_ROLE:
        line.add(call_id, new, now, reach_of(new))


def _append(client: Client, call_id: str, call: Call, role: int, trail: Trail, out: Context) -> None:
    """The next call in order."""
    trail.time, trail.id = call.time, call_id
    if role == CONTACT:
        for miss in trail.misses:
            _count(miss, None, out, -1)
            _count(miss, call, out, 1)
            client.wait(CALL + miss.id, None)
        trail.misses, trail.gone = [], 0
        return
    _expire(trail, out)
    day = out.rules.local.day
    today = day(call.time)
    if all(day(miss.time) != today for miss in trail.misses):
        miss = Missed(call.time, call_id, call.manager, call.team)
        trail.misses.append(miss)
        _count(miss, None, out, 1)
        _list(client, miss, out)


def _expire(trail: Trail, out: Context) -> None:
    """Let go of misses that no contact after the last call closes."""
    by = out.rules.return_by
    gone = [miss for miss in trail.misses if by(miss.time, miss.team) <= trail.time - SLACK]
    if gone:
        trail.gone = max(trail.gone, *(by(miss.time, miss.team) for miss in gone))
        trail.misses = [miss for miss in trail.misses if miss not in gone]


def _lined(client: Client, out: Context) -> Line:
    """All calls and meetings that are known, in order."""
    anonymous = is_anonymous(client.name)
    calls = []
    for name, raw in client.named(CALL):
        call = known(raw, decode, out.recall)
        if call is not None and (role := role_of(call)) and not (anonymous and role == MISSED):
            calls.append((name, call, role, reach_of(call)))
    meetings = ((name, known(raw, _decode_meeting, out.recall)) for name, raw in client.named(MEETING))
    return Line(calls, ((name, one) for name, one in meetings if one is not None))


def line_of(client: Client, out: Context) -> Line:
    """The client's line, made now where it is not at hand."""
    client.line = client.line or _lined(client, out)
    return client.line


def _change(
    client: Client,
    line: Line,
    place: Place,
    sides: tuple[Call | None, Call | None],
    change: Callable[[], None],
    out: Context,
) -> None:
    """Change the line at a place, and count what that changes between the contacts around. sides: the call there."""
    before = _found(client, line.around(place), place[1], sides[0], out)
    change()
    after = _found(client, line.around(place), place[1], sides[1], out)
    for name, (miss, contact) in before.items():
        if after.get(name) != (miss, contact):
            _count(miss, contact, out, -1)
            if contact is None:
                client.wait(CALL + name, None)
    for name, (miss, contact) in after.items():
        if before.get(name) != (miss, contact):
            _count(miss, contact, out, 1)
            if contact is None:
                _list(client, miss, out)


def _found(
    client: Client, calls: Iterable[tuple[int, str, bool]], mine: str, as_now: Call | None, out: Context
) -> Found:
    """The misses among calls that follow each other, and the contact after each."""
    found: Found = {}
    pending: list[Missed] = []
    days: set[int] = set()
    for time, name, is_contact in calls:
        day = 0 if is_contact else out.rules.local.day(time)
        if not is_contact and day in days:
            continue
        call = as_now if name == mine else _call(client, name)
        if call is None:
            continue
        if is_contact:
            found |= {miss.id: (miss, call) for miss in pending}
            pending, days = [], set()
        else:
            days.add(day)
            pending.append(Missed(time, name, call.manager, call.team))
    return found | {miss.id: (miss, None) for miss in pending}


def _call(client: Client, name: str) -> Call | None:
    raw = client.get(CALL + name)
    return None if raw is None else decode(raw)


def _retrace(client: Client, line: Line, trail: Trail, mine: str, as_now: Call, out: Context) -> None:
    """Make the trail anew from the end of the line."""
    trail.time, trail.id = line.calls[-1][:2] if line.calls else (0, "")
    missed = [one for one in line.tail() if not one[2]]
    trail.misses, trail.gone = [miss for miss, _ in _found(client, missed, mine, as_now, out).values()], 0
    _expire(trail, out)


def _list(client: Client, miss: Missed, out: Context) -> None:
    """Say that a miss is open, unless it is lost by any clock."""
    if out.rules.return_by(miss.time, miss.team) > out.time - SLACK:
        client.wait(CALL + miss.id, Waiting(MISS, miss.manager, miss.team, miss.time))


def _count(miss: Missed, contact: Call | None, out: Context, n: int) -> None:
    """Count (n = 1) or take back (-1) a miss, and the call back that closed it."""
    rules = out.rules
    if contact is None or contact.started >= rules.return_by(miss.time, miss.team):
        out.add(miss.time, miss.manager, miss.team, (_missed, counted.LOST, True, False), n)
        return
    value = rules.working(miss.time, contact.started, miss.team)
    in_time = value <= rules.callback_target
    if is_outbound(contact):
        out.add(miss.time, miss.manager, miss.team, (_missed, counted.CALLED_BACK, True, in_time), n)
        cell, specs = out.cell(contact.started, contact.manager, contact.team), out.specs
        cell[specs[_called_back, response_bin(value)]] += n
        cell[specs[_waited,]] += n * value
    else:
        out.add(miss.time, miss.manager, miss.team, (_missed, counted.CLIENT_CALLED, not in_time, False), n)


def _missed(outcome: str, due: bool, in_time: bool) -> tuple[str, ...]:
    names = [measure.key(counted.MISSED.code, outcome)]
    names += [measure.key(counted.CALLBACKS_DUE.code)] if due else []
    names += [measure.key(counted.CALLBACKS_IN_TIME.code)] if in_time else []
    return tuple(names)


def _called_back(bin_: int) -> tuple[str, ...]:
    return (measure.key(counted.CALLBACK.code, str(bin_)),)


def _waited() -> tuple[str, ...]:
    return (measure.key(counted.CALLBACK.code, "s"),)
