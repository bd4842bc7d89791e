"""Deals: what the latest snapshot contributes, which wins are repeat sales, and which clients are ready to close."""

from collections.abc import Mapping
from typing import Final

from producers.events.units import money, us
from producers.events.wire import DealChanged, DealDeleted
from streams.fold import deal_measures as measures
from streams.fold.context import Context, Handler, Keeper, known, outdated
from streams.fold.deltas import OPEN, Specs, plus
from streams.fold.encoding import decoder, encode
from streams.fold.page import Page
from streams.fold.rules import Rules, duration_bin, size_step
from streams.fold.state import FOLDED, READY, Deal, Outcome, ReadyDeal

DEAL: Final = "d"
PROBABILITY: Final = 10**12

_WON: Final = b"\xa3won"
"""What a won deal has in it as encoded, whatever else has."""

decode_deal: Final = decoder(Deal)


def changed(client: Page, event: DealChanged, at: int, out: Context) -> Outcome:
    """A snapshot of a deal."""
    data = event.data
    new = Deal(
        event.sequence or "",
        at,
        event.id,
        data.status,
        data.manager_id,
        data.team_id or "",
        data.pipeline,
        data.stage,
        money(data.amount),
        data.currency,
        us(data.created_at),
        None if data.closed_at is None or data.status == "open" else us(data.closed_at),
        None if data.cost is None else money(data.cost),
        None if data.probability is None else _trillionths(data.probability),
    )
    return _replace(client, data.deal_id, new, out)


def _trillionths(probability: float) -> int:
    """In 10^-12; further digits are cut, so that what lies below a limit stays below it."""
    found = round(probability * PROBABILITY)
    # The quotient is the float of these twelve places: if it is greater, they were rounded up.
    return found - 1 if found / PROBABILITY > probability else found


def deleted(client: Page, event: DealDeleted, at: int, out: Context) -> Outcome:
    """A deal is gone; its version stays, so that what is older does not bring it back."""
    return _replace(client, event.data.deal_id, Deal(event.sequence or "", at, event.id, "deleted"), out)


def _replace(client: Page, deal_id: str, new: Deal, out: Context) -> Outcome:
    name = DEAL + deal_id
    old = known(client.get(name), decode_deal, out.horizon)
    if old is not None and (seen := outdated((new.sequence, new.time, new.id), old)) is not None:
        return seen
    # Put first: who looks through the client's deals below has to meet this version.
    client.put(name, encode(new))
    _count_created(old, new, out)
    # Whether a win is a repeat sale depends on which win is the client's first: the older version is taken back by the
    # one that was first until now, and this one is counted by the one that is first from now on.
    before = client.first
    if old is not None:
        _count(old, before != (old.closed, deal_id), out, -1)
    if new.status == "won" or (old is not None and old.status == "won"):
        _settle_first(client, deal_id, old, new)
        if client.first != before:
            _mark_repeat(client, before, deal_id, out, 1)
            _mark_repeat(client, client.first, deal_id, out, -1)
            client.touch()
    _count(new, client.first != (new.closed, deal_id), out, 1)
    _settle_ready(client, deal_id, old, new, out)
    return FOLDED


def _count(deal: Deal, repeat: bool, out: Context, n: int) -> None:
    """Add (n = 1) or take back (-1) what a deal contributes to, its creation aside."""
    manager, team, pipeline, amount = deal.manager, deal.team, deal.pipeline, deal.amount
    status, specs, currency, probability = deal.status, out.specs, deal.currency, deal.probability
    if status == "open":
        cell = out.cell(OPEN, manager, team)
        is_open, open_amount, weighted = _open_numbers(specs, pipeline, deal.stage, currency)
        plus(cell, is_open, n)
        plus(cell, open_amount, n * amount)
        if probability:
            plus(cell, weighted, n * amount * probability)
    elif status == "lost":
        out.add(deal.closed or 0, manager, team, (measures.lost, pipeline), n)
    elif status == "won":
        closed, cost = deal.closed or 0, deal.cost
        duration = closed - deal.created
        cell = out.cell(closed, manager, team)
        lasted, won_amount, profit, costed = _won_numbers(specs, pipeline, currency, repeat)
        plus(cell, specs[measures.won, pipeline, duration_bin(duration), size_step(amount), currency, repeat], n)
        plus(cell, lasted, n * duration)
        plus(cell, won_amount, n * amount)
        if cost is not None:
            plus(cell, profit, n * (amount - cost))
            plus(cell, costed, n * amount)


def _open_numbers(specs: Specs, pipeline: str, stage: str, currency: str) -> tuple[int, ...]:
    """Of what open deals add to: deals, amount, weighted amount."""
    named = pipeline, stage, currency
    found = specs.together.get(named)
    if found is None:
        spelled = measures.is_open, measures.open_amount, measures.weighted_amount
        found = specs.together[named] = tuple([specs[spell, pipeline, stage, currency] for spell in spelled])
    return found


