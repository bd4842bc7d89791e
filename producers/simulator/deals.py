"""Stories of deals, from the first snapshot through stages, other owners and other minds, to won, lost or deleted."""

from typing import Any

from producers.simulator.leads import tell_lead
from producers.simulator.market import FOREIGN, FOREIGN_SHARE, PIPELINES, Pipeline, price
from producers.simulator.money import tell_money
from producers.simulator.rhythm import DAY, HOUR, rfc3339
from producers.simulator.script import Script
from producers.simulator.staff import Manager

STEP = 1_000_000
"""Versions of the story are this far apart: small edits of the live floor fit between."""

_WITH_LEAD = 0.35
_REOPENED, _HANDED_OVER, _DELETED, _SAYS_COST = 0.03, 0.06, 0.015, 0.92


class Deal:
    """One deal as its story goes: holds the latest snapshot and says every new one."""

    def __init__(self, script: Script, at_us: int, client: str, manager: Manager, currency: str) -> None:
        rng = script.rng
        self.script = script
        self.id = script.name("d")
        self.client = client
        self.manager = manager
        self.pipeline: Pipeline = PIPELINES[0] if rng.random() < PIPELINES[0].share else PIPELINES[1]
        if rng.random() < FOREIGN_SHARE:
            currency = [c for c in FOREIGN if c != currency][int(rng.random() * 2)]
        self.currency = currency
        self.amount = price(rng, self.pipeline, currency, manager.check)
        self.margin = 0.2 + 0.2 * rng.random() if rng.random() < _SAYS_COST else None
        self.created_us = at_us
        self.version = 0

    def snapshot(self, at_us: int, stage: str, probability: float | None, status: str = "open") -> None:
        """Say the whole state of the deal as of `at_us`."""
        self.version += 1
        data: dict[str, Any] = {
            "deal_id": self.id,
            "client_id": self.client,
            "manager_id": self.manager.id,
            "team_id": self.manager.team,
            "pipeline": self.pipeline.name,
            "stage": stage,
            "status": status,
            "amount": f"{self.amount}.00",
            "currency": self.currency,
            "created_at": rfc3339(self.created_us),
        }
        if self.margin is not None:
            data["cost"] = f"{int(self.amount * (1 - self.margin))}.00"
        if probability is not None:
            data["probability"] = probability
        if status != "open":
            data["closed_at"] = rfc3339(at_us)
        self.script.say(
            at_us,
            "sales.deal.changed.v1",
            f"{self.id}-v{self.version}",
            data,
            sequence=f"{self.version * STEP:012d}",
        )

    def delete(self, at_us: int) -> None:
        """Say that the deal is gone."""
        self.version += 1
        self.script.say(
            at_us,
            "sales.deal.deleted.v1",
            f"{self.id}-v{self.version}",
            {"deal_id": self.id, "client_id": self.client},
            sequence=f"{self.version * STEP:012d}",
        )


def tell_deal(script: Script, at_us: int, currency: str) -> None:
    """Tell a deal (often a lead first) that begins at `at_us`, and the money that it brings."""
    rng = script.rng
    manager = script.staff.anyone(rng)
    client = script.client(at_us)
    now = script.hours(at_us) // 1000 * 1000
    if rng.random() < _WITH_LEAD:
        now = tell_lead(script, now, manager, client, sells=True) // 1000 * 1000
    deal = Deal(script, now, client, manager, currency)
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


def _through_stages(deal: Deal, now: int) -> tuple[int, bool]:
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


def _close(deal: Deal, now: int, *, wins: bool) -> int:
    now = now // 1000 * 1000
    deal.snapshot(now, "WON" if wins else "LOST", None, "won" if wins else "lost")
    return now
