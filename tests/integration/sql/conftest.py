"""A real PostgreSQL that the tests of this folder share."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.postgres import PostgresServer, postgres_server

ROLES = Path(__file__).resolve().parents[3] / "deploy" / "containers" / "postgres" / "roles.sh"


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    with postgres_server() as server:
        _roles(server, tmp_path_factory.mktemp("secrets"))
        yield server


def _roles(server: PostgresServer, secrets: Path) -> None:
    """As in compose."""
    (secrets / "writer").write_text("writes\n")
    (secrets / "reader").write_text("reads\n")
    to = {"PGHOST": "127.0.0.1", "PGPORT": str(server.port), "PGPASSWORD": server.password}
    environment = os.environ | to | {"POSTGRES_USER": "admin", "SECRETS": str(secrets)}
    subprocess.run([ROLES], env=environment, check=True)


@pytest.fixture
def database(postgres: PostgresServer) -> str:
    """An empty database of `sales`."""
    with postgres.connect() as connection:
        number = connection.execute("SELECT count(*) FROM pg_database").fetchone()
        name = f"sales_{number[0]}" if number else ""
        connection.execute(f"CREATE DATABASE {name} OWNER sales")
    return name
