"""Units as people read them: whole numbers, and no money."""

from typing import Any


def whole(unit: str, decimals: int | None) -> str:
    """The unit of what is counted in whole numbers: 1,432, of which "short" without decimals makes 1 K."""
    return "locale" if (unit, decimals) == ("short", 0) else unit


def nothing(unit: str) -> list[dict[str, Any]]:
    """How no money is written: 0, of which a unit with a digit after the point makes 0.0."""
    return [{"type": "value", "options": {"0": {"text": "0", "index": 20}}}] if unit.startswith("currency") else []
