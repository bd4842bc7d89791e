"""Stories of deals, from the first snapshot through stages, other owners and other minds, to won, lost or deleted."""

from producers.simulator.deal import SimulatedDeal
from producers.simulator.leads import tell_lead
from producers.simulator.money import tell_money
from producers.simulator.rhythm import DAY, HOUR
from producers.simulator.script import Script

_WITH_LEAD = 0.35
_REOPENED, _HANDED_OVER, _DELETED = 0.03, 0.06, 0.015


def tell_deal(script: Script, at_us: int, currency: str) -> None:
    """Tell a deal (often a lead first) that begins at `at_us`, and the money that it brings."""
    rng = script.rng
    manager = script.staff.anyone(rng)
    client = script.client(at_us)
    now = script.hours(at_us) // 1000 * 1000
    if rng.random() < _WITH_LEAD:
        now = tell_lead(script, now, manager, client, sells=True) // 1000 * 1000
    deal = SimulatedDeal(script, now, client, manager, currency)
    now, wins = _through_stages(deal, now)
    if rng.random() < _DELETED:
        deal.delete(now)
        return
    closed = _close(deal, now, wins=wins)
    if rng.random() < _REOPENED:
        stage, probability = deal.pipeline.stages[-2]
        now = script.later(closed, DAY)
        deal.snapshot(now, stage, probability)
        wins = rng.random() < 0.4
        closed = _close(deal, script.later(now, 3 * DAY), wins=wins)
    if wins:
        tell_money(script, deal, closed)


def _through_stages(deal: SimulatedDeal, now: int) -> tuple[int, bool]:
    """Move a new deal on until it is to be closed; return that moment and whether it is won."""
    script, rng, stages = deal.script, deal.script.rng, deal.pipeline.stages
    wins = rng.random() < deal.pipeline.win * deal.manager.skill
    reached = len(stages) if wins else 1 + int(rng.random() ** 1.4 * len(stages))
    pace = deal.pipeline.days * DAY / len(stages) * (0.6 + 0.8 * rng.random()) * (1.0 if wins else 1.3)
    for number, (stage, probability) in enumerate(stages[:reached]):
        if number and rng.random() < 0.22:
            deal.amount = max(10, round(deal.amount * (0.85 + 0.35 * rng.random()) / 10) * 10)
        if number == 2 and rng.random() < _HANDED_OVER * 2:
            deal.manager = script.staff.colleague(rng, deal.manager)
        deal.snapshot(now, stage, probability)
        if number and rng.random() < 0.13:
            meeting = script.name("e")
            data = {
                "meeting_id": meeting,
                "client_id": deal.client,
                "manager_id": deal.manager.id,
                "team_id": deal.manager.team,
            }
            script.say(script.later(now, 5 * HOUR), "sales.meeting.held.v1", meeting, data)
        now = script.later(now, pace, most=3.0) // 1000 * 1000
        if rng.random() < 0.12:  # somebody only corrects the chances
            deal.snapshot(now, stage, round(min(0.95, probability * (0.7 + 0.6 * rng.random())), 2))
            now = script.later(now, pace / 3, most=2.0) // 1000 * 1000
    return now, wins


def _close(deal: SimulatedDeal, now: int, *, wins: bool) -> int:
    now = now // 1000 * 1000
    deal.snapshot(now, "WON" if wins else "LOST", None, "won" if wins else "lost")
    return now
