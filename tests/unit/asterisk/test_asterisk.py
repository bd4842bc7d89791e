"""Lines as a PBX writes them become calls with the time that callers really waited, and without their numbers."""

import json
from zoneinfo import ZoneInfo

import pytest
from pydantic import SecretStr

from producers.connectors.asterisk.cdr import Cdr
from producers.connectors.asterisk.config import TEMPLATE, AsteriskNames, Config, load_config
from producers.connectors.asterisk.queue_log import QueueLog
from producers.events import wire
from producers.importer.check import check
from producers.importer.errors import MappingProblem
from producers.importer.source import SourceFile
from producers.importer.state import State
from streams.plain import PlainCalendar, PlainRules, recompute

UTC = ZoneInfo("UTC")
RULES = PlainRules(UTC, PlainCalendar(UTC))
NOW_MS = 1_795_435_200_000  # 2026-11-23 12:00 UTC
CONFIG = Config.model_validate(
    {
        "source": "pbx://spb",
        "timezone": "Europe/Moscow",
        "queues": {"sales": "north", "late": "south"},
        "agents": {"PJSIP/101": "m-1", "SIP/102": {"manager": "m-2", "team": "keys"}},
    }
)
ANSWERED = """\
1795424400|NONE|NONE|NONE|QUEUESTART|
1795424410|1795424405.17|sales|NONE|ENTERQUEUE||+7 (921) 555-01-02|1
1795424420|1795424405.17|sales|SIP/102|RINGNOANSWER|10000
1795424428|1795424405.17|sales|PJSIP/101|CONNECT|18|1795424421.18|7
1795424528|1795424405.17|sales|PJSIP/101|COMPLETECALLER|18|100|1
"""
ABANDONED = """\
1795424410|1.1|sales|NONE|ENTERQUEUE||89215550102|1
1795424415|1.1|sales|SIP/102|RINGNOANSWER|5000
1795424455|1.1|sales|NONE|ABANDON|1|1|45
"""
MOVED_ON = """\
1795424410|2.1|sales|NONE|ENTERQUEUE||anonymous|1
1795424440|2.1|sales|NONE|EXITWITHTIMEOUT|1|1|30
1795424441|2.1|late|NONE|ENTERQUEUE||anonymous|1
1795424450|2.1|late|Local/7@x|CONNECT|9|2.2|3
1795424480|2.1|late|Local/7@x|COMPLETEAGENT|9|30|1
"""
HALF = "1795424528|9.9|sales|PJSIP/101|COMPLETEAGENT|18|100|1\n"
OTHER = "1795424410|3.1|support|NONE|ENTERQUEUE||89215550102|1\n"


@pytest.fixture
def events(tmp_path):
    """Read a log; give its events, each of which the contract takes."""

    def read(text, format_):
        path = tmp_path / "log"
        path.write_text(text)
        records = list(
            format_(AsteriskNames(CONFIG, SecretStr("a secret of this test"))).records(SourceFile(str(path)), State())
        )
        assert b"".join(record.raw for record in records).decode() == text
        for record in records:
            for value in record.values:
                check(value, NOW_MS)
        return [json.loads(value) for record in records for value in record.values], records

    return read


def test_answered(events):
    """A call is started, answered and ended; its wait is from the queue to the manager."""
    (started, answered, ended), _ = events(ANSWERED, QueueLog)
    assert started["data"]["direction"] == "inbound"
    assert answered["data"]["manager_id"] == "m-1"
    assert ended["data"]["started_at"] == "2026-11-23T09:00:10Z"
    assert ended["data"]["answered_at"] == "2026-11-23T09:00:28Z"
    assert ended["time"] == "2026-11-23T09:02:08Z"
    assert ended["data"]["team_id"] == "north"
    assert len({e["data"]["client_id"] for e in (started, answered, ended)}) == 1


def test_no_number_leaves_the_adapter(events):
    """However a number is written, it is one opaque client."""
    one, _ = events(ANSWERED, QueueLog)
    two, _ = events(ABANDONED, QueueLog)
    assert one[0]["data"]["client_id"] == two[0]["data"]["client_id"]
    assert "5550102" not in json.dumps([one, two])


def test_abandoned_is_credited_to_whose_telephone_rang(events):
    """A caller who gives up was missed by the manager that it rang at last."""
    (_, ended), _ = events(ABANDONED, QueueLog)
    assert ended["data"]["outcome"] == "abandoned"
    assert ended["data"]["manager_id"] == "m-2"
    assert ended["data"]["team_id"] == "keys"


def test_from_queue_to_queue_is_one_call(events):
    """A caller sent on waits from the first queue on; the last end is the one that counts."""
    made, _ = events(MOVED_ON, QueueLog)
    ends = [e for e in made if e["type"] == "sales.call.ended.v1"]
    assert [e["data"]["outcome"] for e in ends] == ["missed", "answered"]
    assert {e["data"]["call_id"] for e in made} == {"2.1"}
    assert ends[1]["data"]["started_at"] == "2026-11-23T09:00:10Z"
    assert ends[1]["time"] > ends[0]["time"]
    assert "manager_id" not in ends[1]["data"]


def test_log_that_begins_in_the_middle(events):
    """What the first lines would have said follows from the durations of the last one."""
    (ended,), _ = events(HALF, QueueLog)
    assert ended["data"]["started_at"] == "2026-11-23T09:00:10Z"
    assert ended["data"]["answered_at"] == "2026-11-23T09:00:28Z"


def test_other_queues_are_left_out(events):
    """Queues that the configuration does not name are not the sales department's."""
    assert events(OTHER, QueueLog)[0] == []


