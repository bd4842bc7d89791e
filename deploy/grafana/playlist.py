"""Puts the wall's playlist into Grafana over its API, since files cannot provision it; safe to repeat.

Run once after Grafana is up: `python -m deploy.grafana.playlist`, with GRAFANA_URL and either GRAFANA_TOKEN or
GRAFANA_USER and GRAFANA_PASSWORD in the environment.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from metrics.settings import SECRETS

SCREEN = "kiosk&autofitpanels=true&_dash.hideTimePicker=true&_dash.hideVariables=true&_dash.hideLinks=true"
"""Options of an address for a screen that nobody touches: nothing but panels, as high as the screen."""
WANTED = Path(__file__).resolve().parents[2] / "grafana" / "out" / "playlist.json"


class GrafanaSettings(BaseSettings):
    """How to reach Grafana's API."""

    model_config = SettingsConfigDict(
        env_prefix="GRAFANA_", secrets_dir=SECRETS if SECRETS.is_dir() else None, frozen=True
    )

    url: str = "http://127.0.0.1:3000"
    token: SecretStr | None = None
    """A service account's token; wins over user and password."""
    user: str = "admin"
    password: SecretStr = SecretStr("admin")
    playlist: Path = WANTED
    """What to put there."""
    patience: float = 120
    """Seconds to wait for Grafana to come up."""


def client(settings: GrafanaSettings) -> httpx.Client:
    """An HTTP client that is logged in."""
    if settings.token:
        headers = {"Authorization": f"Bearer {settings.token.get_secret_value()}"}
        return httpx.Client(base_url=settings.url, headers=headers, timeout=10)
    auth = (settings.user, settings.password.get_secret_value())
    return httpx.Client(base_url=settings.url, auth=auth, timeout=10)


def put(http: httpx.Client, wanted: Mapping[str, Any]) -> str:
    """Make the playlist, or bring the one of that name up to date. Returns its uid.

    Raises httpx.HTTPStatusError when Grafana refuses.
    """
    body = {"name": wanted["name"], "interval": wanted["interval"], "items": wanted["items"]}
    found = http.get("/api/playlists", params={"query": wanted["name"]}).raise_for_status().json()
    same = [one["uid"] for one in found if one["name"] == wanted["name"]]
    if same:
        http.put(f"/api/playlists/{same[0]}", json=body).raise_for_status()
        return str(same[0])
    return str(http.post("/api/playlists", json=body).raise_for_status().json()["uid"])


def main() -> int:
    """Wait for Grafana, put the playlist, say where it is. Returns the exit status."""
    settings = GrafanaSettings()
    wanted = json.loads(settings.playlist.read_text())
    waiting = Retrying(
        stop=stop_after_delay(settings.patience),
        wait=wait_fixed(2),
        retry=retry_if_exception_type(httpx.TransportError),
        reraise=True,
    )
    try:
        with client(settings) as http:
            uid = waiting(put, http, wanted)
    except httpx.HTTPError as error:
        sys.stderr.write(f"playlist: Grafana at {settings.url}: {error}\n")
        return 1
    print(f"{settings.url}/playlists/play/{uid}?{SCREEN}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
