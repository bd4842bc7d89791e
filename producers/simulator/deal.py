"""One deal as its story goes: what is known of it, and how it is told."""

from typing import Any

from producers.simulator.market import FOREIGN, FOREIGN_SHARE, PIPELINES, SimulatedPipeline, price
from producers.simulator.rhythm import rfc3339
from producers.simulator.script import Script
from producers.simulator.staff import SimulatedManager

STEP = 1_000_000
"""Versions of the story are this far apart: small edits of the live floor fit between."""
_SAYS_COST = 0.92


class SimulatedDeal:
    """One deal as its story goes: holds the latest snapshot and says every new one."""

    def __init__(self, script: Script, at_us: int, client: str, manager: SimulatedManager, currency: str) -> None:
        rng = script.rng
        self.script = script
        self.id = script.name("d")
        self.client = client
        self.manager = manager
        self.pipeline: SimulatedPipeline = PIPELINES[0] if rng.random() < PIPELINES[0].share else PIPELINES[1]
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
