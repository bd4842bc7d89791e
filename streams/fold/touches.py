"""The first touch of each lead: by call or meeting, whatever order they come in, and by chat, in log order.

What happens in time order asks the client's `Gate`, and then only leads that it touches first. Something late is held
against all that it may touch (`Leads`).
"""

from typing import Final

from metrics import measure
from metrics.catalogue import unanswered as counted
from metrics.view import LEAD as OPEN_LEAD
from metrics.view import TALK, Waiting
from streams.fold import lead_index
from streams.fold.call_kinds import CALL, decode_call
from streams.fold.context import Context, known
from streams.fold.deltas import plus
from streams.fold.encoding import decoder, encode
from streams.fold.lead_index import Leads
from streams.fold.line import BY_CALL, BY_CHAT, BY_MEETING, TOUCHED_WITHIN, Reach, touch_at
from streams.fold.localtime import DAY
from streams.fold.page import Page
from streams.fold.returns import MEETING, line_of, trail_of
from streams.fold.rules import response_bin
from streams.fold.state import Call, Chat, Gate, Lead, Meeting, Ringing, Touch

LEAD: Final = "l"
CHAT: Final = "h"
RINGING: Final = "r"
RECALLED: Final = 31 * DAY
"""Calls, meetings, messages and leads are known for so much longer than they count: touches come within 30 days."""
DELETED: Final = "deleted"

decode_lead: Final = decoder(Lead)
_decode_meeting: Final = decoder(Meeting)
_decode_chat: Final = decoder(Chat)
decode_ringing: Final = decoder(Ringing)


def changed(client: Page, lead_id: str, old: Lead | None, new: Lead, out: Context) -> None:
    """A lead's new version: who touched it first, and what that counts. To be called before it is put."""
    if new.status == DELETED:
        new.chat = None if old is None else old.chat
    elif old is not None and old.status != DELETED and old.created == new.created:
        new.touch, new.chat = old.touch, old.chat
    else:
        chat = None if old is None else old.chat
        new.chat = chat if chat and _is_within(chat.at, new.created) else _latest_message(client, new.created, out)
        new.touch = _first(client, new, out)
    is_same = old is not None and _counted(old) == _counted(new)
    gate = gate_of(client, out)
    if gate is None:
        # The first lead that is known: from now on it matters who is in a call with the client.
        gate = trail_of(client).gate = Gate()
        client.leads = None
        _list_talks(client)
    if not is_same or old is None:
        new.waited = _working(new, out)
        if old is not None:
            _count(old, out, -1)
        _count(new, out, 1)
        _enter(client, gate, lead_id, new)
        _list(client, lead_id, new, out)
    else:
        new.waited = old.waited
    gate.last = max(gate.last, new.last)
    client.touch()


def _counted(lead: Lead) -> tuple[object, ...]:
    """All that what a lead counts depends on."""
    return lead.status, lead.created, lead.manager, lead.team, lead.touch, lead.chat


def _working(lead: Lead, out: Context) -> int:
    return 0 if lead.touch is None else out.rules.working(lead.created, lead.touch.at, lead.team)


def _list_talks(client: Page) -> None:
    """Calls under way are listed of clients who have leads."""
    for name, raw in client.named(RINGING):
        call = decode_ringing(raw)
        if not (call.inbound and not call.taken):
            client.wait(RINGING + name, talk(call))


def reached(
    client: Page, kind: int, name: str, old: Reach | None, new: Reach | None, who: tuple[str, str], out: Context
) -> None:
    """A call or meeting says (old: said before) when it touches leads, and who does. To be called after it is put."""
    gate = gate_of(client, out)
    if gate is None:
        return
    # Later than every touch so far it can only touch what nothing has touched yet, and only within that's 30 days.
    is_next = (old is None or old[0] > gate.settled) and (new is None or new[0] > gate.settled)
    if is_next and (new is None or new[0] > gate.untouched):
        return
    leads = _leads(client, out)
    if is_next:
        found = [] if new is None else lead_index.reached(leads.untouched, *new)
    else:
        found = leads.touched_by(kind, name)
        found += [] if new is None else lead_index.reached(leads.all, *new)
    for lead_id in dict.fromkeys(found):
        _reach(client, (gate, leads), lead_id, (kind, name), new, who, out)
    _close(client, gate, leads)


