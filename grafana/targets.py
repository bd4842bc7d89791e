"""What is promised: goals, targets and limits, and the colours that follow from them, for walls and alerts alike."""

from grafana.look import Look
from grafana.panels import PLAIN, Step
from metrics.kpi import Kpi

GOAL = 0.8
"""Share of responses in time that is promised."""
PATIENCE = 3
"""So many times the target may a customer wait before somebody is told."""
SLOW = 2
"""So many times the target is a slow p90."""
URGENT = 0.5
"""Somebody is told of a client to call when no more than this share of the target is left."""
OVERDUE = 0.3
"""Share of receivables past due that is too much."""
BEHIND = 0.2
"""Behind the plan to date by this share, somebody is told."""

GOOD, BAD, MIDDLE, NEUTRAL = "green", "red", "orange", "text"
Steps = tuple[Step, ...]

ATTAINED: Steps = ((None, NEUTRAL), (1.0, GOOD))
"""A period that still runs has not failed."""
PACE: Steps = ((None, BAD), (-BEHIND / 2, MIDDLE), (0.0, GOOD))
NONE_IS_GOOD: Steps = ((None, GOOD), (1.0, BAD))
PAYS: Steps = ((None, BAD), (0.0, GOOD))
IN_TIME: Steps = ((None, BAD), (GOAL - 0.05, MIDDLE), (GOAL, GOOD))
OWED: Steps = ((None, GOOD), (OVERDUE * 2 / 3, MIDDLE), (OVERDUE, BAD))
MISSED: Steps = ((None, GOOD), ((1 - GOAL) / 2, MIDDLE), (1 - GOAL, BAD))

_STEPS: dict[str, Steps] = {
    "Service level": IN_TIME,
    "Called back in time": IN_TIME,
    "Leads touched in time": IN_TIME,
    "Waiting too long": NONE_IS_GOOD,
    "Overdue share of receivables": OWED,
    "Payback of costs": PAYS,
}
_TARGETS = {
    "Service level": GOAL, "Called back in time": GOAL, "Leads touched in time": GOAL,
    "Overdue share of receivables": OVERDUE, "Waiting too long": 0.0,
}  # fmt: skip


def seconds(target: float, limit: float) -> Steps:
    """Colours of a time that has a target: after it orange, after so many times as much red."""
    return ((None, GOOD), (target, MIDDLE), (target * limit, BAD))


def left(target: float) -> Steps:
    """Colours of the time that is left of a target: alerts tell of it when half of it is over."""
    return ((None, BAD), (0.0, MIDDLE), (URGENT * target, GOOD))


def _promised(kpi: Kpi, look: Look, channel: str) -> float | None:
    """Seconds within which an answer, a call back or a first touch is in time; None for what is no such time."""
    if kpi.title.startswith("Response time") and channel:
        return look.targets[channel]
    if kpi.title.startswith("Time to call back"):
        return look.callback_target
    return look.lead_target if kpi.title.startswith("Time to first touch") else None


def steps(kpi: Kpi, look: Look, channel: str = "") -> Steps:
    """Colours of a KPI's value; those of what has neither target nor limit say nothing."""
    if kpi.title in _STEPS:
        return _STEPS[kpi.title]
    if (promised := _promised(kpi, look, channel)) is not None:
        return seconds(promised, SLOW)
    if kpi.title == "Longest wait" and channel:
        return seconds(look.targets[channel], PATIENCE)
    if kpi.title.endswith("growth against plan"):
        return PACE
    return ATTAINED if kpi.title.endswith(": against plan") else PLAIN


def target(kpi: Kpi, look: Look, channel: str = "") -> float | None:
    """The target, goal or limit of a KPI; None where nobody set one."""
    if (promised := _promised(kpi, look, channel)) is not None:
        return promised
    if channel and kpi.title == "Longest wait":
        return look.targets[channel]
    if kpi.title.endswith("growth against plan"):
        return 0.0
    return 1.0 if kpi.title.endswith(": against plan") else _TARGETS.get(kpi.title)
