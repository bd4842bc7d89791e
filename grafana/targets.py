"""What is promised: goals, targets and limits, and the colours that follow from them, for walls and alerts alike."""

from grafana.look import Look
from grafana.panels import PLAIN, Step
from metrics.kpi import Aim, Kpi

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

_STEPS: dict[Aim, Steps] = {
    Aim.IN_TIME: IN_TIME, Aim.NONE: NONE_IS_GOOD, Aim.OWED: OWED, Aim.PAYS: PAYS, Aim.PACE: PACE,
    Aim.ATTAINED: ATTAINED,
}  # fmt: skip
_TARGETS = {Aim.IN_TIME: GOAL, Aim.OWED: OVERDUE, Aim.NONE: 0.0, Aim.PACE: 0.0, Aim.ATTAINED: 1.0}
_LIMITS = {Aim.ANSWER: SLOW, Aim.CALL_BACK: SLOW, Aim.TOUCH: SLOW, Aim.WAIT: PATIENCE}
"""So many times its target a time is red."""


def seconds(target: float, limit: float) -> Steps:
    """Colours of a time that has a target: after it orange, after so many times as much red."""
    return ((None, GOOD), (target, MIDDLE), (target * limit, BAD))


def left(target: float) -> Steps:
    """Colours of the time that is left of a target: alerts tell of it when half of it is over."""
    return ((None, BAD), (0.0, MIDDLE), (URGENT * target, GOOD))


def _promised(kpi: Kpi, look: Look, channel: str) -> float | None:
    """Seconds within which an answer, a call back or a first touch is in time; None for what is no such time."""
    match kpi.aim:
        case Aim.ANSWER | Aim.WAIT if channel:
            return look.targets[channel]
        case Aim.CALL_BACK:
            return look.callback_target
        case Aim.TOUCH:
            return look.lead_target
    return None


def steps(kpi: Kpi, look: Look, channel: str = "") -> Steps:
    """Colours of a KPI's value; those of what has neither target nor limit say nothing."""
    if kpi.aim and (promised := _promised(kpi, look, channel)) is not None:
        return seconds(promised, _LIMITS[kpi.aim])
    return _STEPS.get(kpi.aim, PLAIN) if kpi.aim else PLAIN


def target(kpi: Kpi, look: Look, channel: str = "") -> float | None:
    """The target, goal or limit of a KPI; None where nobody set one."""
    promised = _promised(kpi, look, channel)
    return promised if promised is not None or not kpi.aim else _TARGETS.get(kpi.aim)
