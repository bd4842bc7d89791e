"""The playlist job: makes it once, and brings it up to date when repeated."""

import json
from pathlib import Path

import httpx
import pytest

from deploy.grafana.playlist import WANTED, GrafanaSettings, client, put
from grafana.dashboards import dashboards
from grafana.look import Look


class Grafana:
    """The part of Grafana's API that keeps playlists, in memory."""

    def __init__(self) -> None:
        self.playlists: dict[str, dict[str, object]] = {}

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            found = [{"uid": uid, "name": one["name"]} for uid, one in self.playlists.items()]
            return httpx.Response(200, json=found)
        body = json.loads(request.content)
        uid = f"made-{len(self.playlists)}" if request.method == "POST" else request.url.path.rpartition("/")[2]
        self.playlists[uid] = body
        return httpx.Response(200, json={"uid": uid, **body})


def test_repeating_changes_nothing() -> None:
    """One playlist, however often the job runs."""
    grafana = Grafana()
    wanted = json.loads(WANTED.read_text())
    with httpx.Client(base_url="http://grafana", transport=httpx.MockTransport(grafana)) as http:
        assert put(http, wanted) == put(http, wanted) == "made-0"
    assert [one["name"] for one in grafana.playlists.values()] == ["Sales Pulse wall"]


def test_a_refusal_is_told() -> None:
    refusing = httpx.MockTransport(lambda _: httpx.Response(401))
    with httpx.Client(base_url="http://grafana", transport=refusing) as http, pytest.raises(httpx.HTTPStatusError):
        put(http, json.loads(WANTED.read_text()))


def test_the_wall_shows_dashboards_that_exist() -> None:
    items = json.loads(WANTED.read_text())["items"]
    assert {item["value"] for item in items} <= set(dashboards(Look()))


def test_a_token_wins_over_a_password() -> None:
    with client(GrafanaSettings(token="secret")) as http:
        assert http.headers["Authorization"] == "Bearer secret"


def test_compose_says_where_the_playlist_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The image has no generated files, so they are mounted, and named."""
    made = tmp_path / "playlist.json"
    monkeypatch.setenv("GRAFANA_PLAYLIST", str(made))
    assert GrafanaSettings().playlist == made
