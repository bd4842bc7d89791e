"""What the floor sells: pipelines, prices and currencies, and what a manager may be expected to sell of it."""

from dataclasses import dataclass
from math import exp
from random import Random

DEALS_PER_DAY = 1.75
"""Deals that an average manager opens on a full working day."""
SIGMA = 0.5
FOREIGN = {"USD": 92.4, "EUR": 99.8, "CNY": 12.7}
"""Roubles for one unit, about; the floor's daily rates wander around them."""
FOREIGN_SHARE = 0.03


@dataclass(frozen=True, slots=True)
class SimulatedPipeline:
    """One pipeline: its stages with their probabilities, its share of deals, prices in roubles, days it takes."""

    name: str
    share: float
    stages: tuple[tuple[str, float], ...]
    median: float
    days: float
    win: float
    invoiced: float


PIPELINES = (
    SimulatedPipeline(
        "B2B",
        0.38,
        (("NEW", 0.1), ("QUALIFIED", 0.25), ("PROPOSAL", 0.45), ("NEGOTIATION", 0.7), ("CONTRACT", 0.9)),
        median=165_000,
        days=13,
        win=0.24,
        invoiced=0.95,
    ),
    SimulatedPipeline(
        "Розница",
        0.62,
        (("NEW", 0.15), ("CONTACT", 0.35), ("OFFER", 0.6), ("PAYMENT", 0.85)),
        median=46_000,
        days=4.5,
        win=0.31,
        invoiced=0.12,
    ),
)


def unit(currency: str) -> float:
    """Return what one rouble of the price list is in a currency."""
    return 1.0 if currency == "RUB" else 1 / FOREIGN.get(currency, 92.0)


def price(rng: Random, pipeline: SimulatedPipeline, currency: str, check: float) -> int:
    """Return an amount of whole units, round enough to be a price."""
    amount = pipeline.median * check * exp(rng.gauss(0.0, SIGMA)) * unit(currency)
    step = 100 if amount > 5_000 else 10
    return max(step, round(amount / step) * step)


def expected_won(skill: float, check: float, zeal: float) -> tuple[float, float]:
    """Return the deals won and the roubles won by a manager on a full working day, on average."""
    deals = amount = 0.0
    for pipeline in PIPELINES:
        won = DEALS_PER_DAY * zeal * pipeline.share * pipeline.win * skill
        deals += won
        amount += won * pipeline.median * check * exp(SIGMA**2 / 2)
    return deals, amount
