"""Prometheus as a child process, where its binary is installed: scrapes our processes, runs our generated rules."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from deploy.stack.http import answers_ok
from deploy.stack.program import Program

RULES = ("grafana/out/rules/*.yml", "grafana/out/alerts/*.yml")
"""Generated rule files, from the root of the repository."""


def binary() -> str | None:
    """Path of the installed server, or None."""
    return shutil.which("prometheus")


def configuration(root: Path, targets: Mapping[str, str], alertmanager: str | None) -> dict[str, Any]:
    """Return the configuration: `targets` are job → host:port, `alertmanager` is host:port or None."""
    made: dict[str, Any] = {
        "global": {"scrape_interval": "5s", "evaluation_interval": "15s"},
        "rule_files": [str(root / pattern) for pattern in RULES],
        "scrape_configs": [
            {"job_name": job, "static_configs": [{"targets": [address]}]} for job, address in targets.items()
        ],
    }
    if alertmanager:
        made["alerting"] = {"alertmanagers": [{"static_configs": [{"targets": [alertmanager]}]}]}
    return made


class Prometheus(Program):
    """A server on loopback with its data in `folder`; raises nothing until it is started."""

    def __init__(self, folder: Path, *, port: int, config: Mapping[str, Any], log: Path | None = None) -> None:
        self.folder = folder
        self.config = dict(config)
        self.address = f"127.0.0.1:{port}"
        file = folder / "prometheus.yml"
        argv = [
            binary() or "prometheus",
            f"--config.file={file}",
            f"--storage.tsdb.path={folder / 'data'}",
            "--storage.tsdb.retention.time=35d",
            f"--web.listen-address={self.address}",
            "--log.level=warn",
        ]
        super().__init__("prometheus", argv, log=log or folder / "prometheus.log")

    @property
    def url(self) -> str:
        """Address of its page and its API."""
        return f"http://{self.address}"

    @property
    def ready(self) -> bool:
        """Whether it serves queries."""
        return answers_ok(f"{self.url}/-/ready")

    def prepare(self) -> None:
        """Write the configuration."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "prometheus.yml").write_text(yaml.safe_dump(self.config, sort_keys=False))
