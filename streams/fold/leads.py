"""Leads: opened once and warmed once, as first seen; later versions only decide what is stale."""

from metrics import measure
from metrics.catalogue.activities import LEADS_OPENED, LEADS_WARMED
from producers.events.units import us
from producers.events.wire import LeadChanged
from streams.fold.context import Client, Context, known
from streams.fold.state import DUPLICATE, FOLDED, STALE, Lead, Outcome, decoder, encode

LEAD = "l"

decode_lead = decoder(Lead)


def changed(client: Client, event: LeadChanged, at: int, out: Context) -> Outcome:
    """A snapshot of a lead."""
    data = event.data
    name = LEAD + data.lead_id
    version = (event.sequence or "", at, event.id)
    old = known(client.get(name), decode_lead, out.horizon)
    created = us(data.created_at)
    cold = warmed = False
    counted = created
    if old is None:
        out.add(created, data.manager_id, data.team_id or "", (_opened, data.temperature), 1)
    else:
        held = (old.sequence, old.time, old.id)
        if version <= held:
            return DUPLICATE if version == held else STALE
        cold, warmed, counted = old.cold, old.warmed, old.counted
    if data.temperature == "cold":
        cold = True
    elif cold and not warmed:
        out.add(at, data.manager_id, data.team_id or "", (_warmed,), 1)
        warmed = True
        counted = max(counted, at)
    client.put(name, encode(Lead(*version, counted, cold, warmed)))
    return FOLDED


def _opened(temperature: str) -> tuple[str, ...]:
    return (measure.key(LEADS_OPENED.code, temperature),)


def _warmed() -> tuple[str, ...]:
    return (measure.key(LEADS_WARMED.code),)
