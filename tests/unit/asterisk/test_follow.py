"""A log that is followed: events go out as calls become known, refused lines are kept, and an end loses nothing."""

import asyncio
import json
from contextlib import suppress
from dataclasses import replace

import pytest
from pydantic import SecretStr

from producers.connectors.asterisk.cdr import Cdr
from producers.connectors.asterisk.config import AsteriskNames, Config
from producers.connectors.asterisk.follow import Follow, FollowMemory
from producers.connectors.asterisk.order import oldest_first
from producers.connectors.asterisk.queue_log import QueueLog
from producers.identities import InMemoryClaimsLog, Resolver
from producers.importer.rejects import Rejects
from producers.importer.source import SourceFile
from producers.importer.state import State
from tests.support.pbx import Exchange
from tests.support.pbx_calls import PEOPLE, Play, Rung, Script, Transfer
from tests.support.pbx_files import LAYOUTS, written

CONFIG = {
    "source": "pbx://spb",
    "timezone": "Europe/Moscow",
    "queues": {"sales": "north"},
    "agents": PEOPLE,
    "queue_calls": "records",
}
ANSWERS = Rung(does="answers")
SCRIPTS = [
    Script("queue", (ANSWERS, Rung("PJSIP/102"))),
    Script("turns", (Rung(), Rung("PJSIP/102")), impatient=True),
    Script("queue", (replace(ANSWERS, via="local"),), transfer=Transfer("phone", (Rung("PJSIP/102", does="answers"),))),
    Script("group", (ANSWERS, Rung("PJSIP/102", "local")), transfer=Transfer("blind", (ANSWERS,), into="queue")),
]


class Kafka:
    """Takes what is sent, until it is told to fail; knows the latest version of each call."""

    def __init__(self):
        self.events = []
        self.fails = False

    async def publish_many_raw(self, records, *, reference=False):
        assert not reference
        if self.fails:
            raise ConnectionError
        self.events += [json.loads(value) for _, value in records]

    def ends(self):
        latest = {}
        for event in self.events:
            call = event["data"]["call_id"]
            if "ended" in event["type"] and version(event) > version(latest.get(call)):
                latest[call] = event
        return {call: (event["data"], event["time"]) for call, event in latest.items()}


def version(event):
    return (event.get("sequence", ""), event["time"], event["id"]) if event else ("", "", "")


@pytest.fixture
def follow(tmp_path):
    """Follows tmp_path/log for as many looks as it is told, as a process that begins and ends."""
    kafka = Kafka()

    def run(format_, looks=1, resolver=None):
        left = [looks]

        def wanted():
            left[0] -= 1
            return left[0] >= 0

        names = AsteriskNames(Config.model_validate(CONFIG), SecretStr("a secret of this test"), resolver)
        memory = FollowMemory(tmp_path / "memory.json")
        job = Follow(
            tmp_path / "log",
            format_(names),
            kafka,
            Rejects(tmp_path / "rejects", memory.load().rejects),
            memory,
            now_ms=lambda: 1_900_000_000_000,
            wanted=wanted,
            say=said.append,
            seconds=0,
            identities=resolver,
            looked=lambda: seen.append((names.met.known, names.met.claimed)),
        )
        asyncio.run(job.run())
        return job

    said, seen = [], []
    run.kafka, run.said, run.seen = kafka, said, seen
    return run


def played(format_):
    """The lines of a floor in the order in which they come, and the ends of calls as an import gives them."""
    pbx = Exchange(1_790_000_000)
    for script in SCRIPTS * 3:
        Play(pbx, script).play()
        pbx.wait(3000)
    if format_ is Cdr:
        return written(pbx.rows, LAYOUTS["21 columns"]).splitlines(keepends=True)
    return [f"{now}|{'|'.join(rest)}|{'|'.join(map(str, data))}\n".encode() for now, *rest, data in pbx.queue_log]


@pytest.mark.parametrize("format_", [Cdr, QueueLog])
@pytest.mark.parametrize("step", [1, 3, 10_000])
@pytest.mark.parametrize("turned", [False, True])
def test_followed_as_imported(tmp_path, follow, format_, step, turned):
    """Line by line or at once, ended and begun again after each, rotated in the middle: what an import would say."""
    lines = played(format_)
    log = tmp_path / "log"
    for number, begin in enumerate(range(0, len(lines), step)):
        if turned and number % 4 == 3:
            log.rename(tmp_path / f"log.{number}")
        with log.open("ab") as file:
            file.writelines(lines[begin : begin + step])
        if number % 3:
            follow.kafka.fails = True
            with suppress(ConnectionError):
                follow(format_)
            follow.kafka.fails = False
        job = follow(format_)
    names = AsteriskNames(Config.model_validate(CONFIG), SecretStr("a secret of this test"))
    whole = tmp_path / "whole"
    whole.write_bytes(b"".join(lines))
    imported = Kafka()
    imported.events = [json.loads(v) for r in format_(names).records(SourceFile(str(whole)), State()) for v in r.values]
    assert follow.kafka.ends() == imported.ends()
    assert (job.come.taken + job.come.left_out, job.come.refused) == (len(lines), 0)
    assert follow.said == []


@pytest.mark.parametrize("format_", [Cdr, QueueLog])
@pytest.mark.parametrize("step", [1, 3, 10_000])
def test_each_call_meets_its_client_once(tmp_path, follow, format_, step):
    """However many lines a call has, and however often it begins again: one call counts once, known or new."""
    lines = played(format_)
    claims = InMemoryClaimsLog()
    for begin in range(0, len(lines), step):
        with (tmp_path / "log").open("ab") as file:
            file.writelines(lines[begin : begin + step])
        resolver = Resolver(claims, b"a secret of this test", "RU")
        asyncio.run(resolver.start())
        follow(format_, resolver=resolver)
    calls = {event["data"]["call_id"] for event in follow.kafka.events}
    known, new = map(sum, zip(*follow.seen, strict=True))
    assert known + new == len(calls)
    if step == 1:  # all are of one number, of which nobody knew but the first time
        assert new == 1


def test_refused_lines_are_kept_once(tmp_path, follow):
    """A line that cannot be read lies in the rejects once, however often it begins again."""
    (tmp_path / "log").write_bytes(b"1790000000|1.1|sales|NONE|ENTERQUEUE||79000000001|1\nno line of a log\n")
    for _ in range(3):
        job = follow(QueueLog)
    assert (tmp_path / "rejects").read_bytes() == b"no line of a log\n"
    assert (job.come.taken, job.come.refused) == (1, 1)


def test_a_lost_file_is_told(tmp_path, follow):
    """The log was removed while nobody followed it."""
    log = tmp_path / "log"
    log.write_bytes(b"1790000000|1.1|sales|NONE|ENTERQUEUE||79000000001|1\n")
    follow(QueueLog)
    log.write_bytes(b"1790000025|1.1|sales|NONE|ABANDON|1|1|25\n")
    job = follow(QueueLog, looks=2)
    assert "is not beside it any more" in follow.said[0]
    assert job.come.taken == 2


def test_files_in_any_order(tmp_path):
    """Rotated files are read from the oldest on, however their names sort."""
    names = ["queue_log", "queue_log.1", "queue_log.2"]
    for number, name in enumerate(names):
        (tmp_path / name).write_text(f"{1790000000 - number * 1000}|NONE|NONE|NONE|QUEUESTART|\n")
    ordered = oldest_first([SourceFile(str(tmp_path / name)) for name in names])
    assert [source.path.name for source in ordered] == names[::-1]
