"""Alertmanager as a child process, where its binary is installed: collects the alerts; tells nobody by default."""

import shutil
from pathlib import Path

from deploy.stack.http import answers_ok
from deploy.stack.program import Program


def binary() -> str | None:
    """Path of the installed server, or None."""
    return shutil.which("alertmanager") or shutil.which("prometheus-alertmanager")


class Alertmanager(Program):
    """A server on loopback with its data in `folder`, without a cluster; `generated` holds alertmanager/."""

    def __init__(self, folder: Path, *, port: int, generated: Path, log: Path | None = None) -> None:
        self.folder = folder
        self.generated = generated
        self.port = port
        self.address = f"127.0.0.1:{port}"
        argv = [
            binary() or "alertmanager",
            f"--config.file={folder / 'alertmanager.yml'}",
            f"--storage.path={folder / 'data'}",
            f"--web.listen-address={self.address}",
            "--cluster.listen-address=",
            "--log.level=warn",
        ]
        super().__init__("alertmanager", argv, log=log or folder / "alertmanager.log")

    @property
    def url(self) -> str:
        """Address of its page and its API."""
        return f"http://{self.address}"

    @property
    def ready(self) -> bool:
        """Whether it takes alerts."""
        return self.listens(self.port) and answers_ok(f"{self.url}/-/ready")

    def prepare(self) -> None:
        """Take the configuration over; it names receivers that reach nobody until someone fills them in."""
        self.folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(self.generated / "alertmanager" / "alertmanager.yml", self.folder)