def _won_numbers(specs: Specs, pipeline: str, currency: str, repeat: bool) -> tuple[int, ...]:
    """Of what won deals add to, the deal itself aside: duration, amount, profit, amount with a cost."""
    named = pipeline, currency, repeat
    found = specs.together.get(named)
    if found is None:
        found = specs.together[named] = (
            specs[measures.duration, pipeline],
            specs[measures.won_amount, pipeline, currency, repeat],
            specs[measures.profit, pipeline, currency],
            specs[measures.costed, pipeline, currency],
        )
    return found


def _count_created(old: Deal | None, new: Deal, out: Context) -> None:
    """Move the creation, if it moved at all."""
    is_there = new.status != "deleted"
    if old is not None and old.status != "deleted":
        if is_there and _origin(old) == _origin(new):
            return
        out.add(old.created, old.manager, old.team, (measures.created, old.pipeline), -1)
    if is_there:
        out.add(new.created, new.manager, new.team, (measures.created, new.pipeline), 1)


def _origin(deal: Deal) -> tuple[int, str, str, str]:
    """All that decides where the creation of a deal counts."""
    return deal.created, deal.manager, deal.team, deal.pipeline


def _settle_first(client: Page, deal_id: str, old: Deal | None, new: Deal) -> None:
    """Find the client's earliest won deal again; all deals are scanned only when that one changed."""
    mine = (new.closed or 0, deal_id) if new.status == "won" else None
    first = client.first
    if old is not None and old.status == "won" and first == (old.closed, deal_id) and (mine is None or mine > first):
        wins = ((decode_deal(raw), other) for other, raw in client.named(DEAL) if _WON in raw)
        client.first = min(((deal.closed or 0, other) for deal, other in wins if deal.status == "won"), default=None)
    elif mine is not None and (first is None or mine < first):
        client.first = mine


def _mark_repeat(client: Page, win: tuple[int, str] | None, changed_id: str, out: Context, n: int) -> None:
    """Another win of the client became (n = 1) a repeat sale, or ceased to be one (-1)."""
    if win is None or win[1] == changed_id:
        return
    raw = client.get(DEAL + win[1])
    if raw is None:
        return
    deal = decode_deal(raw)
    who = deal.closed or 0, deal.manager, deal.team
    out.add(*who, (measures.repeat, deal.pipeline), n)
    out.add(*who, (measures.repeat_amount, deal.pipeline, deal.currency), n * deal.amount)


def _is_ready(deal: Deal | None, rules: Rules) -> bool:
    if deal is None or deal.status != "open":
        return False
    probability = deal.probability
    return deal.stage in rules.ready_stages or (probability is not None and probability >= rules.ready_probability)


def _settle_ready(client: Page, deal_id: str, old: Deal | None, new: Deal, out: Context) -> None:
    """Keep the client counted once per owner, credited as that owner's latest ready deal says."""
    rules = out.rules
    stays = _is_ready(new, rules)
    if old is not None and (not stays or old.manager != new.manager):
        held = client.credited(old.manager)
        if held is not None and held.deal == deal_id:
            _credit(client, old.manager, _best(client, old.manager, rules), out)
    if stays:
        best = client.credited(new.manager)
        mine = new.time, deal_id
        if best is None or mine >= (best.time, best.deal):
            _credit(client, new.manager, ReadyDeal(*mine, new.team), out)
        elif best.deal == deal_id:  # a later version of an earlier time: another deal's may be later now
            _credit(client, new.manager, _best(client, new.manager, rules), out)


def _best(client: Page, manager: str, rules: Rules) -> ReadyDeal | None:
    best: ReadyDeal | None = None
    for other, raw in client.named(DEAL):
        deal = decode_deal(raw)
        if deal.manager == manager and _is_ready(deal, rules):
            mine = deal.time, other
            if best is None or mine > (best.time, best.deal):
                best = ReadyDeal(*mine, deal.team)
    return best


def _credit(client: Page, manager: str, best: ReadyDeal | None, out: Context) -> None:
    held = client.credited(manager)
    if held is not None and (best is None or best.team != held.team):
        out.add(OPEN, manager, held.team, (measures.ready,), -1)
    if best is not None and (held is None or best.team != held.team):
        out.add(OPEN, manager, best.team, (measures.ready,), 1)
    client.credit(manager, best)


def _keep(_: Page, entity: bytes, out: Context) -> bytes | None:
    deal = decode_deal(entity)
    if deal.last >= out.horizon or deal.status == "open":
        return entity
    if deal.status != "won":
        return None
    # Its id, version and closing time decide what is a repeat sale; what it counts in is past.
    closed = deal.closed or 0
    return encode(Deal(deal.sequence, deal.time, deal.id, "won", created=closed, closed=closed))


def _keep_ready(_: Page, entity: bytes, __: Context) -> bytes:
    return entity  # its deal is open, and kept for ever


HANDLERS: Mapping[type, Handler] = {DealChanged: changed, DealDeleted: deleted}
KEEPERS: Mapping[str, Keeper] = {DEAL: _keep, READY: _keep_ready}
