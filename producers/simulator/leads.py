"""Stories of leads: most are called at once, some never; many come to nothing, others warm until a deal begins."""

from producers.simulator.calls import tell_outbound
from producers.simulator.rhythm import DAY, HOUR, MINUTE, rfc3339
from producers.simulator.script import Script
from producers.simulator.staff import SimulatedManager

_LEAD = "sales.lead.changed.v1"
_TOUCHED = 0.82
_PAUSE_BEFORE_TOUCH = 3.0  # median minutes


def tell_lead(script: Script, at_us: int, manager: SimulatedManager, client: str, *, sells: bool) -> int:
    """Tell a lead that begins at `at_us`; return when it is over (when its deal may begin)."""
    rng = script.rng
    lead = script.name("l")
    luck = rng.random()
    first = "cold" if luck < 0.74 else "warm" if luck < 0.92 else "hot"
    states = [first]
    if sells:
        states += {"cold": ["warm", "hot"], "warm": ["hot"], "hot": []}[first]
        if first == "cold" and rng.random() < 0.25:
            states.remove("warm")
    elif first == "cold" and rng.random() < 0.2:
        states.append("warm")
    if sells or rng.random() < _TOUCHED:
        wait = int(script.lognormal(_PAUSE_BEFORE_TOUCH * manager.slowness, 1.2) * MINUTE)
        tell_outbound(script, script.hours(at_us + min(wait, DAY)), client, manager)
    now, data = at_us, {}
    for number, temperature in enumerate(states, 1):
        data = {
            "lead_id": lead,
            "client_id": client,
            "manager_id": manager.id,
            "team_id": manager.team,
            "temperature": temperature,
            "created_at": rfc3339(at_us),
        }
        script.say(now, _LEAD, f"{lead}-v{number}", data, sequence=f"{number:012d}")
        now = script.later(now, DAY if number == 1 else 8 * HOUR)
    closed = data | {"status": "converted" if sells else "lost"}
    script.say(now, _LEAD, f"{lead}-v{len(states) + 1}", closed, sequence=f"{len(states) + 1:012d}")
    return now
