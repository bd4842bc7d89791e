"""Prometheus as a child process, where its binary is installed: with the generated configuration and rules.

And a second, small one for the past, which scrapes nothing: its blocks are put there.
"""

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from deploy.past.blocks import HOURS
from deploy.stack.allowance import Allowance
from deploy.stack.http import answers_ok
from deploy.stack.program import Program
from metrics.windows import DAYS_HELD

JOBS = {
    "exporter": "sales-exporter",
    "worker": "sales-worker",
    "gateway": "sales-gateway",
    "prometheus": "prometheus",
    "alertmanager": "alertmanager",
}
"""Part of the stack → the file of targets that the generated configuration reads for it."""

ALIGNED = "--scrape.timestamp-tolerance=40ms"
"""A scrape that begins so little late is noted on time, and a sample takes half the disk. 5 s allow no more."""

PAST = (
    f"--storage.tsdb.retention.time={DAYS_HELD}d",
    # Five times what a thousand people have: only what nobody meant to be there reaches it.
    "--storage.tsdb.retention.size=15GB",
    # Blocks stay as they were made: nothing is compacted where one length is both the least and the greatest.
    f"--storage.tsdb.min-block-duration={HOURS}h",
    f"--storage.tsdb.max-block-duration={HOURS}h",
    # There is a sample a day: it is what is so until the next.
    "--query.lookback-delta=1d",
)
"""Arguments of the Prometheus of the past, wherever it runs."""


def binary() -> str | None:
    """Path of the installed server, or None."""
    return shutil.which("prometheus")


def past_tools() -> str | None:
    """The server, where the tool is there, too, that makes its blocks."""
    return binary() if shutil.which("promtool") else None


class Prometheus(Program):
    """A server on loopback with configuration and data in `folder`.

    `generated` holds prometheus/ and rules/; `targets` are part → host:port of what runs (itself is added). allowance:
    what it may take.
    """

    def __init__(
        self,
        folder: Path,
        *,
        port: int,
        generated: Path,
        targets: Mapping[str, str],
        allowance: Allowance | None = None,
        log: Path | None = None,
    ) -> None:
        allowance = allowance or Allowance()
        self.folder = folder
        self.generated = generated
        self.port = port
        self.address = f"127.0.0.1:{port}"
        self.targets = {**targets, "prometheus": self.address}
        argv = [
            binary() or "prometheus",
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'data'}",
            "--storage.tsdb.retention.time=35d",
            allowance.argument(folder / "data"),
            ALIGNED,
            f"--web.listen-address={self.address}",
            "--log.level=warn",
        ]
        super().__init__("prometheus", argv, log=log or folder / "prometheus.log", env={**allowance.env, **os.environ})

    @property
    def url(self) -> str:
        """Address of its page and its API."""
        return f"http://{self.address}"

    @property
    def ready(self) -> bool:
        """Whether it serves queries."""
        return self.listens(self.port) and answers_ok(f"{self.url}/-/ready")

    def prepare(self) -> None:
        """Lay configuration, rules and targets out as the configuration expects them beside itself."""
        (self.folder / "targets").mkdir(parents=True, exist_ok=True)
        shutil.copy(self.generated / "prometheus" / "prometheus.yml", self.folder)
        shutil.rmtree(self.folder / "rules", ignore_errors=True)
        shutil.copytree(self.generated / "rules", self.folder / "rules")
        for part, job in JOBS.items():
            groups = [{"targets": [self.targets[part]]}] if part in self.targets else []
            (self.folder / "targets" / f"{job}.json").write_text(json.dumps(groups))


class PastPrometheus(Program):
    """The Prometheus of the past on loopback. data: folder that `sales-pulse history fill` puts blocks into."""

    def __init__(self, data: Path, *, port: int, generated: Path, log: Path) -> None:
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self._data = data
        argv = [
            binary() or "prometheus",
            f"--config.file={generated / 'prometheus' / 'past.yml'}",
            f"--storage.tsdb.path={data}",
            *PAST,
            f"--web.listen-address=127.0.0.1:{port}",
            "--log.level=warn",
        ]
        super().__init__("past", argv, log=log)

    @property
    def ready(self) -> bool:
        """Whether it serves queries."""
        return self.listens(self.port) and answers_ok(f"{self.url}/-/ready")

    def prepare(self) -> None:
        """Make the folder of its blocks."""
        self._data.mkdir(parents=True, exist_ok=True)
