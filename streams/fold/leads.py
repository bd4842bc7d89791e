"""Leads: opened once and warmed once, as first seen; the latest version says whose they are, and whether still open."""

from collections.abc import Mapping

from metrics import measure
from metrics.catalogue.activities import LEADS_OPENED, LEADS_WARMED
from producers.events.units import us
from producers.events.wire import LeadChanged, LeadDeleted
from streams.fold import touches
from streams.fold.context import Context, Handler, Keeper, known, outdated, while_it_is_recalled
from streams.fold.encoding import encode
from streams.fold.page import Page
from streams.fold.state import FOLDED, Lead, Outcome
from streams.fold.touches import DELETED, LEAD, decode_lead


def changed(client: Page, event: LeadChanged, at: int, out: Context) -> Outcome:
    """A snapshot of a lead."""
    data = event.data
    version = (event.sequence or "", at, event.id)
    old = known(client.get(LEAD + data.lead_id), decode_lead, out.recall)
    if old is not None and (seen := outdated(version, old)) is not None:
        return seen
    created, manager, team = us(data.created_at), data.manager_id, data.team_id or ""
    counted, cold, warmed = (old.counted, old.cold, old.warmed) if old is not None else (0, False, False)
    # Opening and warming are counted once and stay (specification, rule 2), whatever later versions say of either.
    if not counted:
        out.add(created, manager, team, (_opened, data.temperature), 1)
        counted = created
    if data.temperature == "cold":
        cold = True
    elif cold and not warmed:
        out.add(at, manager, team, (_warmed,), 1)
        warmed = True
        counted = max(counted, at)
    new = Lead(*version, counted, cold, warmed, data.status or "open", created, manager, team)
    return _replace(client, data.lead_id, old, new, out)


def deleted(client: Page, event: LeadDeleted, at: int, out: Context) -> Outcome:
    """A lead is gone: what it was due and its touch go, its opening and warming stay as they were counted."""
    version = (event.sequence or "", at, event.id)
    lead_id = event.data.lead_id
    old = known(client.get(LEAD + lead_id), decode_lead, out.recall)
    if old is not None and (seen := outdated(version, old)) is not None:
        return seen
    counted, cold, warmed = (old.counted, old.cold, old.warmed) if old is not None else (0, False, False)
    return _replace(client, lead_id, old, Lead(*version, counted, cold, warmed, DELETED), out)


def _replace(client: Page, lead_id: str, old: Lead | None, new: Lead, out: Context) -> Outcome:
    touches.changed(client, lead_id, old, new, out)
    client.put(LEAD + lead_id, encode(new))
    return FOLDED


def _opened(temperature: str) -> tuple[str, ...]:
    return (measure.key(LEADS_OPENED.code, temperature),)


def _warmed() -> tuple[str, ...]:
    return (measure.key(LEADS_WARMED.code),)


HANDLERS: Mapping[type, Handler] = {LeadChanged: changed, LeadDeleted: deleted}
KEEPERS: Mapping[str, Keeper] = {LEAD: while_it_is_recalled(decode_lead)}
