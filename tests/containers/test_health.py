"""The health check of the image tells a well process from a sick one."""

import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest


class HealthAnswer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/healthz" else 503)
        self.end_headers()
        self.wfile.write(b"stalled")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in the library
        pass


@pytest.fixture
def address() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), HealthAnswer)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def ask(url: str | None) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-I", "-m", "deploy.containers.health"],
        env={"HEALTH_URL": url} if url else {}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout


def test_well(address: str) -> None:
    assert ask(f"{address}/healthz") == (0, "")


def test_sick(address: str) -> None:
    code, said = ask(f"{address}/sick")
    assert code == 1
    assert "503 stalled" in said


def test_gone() -> None:
    code, said = ask("http://127.0.0.1:1/healthz")
    assert code == 1
    assert "ConnectionRefusedError" in said


def test_nothing_to_ask() -> None:
    assert ask(None) == (0, "")
