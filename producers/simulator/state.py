"""What a simulator keeps between runs, so that a restart goes on instead of sending the backlog again."""

from pathlib import Path

import msgspec

from producers.simulator.live import Stretch


class SimulatorState(msgspec.Struct, frozen=True):
    """`setup` says whose state it is. Times in us: floor begun, plans made, sent up to, and when it was live."""

    setup: str
    began_us: int
    anchor_us: int
    until_us: int
    lived: tuple[Stretch, ...] = ()


def load(path: Path | None) -> SimulatorState | None:
    """Return the state that was saved; None when there is none, or it cannot be read (then all is sent again)."""
    if path is None or not path.exists():
        return None
    try:
        return msgspec.json.decode(path.read_bytes(), type=SimulatorState)
    except msgspec.DecodeError:
        return None


def save(path: Path | None, state: SimulatorState) -> None:
    """Write the state in one step, so that a crash leaves the old or the new one."""
    if path is None:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.write_bytes(msgspec.json.encode(state))
    fresh.replace(path)