@pytest.mark.parametrize(
    "line", ["no log\n", "x|1|sales|NONE|ABANDON|1|1|4\n", "1795424455|1|sales|NONE|ABANDON|1|1|x\n"]
)
def test_bad_lines_are_refused(events, line):
    """A line that cannot be read is kept with its reason."""
    _, (record,) = events(line, QueueLog)
    assert record.problem is not None


def cdr(context, src, dst, channel, to, app, disposition, answer='"2026-11-23 12:00:12"'):
    return (
        f'"","{src}","{dst}","{context}","""Client"" <{src}>","{channel}","{to}","{app}","x","2026-11-23 12:00:00",'
        f'{answer},"2026-11-23 12:03:00",180,168,"{disposition}","DOCUMENTATION","1795424400.5",""\n'
    )


@pytest.mark.parametrize(
    ("line", "direction", "outcome", "manager"),
    [
        (cdr("from-trunk", "79215550102", "100", "SIP/t-1", "PJSIP/101-0000001f", "Dial", "ANSWERED"),
         "inbound", "answered", "m-1"),
        (cdr("from-trunk", "79215550102", "100", "SIP/t-1", "SIP/102-0000001f", "Dial", "NO ANSWER", ""),
         "inbound", "missed", "m-2"),
        (cdr("from-trunk", "79215550102", "100", "SIP/t-1", "", "Playback", "NO ANSWER", ""),
         "inbound", "abandoned", None),
        (cdr("from-internal", "101", "89215550102", "PJSIP/101-00000020", "SIP/t-2", "Dial", "BUSY", ""),
         "outbound", "busy", "m-1"),
    ],
)  # fmt: skip
def test_call_records(events, line, direction, outcome, manager):
    """A direct call has its direction, outcome, manager, and the times of the local clock."""
    (ended,), _ = events(line, Cdr)
    data = ended["data"]
    assert (data["direction"], data["outcome"], data.get("manager_id")) == (direction, outcome, manager)
    assert data["started_at"] == "2026-11-23T09:00:00Z"
    assert ended["time"] == "2026-11-23T09:03:00Z"
    assert data.get("answered_at") == ("2026-11-23T09:00:12Z" if outcome == "answered" else None)


@pytest.mark.parametrize(
    ("disposition", "what"),
    [
        ("ANSWERED", "called_back"),
        ("NO ANSWER", "called_back"),
        ("BUSY", "called_back"),
        ("FAILED", "lost"),
    ],
)
def test_who_gave_up_is_called_back(events, disposition, what):
    """Both logs tell of one client: an attempt from a desk, by records, returns who gave up, by the queue log."""
    back = cdr("from-internal", "101", "9215550102", "PJSIP/101-00000020", "SIP/t-2", "Dial", disposition, "")
    told = [*events(ABANDONED, QueueLog)[0], *events(back.replace("12:00:00", "12:01:30"), Cdr)[0]]
    plain = recompute([wire.decode(json.dumps(one).encode()) for one in told], RULES)
    counted = {(one.code, one.labels, one.manager) for one in plain.contributions() if one.code in {"mc", "cb", "ct"}}
    missed = {("mc", (what,), "m-2")}
    assert counted == missed | ({("cb", (), "m-1"), ("ct", (), "m-2")} if what == "called_back" else set())


def test_queue_calls_are_not_counted_twice(events):
    """A call record of a queue is left to the queue log; a call inside the house is nobody's."""
    queued = cdr("from-trunk", "79215550102", "600", "SIP/t-1", "PJSIP/101-1", "Queue", "ANSWERED")
    inside = cdr("features", "101", "102", "PJSIP/101-1", "SIP/102-1", "Dial", "ANSWERED")
    assert events(queued + inside, Cdr)[0] == []


def test_the_secret_is_asked_for(tmp_path, monkeypatch):
    """Without a secret there would be numbers that can be guessed."""
    path = tmp_path / "a.yaml"
    path.write_text("source: pbx://x\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SALES_ASTERISK_CLIENT_KEY", raising=False)
    monkeypatch.delenv("SALES_IDENTITY_KEY", raising=False)
    with pytest.raises(MappingProblem, match="SALES_IDENTITY_KEY"):
        load_config(path)
    monkeypatch.setenv("SALES_ASTERISK_CLIENT_KEY", "0123456789abcdef")
    assert load_config(path).config.source == "pbx://x"
    path.write_text("source: pbx://x\nagents: {a: {boss: 1}}\n")
    with pytest.raises(MappingProblem, match="agents"):
        load_config(path)


def test_the_template_can_be_used(tmp_path, monkeypatch):
    """What `import --template` prints for a PBX is a mapping; a mistake in it says what to do."""
    monkeypatch.setenv("SALES_ASTERISK_CLIENT_KEY", "a long and random key")
    path = tmp_path / "pbx.yaml"
    path.write_text(TEMPLATE)
    assert load_config(path).who("PJSIP/101", "sales") == {"manager_id": "m-1", "team_id": "north"}
    path.write_text(TEMPLATE.replace("queues:", "queue:"))
    with pytest.raises(MappingProblem, match="queue: is not known here; check its spelling or remove it"):
        load_config(path)


@pytest.mark.parametrize("answer", ["", "NULL", "0000-00-00 00:00:00", "2026-09-21 15:00:07"])
def test_an_answer_by_what_is_billed(events, answer):
    """A table that has no moment of the answer says how long people talked."""
    line = (
        '"","+79215550102","100","from-trunk","","PJSIP/trunk-1","PJSIP/101-2","Dial","","2026-09-21 15:00:00",'
        f'"{answer}","2026-09-21 15:01:07",67,60,"ANSWERED","DOCUMENTATION","1789992000.1",""\n'
    )
    (ended,), _ = events(line, Cdr)
    assert (ended["data"]["outcome"], ended["data"]["answered_at"]) == ("answered", "2026-09-21T12:00:07Z")
