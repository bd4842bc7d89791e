"""Audits of a floor on which events keep coming in, on real servers: all that is shown is compared, lies are found."""

import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from metrics.measure import key, parts
from metrics.view import decode_any, decode_part, encode_any, encode_part, split
from tests.laws.test_audited import Stack, stack

__all__ = ["stack"]

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]

_PARTS, _SERIES, _KPIS, _WALLS, _REFERENCE = (
    "parts", "series of the exporter", "KPIs of the JSON API", "numbers of walls", "reference records",
)  # fmt: skip
RUNS = 2


def _audit(stack: Stack) -> dict[str, Any]:
    done = stack.run("audit", "--json")
    report: dict[str, Any] = json.loads(done.stdout or "{}")
    assert report, done.stderr
    assert done.returncode == (0 if report["equal"] else 1)
    assert report["notes"] == []
    return report


def _announce(stack: Stack, name: str, field: bytes) -> None:
    stack.redis.xadd(stack.keys.changes, {"b": encode_any([(name, [field])])})


@contextmanager
def _lie(stack: Stack, name: str, field: bytes, value: bytes) -> Iterator[None]:
    """Let Redis, and so the exporter, hold another value for a while; then take it back in Redis alone."""
    true: Any = stack.redis.hget(name, field)
    stack.redis.hset(name, field, true[:16] + value)
    _announce(stack, name, field)
    yield
    stack.redis.hset(name, field, true)


def _part(stack: Stack, kind: str, wanted: Callable[[tuple[str, ...]], bool]) -> tuple[str, bytes, str, dict[str, int]]:
    """Hash and field of a part with a measure of a kind, that measure, and the part: of yesterday, else the latest."""
    names = [one.decode() for one in stack.redis.scan_iter(match=stack.keys.all_cells, count=1000)]
    buckets = {name: bucket for name in names if (bucket := stack.keys.bucket(name)) and bucket[0] == kind}
    days = sorted({bucket[1] for bucket in buckets.values()})
    chosen = days[-2:-1] if kind == "d" else days[::-1]
    for name in (name for day in chosen for name, bucket in sorted(buckets.items()) if bucket[1] == day):
        for field, value in sorted(stack.redis.hgetall(name).items()):
            part = decode_part(split(value)[1])
            for measure in sorted(part):
                if wanted(parts(measure)):
                    return name, field, measure, part
    raise AssertionError(f"nothing of it in {kind}")


@pytest.mark.slow
def test_a_living_floor_is_audited_whole(stack: Stack) -> None:
    """While a simulator sends 20 events a second: no difference, run after run, and every lie is told from the rest."""
    floor = ("--managers", "12", "--events-per-second", "20", "--backlog-days", "3")
    with stack.running("worker"), stack.running("exporter"):
        with stack.running("simulate", *floor):
            _until_it_moves(stack)
            records = []
            for _ in range(RUNS):
                report = _audit(stack)
                assert report["equal"], report["examples"]
                assert report["compared"][_SERIES] > 1000
                assert report["compared"][_KPIS] > 1000
                assert report["compared"][_WALLS] > 200
                records.append(report["records"])
            assert sorted(set(records)) == records
            assert len(records) == RUNS
            _stale_board(stack)
        # What is written meanwhile would mend the lies that follow.
        _wrong_part(stack)
        _wrong_hour(stack)
        _wrong_rate(stack)
        _wrong_age(stack)
        assert _audit(stack)["equal"]


def _until_it_moves(stack: Stack) -> None:
    deadline = time.monotonic() + 120
    seen: set[int] = set()
    while len(seen) < 5:
        assert time.monotonic() < deadline, (stack.folder / "simulate.log").read_text()[-2000:]
        seen.add(sum(stack.fences().values()))
        time.sleep(1)


def _stale_board(stack: Stack) -> None:
    """The view is right, and the exporter shows what was there before: only what is shown differs, also at `at`."""
    name, field, measure, part = _part(stack, "d", lambda one: one[0] == "c")
    with _lie(stack, name, field, encode_part({**part, measure: part[measure] + 7})):
        # An exporter that nobody asks fetches seldom.
        address = f"http://{stack.environment['SALES_EXPORTER_LISTEN']}/metrics"
        assert httpx.get(address, params={"settled": "true"}, timeout=60).status_code == httpx.codes.OK
    found = _audit(stack)["differences"]
    assert {_SERIES, _KPIS, _WALLS} <= found.keys()
    assert _PARTS not in found
    _announce(stack, name, field)


def _wrong_part(stack: Stack) -> None:
    """A part is changed: the view differs, and what is shown of it."""
    name, field, measure, part = _part(stack, "d", lambda one: one[0] == "c")
    with _lie(stack, name, field, encode_part({**part, measure: part[measure] + 1})):
        report = _audit(stack)
        assert report["differences"][_PARTS] == 1
        assert {_SERIES, _KPIS} <= report["differences"].keys()
    _announce(stack, name, field)


def _wrong_hour(stack: Stack) -> None:
    """An hour is changed: its day by hour differs, the KPIs of whole days do not."""
    name, field, measure, part = _part(stack, "h", lambda one: one == ("c", "inbound", "answered"))
    with _lie(stack, name, field, encode_part({**part, measure: part[measure] + 1})):
        report = _audit(stack)
    assert report["differences"][_PARTS] == 1
    assert re.search("sales_by_(weekday_)?hour", json.dumps(report["examples"]))
    _announce(stack, name, field)


def _wrong_rate(stack: Stack) -> None:
    """A rate is another than the topic says: money of that currency differs, too."""
    name = stack.keys.reference
    held = {field: decode_any(split(value)[1]) for field, value in stack.redis.hgetall(name).items()}
    latest: dict[bytes, bytes] = {}
    for field in sorted(field for field in held if field.startswith(b"rate:")):
        latest[field.split(b":")[1]] = field
    for field in latest.values():
        record = held[field]
        lie = {**record, "data": {**record["data"], "rate": "7777.5"}}
        with _lie(stack, name, field, encode_any(lie)):
            found = _audit(stack)["differences"]
            assert found[_REFERENCE] == 1
        _announce(stack, name, field)
        if _SERIES in found:
            return
    raise AssertionError("no rate moved anything that is shown")


def _wrong_age(stack: Stack) -> None:
    """What is owed lies in another age bucket: the receivables by age differ, their sum does not."""
    name, field, measure, part = _part(stack, "o", lambda one: one[0] == "rc")
    code, due, currency = parts(measure)
    moved = {one: value for one, value in part.items() if one != measure}
    moved[key(code, str(int(due) - 100), currency)] = part[measure]
    with _lie(stack, name, field, encode_part(moved)):
        report = _audit(stack)
    assert report["differences"][_PARTS] == 2
    assert "sales_receivable_amount" in json.dumps(report["examples"])
    _announce(stack, name, field)


def test_without_an_exporter(stack: Stack) -> None:
    """Without an exporter the audit says that nothing shown was compared."""
    with stack.running("worker"):
        _until_there(stack)
        done = stack.run("audit", "--json")
    assert json.loads(done.stdout)["notes"][0].startswith("no exporter answers at http://127.0.0.1:")


def _until_there(stack: Stack) -> None:
    deadline = time.monotonic() + 60
    while len(stack.fences()) < 3:
        assert time.monotonic() < deadline
        time.sleep(0.5)
