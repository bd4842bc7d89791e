"""A ledger as users start it, with what its standing audit has proved; and a number changed behind everybody's back."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
from redis import Redis

from deploy.stack.ports import free_port
from deploy.stack.program import Program
from metrics.view import Keys, decode_part, encode_part, split

ROOT = Path(__file__).parents[2]


class LedgerProgram(Program):
    """`sales-pulse ledger` with an audit that takes half a core. proofs: how often all that is shown was proved.

    differences: all that it ever said of what differs, from look to look.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        env = {
            **environment,
            "SALES_LEDGER_LISTEN": f"127.0.0.1:{self.port}",
            "SALES_LEDGER_URL": f"sqlite:///{folder / 'ledger.sqlite'}",
            "SALES_AUDIT_SHARE": "0.5",
        }
        super().__init__(
            "ledger", [sys.executable, "-m", "deploy.cli", "ledger"], log=folder / "ledger.log", env=env, cwd=ROOT
        )
        self.proofs, self.proved = 0, 0.0
        self.differences: list[dict[str, Any]] = []

    def look(self) -> None:
        """Ask what was proved since; one that is not there says nothing."""
        try:
            told = httpx.get(f"http://127.0.0.1:{self.port}/api/v1/audit", timeout=5).json()
        except httpx.TransportError:
            return
        self.differences += told["differences"]
        if (at := told["proved"]["shown"] or 0.0) > self.proved:
            self.proofs, self.proved = self.proofs + 1, at


def falsify(redis_url: str, app_id: str) -> None:
    """Make one number of the newest day one more than what the log says."""
    with Redis.from_url(redis_url) as redis:
        name = max(key for key in redis.scan_iter(Keys(app_id).all_cells) if b":cells:d:" in key)
        parts = ((field, value, decode_part(split(value)[1])) for field, value in redis.hgetall(name).items())
        field, value, part = next(one for one in parts if one[2])
        measure = next(iter(part))
        redis.hset(name, field, value[:16] + encode_part({**part, measure: part[measure] + 1}))
