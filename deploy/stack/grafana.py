"""Grafana as a child process, where its binary is installed: every wall provisioned, open to all on this machine."""

import os
import secrets
import shutil
import sys
from pathlib import Path

from deploy.stack.http import answers_ok
from deploy.stack.program import Program

HOME = "sales-floor"
_HOME_PATHS = ("/usr/share/grafana", "/usr/local/share/grafana", "/opt/homebrew/share/grafana", "/opt/grafana")
"""Where packages put the pages that the binary serves."""


def binary() -> str | None:
    """Path of the installed server whose pages are found, too, or None."""
    found = shutil.which("grafana") or shutil.which("grafana-server")
    return found if found and home(Path(found)) else None


def home(program: Path) -> Path | None:
    """Folder of the pages and defaults that belong to a binary."""
    stated = os.environ.get("GF_PATHS_HOME")
    near = list(program.resolve().parents[:3])
    shares = [folder / "share" / "grafana" for folder in near]
    candidates = [*([Path(stated)] if stated else []), *near, *shares, *map(Path, _HOME_PATHS)]
    return next((folder for folder in candidates if (folder / "conf" / "defaults.ini").is_file()), None)


class Grafana(Program):
    """A server on loopback with its data in `folder`; `generated` holds dashboards/ and provisioning/."""

    def __init__(
        self,
        folder: Path,
        *,
        port: int,
        generated: Path,
        prometheus: str,
        past: str,
        timezone: str,
        log: Path | None = None,
    ) -> None:
        self.folder = folder
        self.generated = generated
        self.port = port
        self.address = f"127.0.0.1:{port}"
        program = binary() or "grafana-server"
        command = ["server"] if Path(program).name == "grafana" else []
        argv = [program, *command, "--homepath", str(home(Path(program)) or folder)]
        super().__init__("grafana", argv, log=log or folder / "grafana.log", cwd=folder)
        self._sources = {"SALES_PROMETHEUS_URL": prometheus, "SALES_PAST_URL": past}
        self._timezone = timezone

    @property
    def url(self) -> str:
        """Address of its pages and its API."""
        return f"http://{self.address}"

    @property
    def ready(self) -> bool:
        """Whether it serves pages."""
        return self.listens(self.port) and answers_ok(f"{self.url}/api/health")

    @property
    def password(self) -> str:
        """Of its user `admin`; made at the first start, kept beside its data."""
        self.folder.mkdir(parents=True, exist_ok=True)
        file = self.folder / "password"
        if not file.exists():
            file.touch(mode=0o600)
            file.write_text(secrets.token_urlsafe(18))
        return file.read_text()

    def prepare(self) -> None:
        """Say by the environment where everything is; whoever reaches loopback may look without a password."""
        settings = {
            "SERVER_HTTP_ADDR": "127.0.0.1",
            "SERVER_HTTP_PORT": str(self.port),
            "PATHS_DATA": str(self.folder / "data"),
            "PATHS_LOGS": str(self.folder / "data" / "log"),
            "PATHS_PLUGINS": str(self.folder / "data" / "plugins"),
            "PATHS_PROVISIONING": str(self.generated / "provisioning"),
            "DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH": str(self.generated / "dashboards" / f"{HOME}.json"),
            "SECURITY_ADMIN_PASSWORD": self.password,
            "AUTH_ANONYMOUS_ENABLED": "true",
            "USERS_DEFAULT_THEME": "dark",
            "DATE_FORMATS_DEFAULT_TIMEZONE": self._timezone,
            "ANALYTICS_REPORTING_ENABLED": "false",
            "ANALYTICS_CHECK_FOR_UPDATES": "false",
            "ANALYTICS_CHECK_FOR_PLUGIN_UPDATES": "false",
            "NEWS_NEWS_FEED_ENABLED": "false",
            "PLUGINS_PREINSTALL_DISABLED": "true",
            "LOG_LEVEL": "warn",
        }
        self.env = {
            **os.environ,
            **{f"GF_{name}": value for name, value in settings.items()},
            **self._sources,
            "SALES_DASHBOARDS": str(self.generated / "dashboards"),
        }

    def playlist(self) -> Program:
        """The job that puts the rotation of the walls into it: files cannot provision one."""
        environment = {
            **os.environ,
            "GRAFANA_URL": self.url,
            "GRAFANA_PASSWORD": self.password,
            "GRAFANA_PLAYLIST": str(self.generated / "playlist.json"),
        }
        argv = [sys.executable, "-m", "deploy.grafana.playlist"]
        return Program("playlist", argv, log=self.log.with_name("playlist.log"), env=environment)
