"""A real PostgreSQL on loopback, in a folder of its own, as a user who is not root: it would refuse to start."""

import os
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from deploy.stack.ports import free_port

_DEBIAN = Path("/usr/lib/postgresql")
_NOBODY = 65_534


def _binary(name: str) -> str:
    """Path of a program of PostgreSQL: Debian keeps them apart."""
    found = shutil.which(name) or max(map(str, _DEBIAN.glob(f"*/bin/{name}")), default=None)
    return found or pytest.fail(f"{name} is not installed: Debian's postgresql, which deploy/check installs")


@dataclass
class PostgresServer:
    """A server that can be stopped and started again. admin: superuser of it."""

    folder: Path
    port: int
    password: str
    process: "subprocess.Popen[bytes] | None" = None

    def url(self, user: str = "admin", database: str = "postgres") -> str:
        """Address without a password."""
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}"

    def connect(self, database: str = "postgres", user: str = "admin", password: str = "") -> "psycopg.Connection[Any]":
        """As the superuser, or somebody else."""
        return psycopg.connect(
            self.url(user, database), password=password or self.password, autocommit=True, connect_timeout=10
        )

    def do(self, *statements: str, database: str = "postgres") -> None:
        """Have statements done by the superuser."""
        with self.connect(database) as connection:
            for statement in statements:
                connection.execute(statement)

    def start(self) -> None:
        """Start, and wait until it answers."""
        command = [_binary("postgres"), "-D", str(self.folder / "data"), "-p", str(self.port), "-k", str(self.folder)]
        settings = ["listen_addresses=127.0.0.1", "fsync=off", "shared_buffers=32MB", "log_min_messages=warning"]
        command += [part for setting in settings for part in ("-c", setting)]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, **_as_nobody())
        deadline = time.monotonic() + 60
        while True:
            try:
                self.connect().close()
            except psycopg.OperationalError:
                assert time.monotonic() < deadline, (self.folder / "log").read_text()
                time.sleep(0.05)
            else:
                return

    def stop(self) -> None:
        """Stop at once."""
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(3)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process = None


def _as_nobody() -> dict[str, Any]:
    return {"user": _NOBODY, "group": _NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}


@contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """Make a cluster, start it, and leave nothing of it."""
    initdb, password = _binary("initdb"), secrets.token_hex(16)
    with tempfile.TemporaryDirectory(prefix="sales-pulse-postgres-", ignore_cleanup_errors=True) as made:
        folder = Path(made)
        (folder / "password").write_text(password)
        if os.geteuid() == 0:
            for one in (folder, folder / "password"):
                os.chown(one, _NOBODY, _NOBODY)
        options = ["--no-sync", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--username=admin"]
        command = [initdb, "-D", str(folder / "data"), *options, f"--pwfile={folder / 'password'}"]
        made_it = subprocess.run(command, capture_output=True, text=True, check=False, **_as_nobody())
        assert made_it.returncode == 0, made_it.stderr
        server = PostgresServer(folder, free_port(), password)
        server.start()
        try:
            yield server
        finally:
            server.stop()
