"""Both logs of an exchange are imported, in any order and again: the records, which know all legs, have the say."""

import itertools

import pytest
from pydantic import SecretStr

from producers.connectors.asterisk.cdr import Cdr
from producers.connectors.asterisk.config import AsteriskNames, Config
from producers.connectors.asterisk.queue_log import QueueLog
from producers.importer.check import check
from producers.importer.corrections import Corrections
from producers.importer.entities import item
from producers.importer.known import Known
from producers.importer.ready import ReadyEvent, ReadyMany
from producers.importer.source import SourceFile
from producers.importer.state import State
from tests.support.pbx import Exchange
from tests.support.pbx_calls import Play, Rung, Script
from tests.support.pbx_files import LAYOUTS, written

CONFIG = {"source": "pbx://spb", "timezone": "Europe/Moscow", "queue_calls": "records"}


def ready(value):
    checked = check(value, 1_900_000_000_000)
    return ReadyEvent(checked.key, value, item(checked.event))


@pytest.fixture
def imported(tmp_path):
    """Imports one of the logs of a call that rang a desk before it was in a queue; gives what became of its events."""
    pbx = Exchange(1_790_000_000)
    Play(pbx, Script("queue", (Rung(does="answers"),), greeted=True)).play()
    lines = "".join(f"{now}|{'|'.join(rest)}|{'|'.join(map(str, data))}\n" for now, *rest, data in pbx.queue_log)
    files = {Cdr: written(pbx.rows, LAYOUTS["21 columns"]), QueueLog: lines.encode()}

    def run(format_, agents=None):
        path = tmp_path / "log"
        path.write_bytes(files[format_])
        names = AsteriskNames(
            Config.model_validate(CONFIG | {"agents": agents or {}}), SecretStr("a secret of this test")
        )
        reader = format_(names)
        values = [value for record in reader.records(SourceFile(str(path)), State()) for value in record.values]
        with Known(tmp_path / "known.sqlite") as known:
            number = known.begin()
            corrections = Corrections(known, number, reader.origin)
            decided = corrections.decide(ReadyMany.of([ready(value) for value in values if b"ended" in value]))
            known.save(decided, number)
            counts = decided.counts
            while (settled := corrections.settle(100)) is not None:
                known.save(settled, number)
                counts += settled.counts
        return counts

    return run


@pytest.mark.parametrize("order", list(itertools.permutations([Cdr, QueueLog])))
def test_in_any_order(imported, order):
    """Whichever comes first, in the end the records stand, and importing either again changes nothing."""
    first, second = (imported(format_) for format_ in order)
    assert first.sent == 1
    assert (second.sent, second.elsewhere) == ((0, 1) if order[0] is Cdr else (1, 0))
    assert (imported(Cdr).known, imported(QueueLog).elsewhere) == (1, 1)


def test_an_agent_that_was_added(imported):
    """The mapping has one more agent: the call is corrected, though its time is the same."""
    assert imported(Cdr).sent == 1
    again = imported(Cdr, {"PJSIP/101": "m-1"})
    assert (again.sent, again.corrected) == (1, 1)
    assert imported(Cdr, {"PJSIP/101": "m-1"}).known == 1
