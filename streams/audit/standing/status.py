"""What the standing audit has proved so far: told to the exporter, and kept beside the index over restarts."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import msgspec

from streams.audit.standing.look import Found, Piece, StandingLook, counted

_EXAMPLES = 20
_encode, _decode = msgspec.json.Encoder().encode, msgspec.json.Decoder().decode


@dataclass
class AuditStatus:
    """Moments are Unix seconds; 0.0: never.

    shown: as of when all that is shown now was equal. days: each local day → when it was. problem: why nothing could be
    compared in the last cycle. compared: numbers, by sort. seconds: of a core, spent on it.
    """

    shown: float = 0.0
    days: dict[int, float] = field(default_factory=dict)
    problem: str = ""
    compared: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    differences: dict[Piece, list[Found]] = field(default_factory=dict)

    def take(self, look: StandingLook) -> None:
        """Note what was compared."""
        self.compared += look.compared

    @property
    def all_days(self) -> float:
        """As of when every day was equal, at the latest; 0.0 while one never was."""
        return min(self.days.values(), default=0.0)

    def as_json(self) -> dict[str, Any]:
        """For the exporter."""
        examples = [one for found in self.differences.values() for one in found][:_EXAMPLES]
        return {
            "proved": {"shown": self.shown or None, "days": self.all_days or None},
            "problem": self.problem,
            "differences": [
                {"data": data, "family": family, "count": n}
                for (data, family), n in sorted(counted(self.differences).items())
            ],
            "examples": [
                {"what": one.what.where, "shown": one.what.shown, "log": one.what.log, "explain": one.explain}
                for one in examples
            ],
            "compared": dict(sorted(self.compared.items())),
            "seconds": self.seconds,
        }

    def kept(self) -> str:
        """What is kept over a restart: when what was equal."""
        days = sorted(self.days.items())
        return _encode({"shown": self.shown, "days": days}).decode()

    def recall(self, text: str) -> None:
        """Take up what was kept."""
        held = _decode(text)
        self.shown, self.days = held["shown"], {int(day): at for day, at in held["days"]}
