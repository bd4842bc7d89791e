import json
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.commands.up import choose
from deploy.errors import MisuseError
from deploy.installation import written
from deploy.stack import grafana, ports, prometheus
from deploy.stack.folder import clear
from deploy.stack.local import PARTS, Floor, LocalStack
from grafana.look import Look


@pytest.mark.parametrize(
    ("only", "without", "parts"),
    [
        (None, None, list(PARTS)),
        (["redis,kafka"], None, ["kafka", "redis"]),
        (["kafka", "redis"], None, ["kafka", "redis"]),
        (None, ["prometheus, alertmanager"], [p for p in PARTS if p not in ("prometheus", "alertmanager")]),
    ],
)
def test_choose(only: list[str] | None, without: list[str] | None, parts: list[str]) -> None:
    """Lists may be given in one flag or several; the order is that of the start."""
    assert choose(only, without) == parts


@pytest.mark.parametrize(
    ("only", "without"), [(["kafka"], ["redis"]), (["x"], None), (None, ["x"]), (None, [",".join(PARTS)])]
)
def test_choose_refuses(only: list[str] | None, without: list[str] | None) -> None:
    with pytest.raises(MisuseError):
        choose(only, without)


def test_free_port_prefers_the_usual_one() -> None:
    """The usual port where it is free, else another one that is."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        assert not ports.is_free(taken)
        assert ports.free_port(taken) != taken


def test_a_port_is_given_once() -> None:
    """Neither this process nor another one gets a port that is promised already."""
    found = ports.free_port()
    assert ports.is_free(found)
    assert ports.free_port(found) != found
    code = f"from deploy.stack.ports import free_port; print(free_port({found}))"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(other.stdout) != found


def test_settings_lead_to_the_stack(tmp_path: Path) -> None:
    """The file holds the address of everything that runs, and of nothing else."""
    stack = LocalStack(tmp_path, ["exporter", "redis"], Floor())
    stack.servers()
    lines = dict(line.split("=", 1) for line in stack.write_settings().read_text().splitlines() if line[0] != "#")
    assert set(lines) == {"SALES_EXPORTER_LISTEN", "SALES_REDIS_URL", "SALES_PUBLIC_URL"}
    assert f"{lines['SALES_PUBLIC_URL']}/" == stack.wall
    assert lines["SALES_REDIS_URL"].startswith("redis://127.0.0.1:")
    assert stack.wall == f"http://{lines['SALES_EXPORTER_LISTEN']}/"


def test_prometheus_finds_what_it_is_told_of(tmp_path: Path) -> None:
    """Every running part is a target of its job, others are none; the generated rules lie beside the configuration."""
    written(tmp_path / "generated", Look())
    server = prometheus.Prometheus(
        tmp_path / "p", port=1, generated=tmp_path / "generated", targets={"exporter": "127.0.0.1:2"}
    )
    server.prepare()
    server.prepare()
    targets = {file.stem: json.loads(file.read_text()) for file in (tmp_path / "p" / "targets").iterdir()}
    assert targets["sales-exporter"] == [{"targets": ["127.0.0.1:2"]}]
    assert targets["prometheus"] == [{"targets": ["127.0.0.1:1"]}]
    assert targets["sales-worker"] == targets["alertmanager"] == []
    assert list((tmp_path / "p" / "rules").glob("*.yml"))
    asked = re.findall(r"targets/([\w-]+)\.json", (tmp_path / "p" / "prometheus.yml").read_text())
    assert set(asked) == set(targets)


def test_ports_are_those_of_the_last_run(tmp_path: Path) -> None:
    """Whatever was found free once is asked for again, so that bookmarks hold; even when the data are forgotten."""
    everything = [part for part in PARTS if part != "simulator"]
    code = (
        "from pathlib import Path; from deploy.stack.local import Floor, LocalStack\n"
        f"stack = LocalStack(Path({str(tmp_path)!r}), {everything!r}, Floor())\n"
        "stack.servers(); stack.write_settings()\n"
        "import json; print(json.dumps(stack.ports))"
    )

    def run() -> dict[str, int]:
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        found: dict[str, int] = json.loads(done.stdout)
        return found

    with socket.socket() as other:
        # Whoever has the usual port at the first run is gone at the second.
        other.bind(("127.0.0.1", 0))
        taken = other.getsockname()[1]
        (tmp_path / "ports.json").write_text(json.dumps({"grafana": taken}))
        first = run()
    assert first["grafana"] != taken
    assert set(first) == set(everything)
    clear(tmp_path)
    still_free = {name: port for name, port in first.items() if ports.is_free(port)}
    assert still_free.items() <= run().items()
    (tmp_path / "ports.json").write_text("{damaged")
    assert set(run()) == set(first)


def test_grafana_is_started_with_everything_provisioned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a binary and its pages are: data source, dashboards, home, a password of its own; else it is left out."""
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.delenv("GF_PATHS_HOME", raising=False)
    assert grafana.binary() is None
    program = tmp_path / "bin" / "grafana"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    assert grafana.binary() is None, "its pages are not there"
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "defaults.ini").touch()
    assert grafana.binary() == str(program)
    generated = tmp_path / "generated"
    written(generated, Look())
    server = grafana.Grafana(
        tmp_path / "g", port=1, generated=generated, prometheus="http://127.0.0.1:2", past="http://127.0.0.1:3",
        timezone="Asia/Tokyo",
    )  # fmt: skip
    password = server.password
    server.prepare()
    said = server.env or {}
    assert server.argv == [str(program), "server", "--homepath", str(tmp_path)]
    assert Path(said["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]).is_file()
    folders = {path.name for path in Path(said["GF_PATHS_PROVISIONING"]).iterdir() if list(path.iterdir())}
    assert {"datasources", "dashboards", "plugins", "alerting", "notifiers"} <= folders
    assert said["SALES_PROMETHEUS_URL"] == "http://127.0.0.1:2"
    assert said["GF_DATE_FORMATS_DEFAULT_TIMEZONE"] == "Asia/Tokyo"
    assert list(Path(said["SALES_DASHBOARDS"]).glob("*.json"))
    assert (server.password, len(password) > 20) == (password, True)
    assert (tmp_path / "g" / "password").stat().st_mode & 0o077 == 0
    assert (server.playlist().env or {})["GRAFANA_PASSWORD"] == password
