"""Alertmanager as a child process, where its binary is installed: collects the alerts; tells nobody by default."""

import shutil
from pathlib import Path
from typing import Any

import yaml

from deploy.errors import StartError
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
        """Take the configuration over, which tells nobody until SALES_ALERTS_ settings name somebody."""
        self.folder.mkdir(parents=True, exist_ok=True)
        config = yaml.safe_load((self.generated / "alertmanager" / "alertmanager.yml").read_text())
        path = self.folder / "alertmanager.yml"
        path.touch(mode=0o600)
        path.chmod(0o600)
        path.write_text(yaml.safe_dump(with_secrets(config), sort_keys=False, allow_unicode=True))


def with_secrets(config: Any) -> Any:
    """A configuration with what stands in the files of its secrets. Raises StartError where one cannot be read.

    Alertmanager reads all of them itself from 0.26 on; Debian 12 has an older one.
    """
    if isinstance(config, list):
        return [with_secrets(one) for one in config]
    if not isinstance(config, dict):
        return config
    made = {}
    for name, value in config.items():
        if name.endswith("_file"):
            made[name.removesuffix("_file")] = _secret(Path(value))
        else:
            made[name] = with_secrets(value)
    return made


def _secret(path: Path) -> str:
    try:
        found = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise StartError(f"{path}: {error.strerror}; SALES_ALERTS_SECRETS names its folder") from error
    except UnicodeDecodeError:
        raise StartError(f"{path}: is not in UTF-8; write the secret, and nothing else, as plain text") from None
    if not found:
        raise StartError(f"{path}: is empty; write the secret, and nothing else, as plain text")
    return found
