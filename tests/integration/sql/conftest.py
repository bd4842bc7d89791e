"""A real PostgreSQL that the tests of this folder share."""

from collections.abc import Iterator

import pytest

from tests.support.postgres import PostgresServer, postgres_server


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    with postgres_server() as server:
        server.do("CREATE ROLE sales LOGIN PASSWORD 'writes'", "CREATE ROLE sales_reader LOGIN PASSWORD 'reads'")
        yield server


@pytest.fixture
def database(postgres: PostgresServer) -> str:
    """An empty database of `sales`."""
    with postgres.connect() as connection:
        number = connection.execute("SELECT count(*) FROM pg_database").fetchone()
        name = f"sales_{number[0]}" if number else ""
        connection.execute(f"CREATE DATABASE {name} OWNER sales")
    return name
