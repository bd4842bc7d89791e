"""Stories of telephone calls: clients who ring and wait, and managers who call out."""

from typing import Any

from producers.simulator.rhythm import DAY, HOUR, MINUTE, SECOND, rfc3339
from producers.simulator.script import Script
from producers.simulator.staff import SimulatedManager

_INBOUND = 0.62
_PAUSE_BEFORE_ANSWER = 9.0  # median seconds
_PAUSE_BEFORE_CALL_BACK = 9.0  # median minutes
_CALLS_BACK, _CALLS_AGAIN = 0.74, 0.12


def tell_call(script: Script, at_us: int) -> None:
    """Tell one call that starts at `at_us`; of one that nobody answered also what came of it."""
    rng = script.rng
    local_day, inside = divmod(script.rhythm.local(at_us), DAY)
    manager = script.staff.present(rng, local_day, inside // HOUR)
    _tell(script, at_us, script.client(at_us), manager, inbound=rng.random() < _INBOUND)


def tell_outbound(script: Script, at_us: int, client: str, manager: SimulatedManager) -> None:
    """Tell a call to a client who has a reason to be called."""
    _tell(script, at_us, client, manager, inbound=False)


def _tell(script: Script, at_us: int, client: str, manager: SimulatedManager, *, inbound: bool) -> None:
    rng = script.rng
    hour = script.rhythm.local(at_us) % DAY // HOUR
    who = {"manager_id": manager.id, "team_id": manager.team}
    call = {
        "call_id": script.name("c"),
        "client_id": client,
        "direction": "inbound" if inbound else "outbound",
    }
    # a queue rings for everybody, so some inbound calls have nobody's name while they wait
    started = call if inbound and rng.random() < 0.25 else call | who
    script.say(at_us, "sales.call.started.v1", f"{call['call_id']}-s", started, steady=True)
    if inbound:
        crowded = 1.35 if hour in (11, 13, 16) else 1.0
        wait, outcome = _inbound(script, manager.slowness * crowded)
    else:
        wait, outcome = _outbound(script)
    waited = at_us + int(wait * SECOND)
    ended: dict[str, Any] = call | {"outcome": outcome, "started_at": rfc3339(at_us)}
    if outcome == "answered":
        answered = waited // 1000 * 1000
        script.say(
            answered,
            "sales.call.answered.v1",
            f"{call['call_id']}-a",
            {"call_id": call["call_id"], "client_id": call["client_id"], **who},
            steady=True,
        )
        ended["answered_at"] = rfc3339(answered)
        waited = answered + min(40 * MINUTE, int(script.lognormal(115.0, 0.9) * SECOND)) + 3 * SECOND
        ended |= who
    elif started is not call or outcome == "missed":
        ended |= who
    script.say(waited, "sales.call.ended.v1", f"{call['call_id']}-e", ended)
    if inbound and outcome in {"missed", "abandoned"}:
        _follow(script, waited, client, manager)
    if outcome == "answered" and rng.random() < 0.05:
        rating = {
            "rating_id": f"r-{call['call_id']}",
            "client_id": call["client_id"],
            **who,
            "score": score(script, manager.skill),
            "contact_id": call["call_id"],
        }
        script.say(waited + MINUTE, "sales.rating.given.v1", str(rating["rating_id"]), rating)


def _follow(script: Script, missed_us: int, client: str, manager: SimulatedManager) -> None:
    """Tell what became of a client whom nobody answered: called back sooner or later, calls again, or is forgotten."""
    luck = script.rng.random()
    if luck < _CALLS_BACK:
        wait = int(script.lognormal(_PAUSE_BEFORE_CALL_BACK * manager.slowness, 1.1) * MINUTE)
        tell_outbound(script, script.hours(missed_us + min(wait, DAY)), client, manager)
    elif luck < _CALLS_BACK + _CALLS_AGAIN:
        again = script.hours(missed_us + int(script.lognormal(_PAUSE_BEFORE_CALL_BACK, 0.8) * MINUTE))
        _tell(script, again, client, manager, inbound=True)


def _inbound(script: Script, slowness: float) -> tuple[float, str]:
    rng = script.rng
    wait = script.lognormal(_PAUSE_BEFORE_ANSWER * slowness, 0.7) + 1.0
    luck = rng.random()
    if luck < 0.035:
        return 25 + rng.random() * 30, "missed"
    if luck < 0.042:
        return 1.0 + rng.random(), "busy" if luck < 0.04 else "failed"
    patience = 18 + rng.expovariate(1 / 55)
    if wait > patience or luck > 0.975:
        return min(patience, 3 + wait * 2), "abandoned"
    return wait, "answered"


def _outbound(script: Script) -> tuple[float, str]:
    luck = script.rng.random()
    wait = 6 + script.rng.random() * 16
    if luck < 0.64:
        return wait, "answered"
    if luck < 0.88:
        return wait + 14, "missed"
    return wait, "busy" if luck < 0.97 else "failed"


def score(script: Script, skill: float) -> int:
    """Return a client's rating, 1 to 5: mostly content, better managers more so."""
    luck = script.rng.random() ** skill
    for stars, below in ((5, 0.58), (4, 0.84), (3, 0.93), (2, 0.97)):
        if luck < below:
            return stars
    return 1
