"""How the measures of deals are spelled, each function the measures that grow together."""

from metrics import measure
from metrics.catalogue.deals import (
    CLOSED,
    COSTED,
    CREATED,
    DURATION,
    PROFIT,
    REPEAT_AMOUNT,
    REPEAT_DEALS,
    SIZE,
    SIZE_STEPS,
    WON_AMOUNT,
)
from metrics.catalogue.money import MONEY_EVENTS, OPEN_MONEY_EVENTS
from metrics.catalogue.now import CLIENTS_READY, OPEN_DEALS, PIPELINE, WEIGHTED

Names = tuple[str, ...]


def created(pipeline: str) -> Names:
    """A deal, on the day it was created."""
    return (measure.key(CREATED.code, pipeline),)


def is_open(pipeline: str, stage: str, currency: str) -> Names:
    """An open deal."""
    return (measure.key(OPEN_DEALS.code, pipeline, stage), measure.key(OPEN_MONEY_EVENTS, currency))


def open_amount(pipeline: str, stage: str, currency: str) -> Names:
    """The amount of open deals."""
    return (measure.key(PIPELINE.code, pipeline, stage, currency),)


def weighted_amount(pipeline: str, stage: str, currency: str) -> Names:
    """Amount times probability of open deals."""
    return (measure.key(WEIGHTED.code, pipeline, stage, currency),)


def ready() -> Names:
    """A client ready to close."""
    return (measure.key(CLIENTS_READY.code),)


def lost(pipeline: str) -> Names:
    """A lost deal."""
    return (measure.key(CLOSED.code, pipeline, "lost"),)


def won(pipeline: str, bin_: int, step: int, currency: str, again: bool) -> Names:
    """A won deal, in its bin of duration and by its step of size."""
    names = (
        measure.key(CLOSED.code, pipeline, "won"),
        measure.key(DURATION.code, pipeline, str(bin_)),
        measure.key(SIZE.code, pipeline, str(SIZE_STEPS[step]), currency),
        measure.key(MONEY_EVENTS, currency),
    )
    return (*names, *repeat(pipeline)) if again else names


def duration(pipeline: str) -> Names:
    """The sum of durations of won deals."""
    return (measure.key(DURATION.code, pipeline, "s"),)


def won_amount(pipeline: str, currency: str, again: bool) -> Names:
    """The amount of won deals."""
    names = (measure.key(WON_AMOUNT.code, pipeline, currency),)
    return (*names, *repeat_amount(pipeline, currency)) if again else names


def repeat(pipeline: str) -> Names:
    """A repeat sale."""
    return (measure.key(REPEAT_DEALS.code, pipeline),)


def repeat_amount(pipeline: str, currency: str) -> Names:
    """The amount of repeat sales."""
    return (measure.key(REPEAT_AMOUNT.code, pipeline, currency),)


def profit(pipeline: str, currency: str) -> Names:
    """Amount less cost, where the cost is stated."""
    return (measure.key(PROFIT.code, pipeline, currency),)


def costed(pipeline: str, currency: str) -> Names:
    """The amount of deals that state their cost."""
    return (measure.key(COSTED.code, pipeline, currency),)