def _reach(
    client: Page,
    held: tuple[Gate, Leads],
    lead_id: str,
    by: tuple[int, str],
    new: Reach | None,
    who: tuple[str, str],
    out: Context,
) -> None:
    """Something may touch a lead first, or no longer does."""
    _, leads = held
    order, place = leads.touch_of(lead_id), leads.created(lead_id)
    at = None if new is None else touch_at(new, place)
    if (order is None or order[1:] != by) and (at is None or (order is not None and order <= (at, *by))):
        return
    lead = _lead(client, lead_id, out)
    if lead is None:
        leads.put(lead_id, None)
        return
    touch = lead.touch
    if touch is not None and (touch.kind, touch.id) == by:
        touch = _first(client, lead, out)
    elif at is not None:
        touch = Touch(at, *by, *who)
    if touch != lead.touch:
        _touch(client, held, lead_id, lead, touch, out)


def written(client: Page, at: int, chat_id: str, who: tuple[str, str], out: Context) -> None:
    """A manager wrote to the client."""
    gate = gate_of(client, out)
    if gate is None or (at > gate.settled and at > gate.unheard):
        return
    leads, message = _leads(client, out), Touch(at, BY_CHAT, chat_id, *who)
    for lead_id in lead_index.reached(leads.unheard if at > gate.settled else leads.all, at, at):
        order = leads.chat_of(lead_id)
        if order is not None and order <= message.order:
            continue
        lead = _lead(client, lead_id, out)
        if lead is None:
            leads.put(lead_id, None)
            continue
        lead.chat = message
        first = message if lead.touch is None or message.order < lead.touch.order else lead.touch
        _touch(client, (gate, leads), lead_id, lead, first, out)
    _close(client, gate, leads)


def talk(call: Ringing) -> Waiting:
    """The client is in a call: outbound since it began, inbound since it was answered."""
    since = max(call.time, call.taken) if call.inbound or not call.id else call.time
    return Waiting(TALK, call.manager, call.team, since)


def has_leads(client: Page, out: Context) -> bool:
    """Whether any lead of the client is known."""
    return gate_of(client, out) is not None


def gate_of(client: Page, out: Context) -> Gate | None:
    """The gate of a client who has leads."""
    gate = None if client.trail is None else client.trail.gate
    return None if gate is None or gate.last < out.recall else gate


def _leads(client: Page, out: Context) -> Leads:
    """The client's leads by creation, made now where that is not at hand."""
    if client.leads is None:
        held = ((name, known(raw, decode_lead, out.recall)) for name, raw in client.named(LEAD))
        client.leads = Leads((name, lead) for name, lead in held if lead is not None and lead.status != DELETED)
    return client.leads


def _close(client: Page, gate: Gate, leads: Leads) -> None:
    """Say in the gate which leads are left; keep them at hand where they are many."""
    gate.untouched, gate.unheard = lead_index.last(leads.untouched), lead_index.last(leads.unheard)
    if len(leads) < lead_index.KEPT:
        client.leads = None
    client.touch()


def _lead(client: Page, lead_id: str, out: Context) -> Lead | None:
    return known(client.get(LEAD + lead_id), decode_lead, out.recall)


def _is_within(at: int, created: int) -> bool:
    return created <= at <= created + TOUCHED_WITHIN


def _touch(client: Page, held: tuple[Gate, Leads], lead_id: str, lead: Lead, touch: Touch | None, out: Context) -> None:
    """Give a lead another first touch, or none."""
    _count(lead, out, -1)
    lead.touch = touch
    lead.waited = _working(lead, out)
    _count(lead, out, 1)
    _enter(client, held[0], lead_id, lead)
    client.put(LEAD + lead_id, encode(lead))
    _list(client, lead_id, lead, out)


