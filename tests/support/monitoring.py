"""Real Prometheus and Alertmanager with the generated configuration unchanged, and a page that they scrape."""

import json
import re
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

from deploy.stack.http import answers_ok
from deploy.stack.ports import free_port
from deploy.stack.program import Program
from grafana.generate import files
from grafana.look import Look
from metrics.family import LIVE

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "grafana" / "out" / "rules"


def binary(*names: str) -> str:
    """Path of an installed program, whichever name it has here; the test fails where there is none."""
    for name in names:
        if found := shutil.which(name):
            return found
    pytest.fail(
        f"{names[0]} is not installed: Debian's prometheus and prometheus-alertmanager, which deploy/check installs"
    )


@contextmanager
def serving(page: Callable[[], bytes], received: list[dict[str, object]] | None = None) -> Iterator[str]:
    """host:port of a page at any path; what is posted to it, as JSON, goes into `received`.

    Who asks for some windows gets their lines alone, as from the exporter: those without one are of LIVE.
    """

    class PageHandler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = parse_qs(urlsplit(self.path).query).get("window")
            body = _of_windows(page(), wanted) if wanted else page()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if received is not None:
                received.append(json.loads(body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Tests say what went wrong themselves."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), PageHandler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def running(program: Program, url: str, seconds: float = 30) -> Iterator[str]:
    """Start a program, wait until it is ready, stop it at the end."""
    program.start_process()
    try:
        program.wait_until(lambda: answers_ok(f"{url}/-/ready"), timeout=seconds)
        yield url
    finally:
        program.stop()


def _of_windows(page: bytes, wanted: Sequence[str]) -> bytes:
    """The lines of a page that are of some windows."""
    found = (line for line in page.splitlines(keepends=True) if not line.startswith(b"#"))
    return b"".join(line for line in found if _window(line) in wanted)


def _window(line: bytes) -> str:
    parsed = re.search(rb'window="(\w+)"', line)
    return parsed[1].decode() if parsed else LIVE


def aim(folder: Path, targets: Mapping[str, str | Sequence[str]]) -> None:
    """Say where jobs find their targets from now on: scrape job → host:port, or several."""
    for job, addresses in targets.items():
        one = [addresses] if isinstance(addresses, str) else list(addresses)
        (folder / "targets" / f"{job}.json").write_text(json.dumps([{"targets": one, "labels": {}}]))


@contextmanager
def prometheus(
    folder: Path,
    targets: Mapping[str, str | Sequence[str]],
    look: Look | None = None,
    *,
    every: str = "",
    relabelled: bool = True,
) -> Iterator[str]:
    """URL of a Prometheus with the generated prometheus.yml and rules; in the same folder it goes on with its data.

    look: whose alerts are generated, where that is not the default one.
    every: evaluates all groups so often, for tests that need each rule once and would wait for minutes.
    relabelled: False scrapes as somebody does who wrote a configuration of his own.
    """
    (folder / "targets").mkdir(parents=True, exist_ok=True)
    config = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text())
    if not relabelled:
        for job in config["scrape_configs"]:
            job.pop("relabel_configs", None)
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    shutil.copytree(RULES, folder / "rules", dirs_exist_ok=True)
    if look is not None:
        (folder / "rules" / "alerts.yml").write_bytes(files(look)["grafana/out/rules/alerts.yml"])
    if every:
        for file in (folder / "rules").glob("*.yml"):
            file.write_text(re.sub(r"^(\s+interval:) \w+$", rf"\1 {every}", file.read_text(), flags=re.MULTILINE))
    aim(folder, targets)
    port = free_port()
    argv = [
        binary("prometheus"),
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=warn",
    ]
    with running(Program("prometheus", argv, log=folder / "log"), f"http://127.0.0.1:{port}") as url:
        yield url


@contextmanager
def alertmanager(folder: Path, config: Path) -> Iterator[str]:
    """URL of an Alertmanager with a configuration file."""
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    argv = [
        binary("alertmanager", "prometheus-alertmanager"),
        f"--config.file={config}",
        f"--storage.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
        "--log.level=warn",
    ]
    with running(Program("alertmanager", argv, log=folder / "log"), f"http://127.0.0.1:{port}") as url:
        yield url
