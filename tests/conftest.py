"""Fixtures of all tests: real servers once per session, and names that no two tests share."""

import itertools
import os
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.support.servers import Service, kafka_service, redis_service

settings.register_profile("dev", max_examples=50, deadline=None)
settings.register_profile(
    "ci", max_examples=100, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("slow", max_examples=5_000, deadline=None, suppress_health_check=list(HealthCheck))
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "dev"))

ROOT = Path(__file__).parent
_WITH_SERVERS = {"integration", "browser", "faults"}
_USED = pytest.StashKey[dict[str, Service]]()
_SAID = pytest.StashKey[set[str]]()


def pytest_configure(config: pytest.Config) -> None:
    # Settings of the person who runs the tests are not settings of the tests.
    for name in [name for name in os.environ if name.startswith("SALES_")]:
        del os.environ[name]
    config.stash[_USED] = {}
    config.stash[_SAID] = set()


def pytest_report_header() -> str:
    """In which form the fold is tested; nothing of ours is imported before the tests are."""
    from producers.compiled import FORM

    return f"hot modules: {FORM.told}"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Marks that follow from where a test lives.

    Coverage is measured where tests run in one process; in the others it would slow down real servers. A test of real
    servers has one more try, which the summary names (RERUN): a busy machine may keep any of them waiting.
    """
    for item in items:
        marked = {mark.name for mark in item.iter_markers()}
        if (_WITH_SERVERS & marked or _WITH_SERVERS & set(item.path.parts)) and "flaky" not in marked:
            item.add_marker(pytest.mark.flaky(reruns=1))
    if config.pluginmanager.hasplugin("_cov"):
        for item in items:
            if not item.path.is_relative_to(ROOT / "unit"):
                item.add_marker("no_cover")
    items[:] = _servers_from_the_start(items)


def _servers_from_the_start(items: list[pytest.Item]) -> list[pytest.Item]:
    """File by file, one that starts servers before two of the others: a file of two minutes must not begin last."""
    files: list[tuple[int, list[pytest.Item]]] = []
    seen = Counter[bool]()
    for path, of_file in itertools.groupby(items, key=lambda item: item.path):
        has_servers = bool(_WITH_SERVERS & set(path.parts))
        files.append((seen[has_servers] * (2 if has_servers else 1), list(of_file)))
        seen[has_servers] += 1
    files.sort(key=lambda file: file[0])
    return [item for _, of_file in files for item in of_file]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take over what a process of pytest-xdist says of its servers."""
    node.config.stash[_SAID].update(getattr(node, "workeroutput", {}).get("servers", ()))


def pytest_sessionfinish(session: pytest.Session) -> None:
    said = {f"{name}: {service.address} ({service.origin})" for name, service in session.config.stash[_USED].items()}
    session.config.stash[_SAID].update(said)
    if (output := getattr(session.config, "workeroutput", None)) is not None:
        output["servers"] = sorted(said)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say which servers the tests talked to."""
    for line in sorted(config.stash[_SAID]):
        terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def kafka(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Bootstrap servers of a real Kafka that all tests share: use `topic_prefix` and `app_id` in it."""
    with kafka_service(tmp_path_factory.mktemp("kafka")) as service:
        request.config.stash[_USED]["kafka"] = service
        yield service.address


@pytest.fixture(scope="session")
def redis_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of a real Redis that all tests share: use `app_id` in it, never flush it."""
    with redis_service(tmp_path_factory.mktemp("redis")) as service:
        request.config.stash[_USED]["redis"] = service
        yield service.address


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run in an empty folder: `.env` and `.local/stack.env` of the repository are no settings of the tests either."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def topic_prefix() -> str:
    """A topic prefix (SALES_TOPIC_PREFIX) that no other test has."""
    return f"test-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def app_id() -> str:
    """An application id (SALES_APP_ID) that no other test has: its own group, changelogs and Redis keys."""
    return f"test-{uuid.uuid4().hex[:12]}"