def _enter(client: Page, gate: Gate, lead_id: str, lead: Lead) -> None:
    """Tell gate and index of a lead as it is now."""
    touch, chat, is_there = lead.touch, lead.chat, lead.status != DELETED
    if client.leads is not None:
        client.leads.put(lead_id, lead if is_there else None)
    if touch is not None:
        gate.settled = max(gate.settled, touch.at)
    elif is_there:
        gate.untouched = max(gate.untouched, lead.created + TOUCHED_WITHIN)
    if chat is not None:
        gate.settled = max(gate.settled, chat.at)
    elif is_there:
        gate.unheard = max(gate.unheard, lead.created + TOUCHED_WITHIN)


def _first(client: Page, lead: Lead, out: Context) -> Touch | None:
    """The first touch of all that is known; calls and meetings are looked at only where one may be."""
    last = client.until if client.trail is None else client.trail.last
    found = None if last < lead.created else line_of(client, out).first(lead.created)
    if found is None:
        return lead.chat
    touch = Touch(*found, *_who(client, *found[1:]))
    return touch if lead.chat is None or touch.order < lead.chat.order else lead.chat


def _who(client: Page, kind: int, name: str) -> tuple[str, str]:
    raw = client.get((CALL if kind == BY_CALL else MEETING) + name) or b""
    by: Call | Meeting = decode_call(raw) if kind == BY_CALL else _decode_meeting(raw)
    return by.manager, by.team


def _latest_message(client: Page, created: int, out: Context) -> Touch | None:
    """A manager's latest message so far, if it touches a lead created then."""
    latest: Touch | None = None
    for chat_id, raw in client.named(CHAT):
        chat = _decode_chat(raw)
        if chat.wrote and chat.wrote >= out.recall:
            message = Touch(chat.wrote, BY_CHAT, chat_id, chat.manager, chat.team)
            latest = message if latest is None or message.order > latest.order else latest
    return latest if latest is not None and _is_within(latest.at, created) else None


def _list(client: Page, lead_id: str, lead: Lead, out: Context) -> None:
    """Say whether a lead is open and untouched."""
    is_open = lead.status == "open" and lead.touch is None
    is_open = is_open and out.rules.listed_until(OPEN_LEAD, lead.created, lead.team, out.time) > out.time
    client.wait(LEAD + lead_id, Waiting(OPEN_LEAD, lead.manager, lead.team, lead.created) if is_open else None)


def _count(lead: Lead, out: Context, n: int) -> None:
    """Count (n = 1) or take back (-1) that a lead is due, and its first touch. An untouched one is while it is open.

    Whether the target is over is for who shows it: until then it is listed, and not shown as due.
    """
    touch = lead.touch
    if touch is None:
        if lead.status == "open":
            out.add(lead.created, lead.manager, lead.team, (_due, False), n)
        return
    value = lead.waited
    out.add(lead.created, lead.manager, lead.team, (_due, value <= out.rules.lead_target), n)
    cell, specs = out.cell(touch.at, touch.manager, touch.team), out.specs
    plus(cell, specs[_touched, response_bin(value)], n)
    plus(cell, specs[_waited,], n * value)


def _due(in_time: bool) -> tuple[str, ...]:
    due = measure.key(counted.LEADS_DUE.code)
    return (due, measure.key(counted.LEADS_IN_TIME.code)) if in_time else (due,)


def _touched(bin_: int) -> tuple[str, ...]:
    return (measure.key(counted.LEAD_RESPONSE.code, str(bin_)),)


def _waited() -> tuple[str, ...]:
    return (measure.key(counted.LEAD_RESPONSE.code, "s"),)


__all__ = ["BY_CALL", "BY_MEETING", "CHAT", "LEAD", "RECALLED", "changed", "reached", "written"]
