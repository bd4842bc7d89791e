"""Stories of chats: a client writes, a bot may help first, a manager answers, and sooner or later it is closed."""

from collections.abc import Callable
from typing import Any

from producers.simulator.calls import score
from producers.simulator.rhythm import DAY, HOUR, MINUTE, SECOND
from producers.simulator.script import Script
from producers.simulator.staff import SimulatedManager

_MESSAGE, _HANDED_OFF, _CLOSED = "sales.chat.message.v1", "sales.chat.handed_off.v1", "sales.chat.closed.v1"
_CHANNELS = ("telegram", "whatsapp", "site", "vk", "email")
_PAUSE_BEFORE_ANSWER = 31.0  # median seconds


def tell_chat(script: Script, at_us: int) -> tuple[str, str]:
    """Tell one chat that starts at `at_us`; return its chat id and client id."""
    rng = script.rng
    local_day, inside = divmod(script.rhythm.local(at_us), DAY)
    manager = script.staff.present(rng, local_day, inside // HOUR)
    who = {"manager_id": manager.id, "team_id": manager.team}
    chat = script.name("h")
    client = script.client(at_us)
    channel = _CHANNELS[int(rng.random() ** 2 * len(_CHANNELS))]
    number = 0

    def line(at: int, author: str | None, type_: str = _MESSAGE) -> None:
        nonlocal number
        number += 1
        data: dict[str, Any] = {"chat_id": chat, "client_id": client}
        if author:
            data |= {"author": author, "channel": channel}
        if author == "manager":
            data |= who
        script.say(at, type_, f"{chat}-{number}", data, steady=True)

    now = _greeting(script, at_us, line)
    if rng.random() < 0.04:  # nobody found the time
        line(now + int((2 + rng.random() * 5) * MINUTE), None, _CLOSED)
        return chat, client
    rounds = 1 + min(3, int(rng.expovariate(0.9)))
    for turn in range(rounds):
        pause = script.lognormal(_PAUSE_BEFORE_ANSWER * manager.slowness, 0.72) * (1.0 if turn == 0 else 0.8)
        line(now := now + int((2 + pause) * SECOND), "manager")
        if turn + 1 < rounds:
            line(now := now + int((6 + rng.expovariate(1 / 50)) * SECOND), "client")
    if rng.random() < 0.8:
        line(now := now + int((1 + rng.random() * 9) * MINUTE), None, _CLOSED)
        if rng.random() < 0.12:
            _rate(script, chat, client, manager, now)
    return chat, client


def _greeting(script: Script, now: int, line: Callable[[int, str | None, str], None]) -> int:
    """Tell how it begins, with or without a bot; return the moment of the last line."""
    rng = script.rng
    line(now, "client", _MESSAGE)
    if rng.random() < 0.3:
        line(now := now + 2 * SECOND, "bot", _MESSAGE)
        line(now := now + int((8 + rng.random() * 25) * SECOND), "client", _MESSAGE)
        line(now := now + SECOND, "bot", _MESSAGE)
        line(now := now + SECOND, None, _HANDED_OFF)
    elif rng.random() < 0.3:
        line(now := now + int((3 + rng.random() * 9) * SECOND), "client", _MESSAGE)
    return now


def _rate(script: Script, chat: str, client: str, manager: SimulatedManager, closed_us: int) -> None:
    data = {
        "rating_id": f"r-{chat}",
        "client_id": client,
        "manager_id": manager.id,
        "team_id": manager.team,
        "score": score(script, manager.skill),
        "contact_id": chat,
    }
    script.say(closed_us + MINUTE, "sales.rating.given.v1", f"r-{chat}", data)
