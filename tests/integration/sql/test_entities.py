"""The dashboard *Entities* on a real PostgreSQL, asked as Grafana asks it, as the role that may only read."""

import asyncio
import re
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml

from grafana.dashboards import dashboards
from grafana.generate import files
from grafana.look import Look
from grafana.provisioning import READER_PASSWORD
from tests.laws.logs import InMemoryLog
from tests.laws.mixtures import ANCHORS, KINDS, event
from tests.laws.replay import plain_rules
from tests.laws.test_explained import REFERENCES
from tests.support.copied import Copying, HeldIndex
from tests.support.grafana_schema import lost_in_the_schema
from tests.support.ledgers import Kept
from tests.support.postgres import PostgresServer

pytestmark = pytest.mark.integration
LOOK = Look(postgres="postgresql://db.example.com:5432/sales?sslmode=verify-full")
SOURCES = "deploy/grafana/provisioning/datasources/sales-pulse.yml"


def asked(query: str, chosen: dict[str, list[str]]) -> str:
    """A query with Grafana's macros and variables put in."""
    query = re.sub(r"\$__timeFilter\((\w+)\)", r"\1 BETWEEN '2020-01-01T00:00:00Z' AND '2040-01-01T00:00:00Z'", query)
    for name, values in chosen.items():
        quoted = ",".join("'" + value.replace("'", "''") + "'" for value in values)
        query = query.replace(f"${{{name}:sqlstring}}", quoted).replace(f"${name}", values[0])
    assert "$" not in query
    return query


def test_every_table_has_rows_of_who_is_chosen(postgres: PostgresServer, database: str, tmp_path: Path) -> None:
    board = dashboards(LOOK)["sales-entities"]
    log = InMemoryLog([event(n % len(KINDS), n % 50, n % 9, n * 13 % 900, n * 7919) for n in range(600)], 1, REFERENCES)
    held = HeldIndex(Kept(str(tmp_path), plain_rules(ZoneInfo("UTC")), 1, ANCHORS[-1].timestamp()))
    held.kept.read(log, 600)
    assert asyncio.run(Copying(held, postgres.url("sales", database), "writes").up())
    held.close()
    variables = {one["name"]: one for one in board["templating"]["list"]}
    with postgres.connect(database, "sales_reader", "reads") as reader:
        teams = [team for (team,) in reader.execute(variables["team"]["query"]).fetchall()]
        people = reader.execute(asked(variables["manager"]["query"], {"team": teams})).fetchall()
        assert "unknown" in teams
        assert ("A", "m-1") in people
        for manager in (None, "m-1"):
            chosen = {
                "family": ["sales_calls"],
                "team": teams,
                "manager": [one for _, one in people] if manager is None else [manager],
            }
            for panel in board["panels"]:
                (target,) = panel["targets"]
                found = reader.execute(asked(target["rawSql"], chosen))
                names = [column.name for column in found.description or ()]
                rows: list[Any] = found.fetchall()
                assert rows or manager, panel["title"]
                assert manager is None or {row[names.index("Manager")] for row in rows} <= {"A"}, panel["title"]


def test_it_is_there_where_the_tables_are() -> None:
    """With a data source of its own, whose password is a file; what is committed has neither."""
    assert "sales-entities" not in dashboards(Look())
    told = yaml.safe_load(files(LOOK)[SOURCES])["datasources"]
    assert [one["name"] for one in yaml.safe_load(files()[SOURCES])["datasources"]] == ["Sales Pulse", "Past"]
    tables = told[2]
    assert (tables["url"], tables["user"]) == ("db.example.com:5432", "sales_reader")
    assert tables["jsonData"] | {"database": "sales", "sslmode": "verify-full"} == tables["jsonData"]
    assert tables["secureJsonData"] == {"password": READER_PASSWORD}
    board = dashboards(LOOK)["sales-entities"]
    assert {panel["datasource"]["uid"] for panel in board["panels"]} == {tables["uid"]}
    assert not [one for one in lost_in_the_schema(board) if "rawSql" not in one]
