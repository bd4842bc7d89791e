"""What `sales-pulse import --metrics` counts is what it goes on from: nothing twice, nothing never."""

from functools import partial

import pytest
from prometheus_client.parser import text_string_to_metric_families

from deploy.commands.import_ import Withdraw, _import
from producers.errors import KafkaUnavailable
from producers.importer.formats import JsonLines
from producers.importer.known import Known
from producers.importer.run import Import
from producers.importer.series import EVENTS, LINES
from producers.importer.source import SourceFile
from tests.unit.importer.test_import import InMemoryPublisher, meeting


class Publisher(InMemoryPublisher):
    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        pass


def counted(path):
    samples = [one for family in text_string_to_metric_families(path.read_text()) for one in family.samples]
    lines = sum(one.value for one in samples if one.name == f"{LINES}_total")
    return lines, sum(one.value for one in samples if one.name == f"{EVENTS}_total")


@pytest.mark.parametrize("fails_at", range(1, 8))
async def test_an_import_that_ends_by_an_error(tmp_path, monkeypatch, fails_at):
    """Wherever Kafka goes: lines that are kept are counted by then, the others when they are read again."""
    path, told = tmp_path / "a.jsonl", tmp_path / "sales.prom"
    path.write_bytes(b"\n".join(b"bad" if number == 4 else meeting(number) for number in range(20)))

    async def nothing(*_):
        pass

    monkeypatch.setattr("producers.importer.log.catch_up", nothing)
    monkeypatch.setattr("producers.importer.known.Known", partial(Known, gathered=5))
    monkeypatch.setattr("producers.importer.run.Import", partial(Import, batch=3))

    async def run(publisher):
        monkeypatch.setattr("producers.publisher.SalesPublisher", lambda _: publisher)
        return await _import(
            [SourceFile(str(path))], JsonLines, tmp_path, "", Withdraw(None, done=False), ("jsonl", told)
        )

    with pytest.raises(KafkaUnavailable):
        await run(Publisher(fails_at))
    before = counted(told)
    assert before[0] % 3 == 0
    assert (before[0] > 0) == (fails_at > 2)
    await run(Publisher())
    assert counted(told) == (20, 19)
