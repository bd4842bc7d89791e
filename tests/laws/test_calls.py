"""Legs of calls, played on an exchange by Asterisk's documentation, come to what a person beside it would have said."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from itertools import product
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from producers.connectors.asterisk.cdr import Cdr
from producers.connectors.asterisk.config import AsteriskNames, Config
from producers.connectors.asterisk.events import stamp
from producers.connectors.asterisk.queue_log import QueueLog
from producers.importer.check import check
from producers.importer.source import SourceFile
from producers.importer.state import State
from tests.support.pbx import Exchange
from tests.support.pbx_calls import PEOPLE, Play, Rung, Script, Transfer
from tests.support.pbx_files import BARE, LAYOUTS, UNLINKED, before_twelve, written

BEGIN = 1_790_000_000
CONFIG = {
    "source": "pbx://case",
    "timezone": "Europe/Moscow",
    "agents": PEOPLE,
    "inbound_contexts": ["from-trunk"],
    "queue_calls": "records",
}
SECOND = "PJSIP/102"
GROUPS = (
    (Rung(does="answers", after=7), Rung(SECOND)),
    (Rung(does="ignores"), Rung(SECOND, does="answers", after=4)),
    (Rung(does="busy", after=1), Rung(SECOND, does="answers", after=4)),
    (Rung(does="ignores"), Rung(SECOND)),
    (Rung(does="busy", after=1), Rung(SECOND, does="busy", after=2)),
    (Rung(does="broken", after=0), Rung(SECOND, does="broken", after=0)),
    (Rung(does="busy", after=1), Rung(SECOND, does="ignores")),
    (Rung(does="answers", after=0),),
    (Rung(does="busy", after=0), Rung(SECOND, does="answers", after=0)),
    (Rung(does="ignores"), Rung(SECOND, does="answers", after=0)),
    (Rung(does="ignores"),),
)
TO = (Rung("PJSIP/103", does="answers"),)
TRANSFERS = (
    None,
    Transfer("blind", TO),
    Transfer("blind", (Rung("PJSIP/103"),)),
    Transfer("blind", (Rung("PJSIP/103", "local", "answers"),)),
    Transfer("blind", (Rung("PJSIP/103", "optimised", "answers"),), into="queue"),
    Transfer("blind", (Rung("PJSIP/103"),), into="queue"),
    Transfer("blind", into="voicemail"),
    Transfer("phone", TO),
    Transfer("phone", TO, linked=False),
    Transfer("phone", (Rung("PJSIP/103"),)),
    Transfer("features", TO),
    Transfer("features", (Rung("PJSIP/103"),)),
)
ASKING = tuple(transfer for transfer in TRANSFERS if transfer and transfer.how in {"phone", "features"})


def answering(script):
    return any(each.does == "answers" for each in script.rung)


def every():
    """Every way in, with everything that can become of it."""
    for way, rung, via, greeted in product(
        ("group", "queue", "turns"), GROUPS, ("device", "local", "optimised"), (False, True)
    ):
        script = Script(way, tuple(Rung(r.desk, via, r.does, r.after) for r in rung), greeted)
        if answering(script):
            for transfer, ends in product(TRANSFERS, ("caller", "agent")):
                yield Script(way, script.rung, greeted, transfer=transfer, ends=ends)
            for transfer in ASKING:
                yield Script(way, script.rung, greeted, transfer=transfer, lingers=True)
        else:
            for otherwise in ("hangup", "voicemail", "announcement"):
                yield Script(way, script.rung, greeted, otherwise=otherwise)
            if any(each.does == "ignores" for each in rung):
                yield Script(way, script.rung, greeted, impatient=True)
    for does, transfer, ends in product(
        ("answers", "ignores", "busy", "broken"), (None, Transfer("blind", TO)), ("caller", "agent")
    ):
        yield Script("outbound", (Rung(does=does),), transfer=transfer, ends=ends)
        yield Script("outbound", (Rung(does=does),), transfer=transfer, lingers=True)
    for does, otherwise in product(("answers", "ignores"), ("hangup", "voicemail")):
        yield Script("internal", (Rung(SECOND, does=does),), otherwise=otherwise)
    yield Script("menu")
    yield Script("feature")


class CallReader:
    """Reads files of records; gives the latest version of each call, and what became of each line."""

    def __init__(self, folder, **config):
        self.path = folder / "Master.csv"
        self.names = AsteriskNames(Config.model_validate(CONFIG | config), SecretStr("a secret of this test"))
        self.format = Cdr(self.names)

    def read(self, data):
        self.path.write_bytes(data)
        records = list(self.format.records(SourceFile(str(self.path)), State()))
        assert self.format.header + b"".join(record.raw for record in records) == data
        calls = {}
        for value in (value for record in records for value in record.values):
            made = check(value, (BEGIN + 10**9) * 1000) and json.loads(value)
            calls[made["data"]["call_id"]] = made
        return calls, records


def expected(names, told, greeted):
    """The event that the law wants, without what the legs cannot tell."""
    data = {
        "call_id": told.uniqueid,
        "client_id": names.client(told.number, told.uniqueid),
        "direction": told.direction,
        "outcome": told.outcome,
        "started_at": stamp(told.started),
    }
    if told.manager:
        data["manager_id"] = told.manager
    if told.answered is not None:
        data["answered_at"] = stamp(told.answered)
    return data, stamp(told.ended), greeted


def same(found, wanted):
    """Nothing is told otherwise than it was; only when a person answered may be open, where a menu had before."""
    data, ended, greeted = wanted
    got = dict(found["data"])
    if greeted and "answered_at" not in got and data["outcome"] == "answered":
        data = {key: value for key, value in data.items() if key != "answered_at"}
    assert got == data
    assert found["time"] == ended


@pytest.mark.parametrize("greeted", [False, True])
def test_every_combination(tmp_path, greeted):
    """Ring group, queue, transfer and hang-up in every combination: told as it was, and desk to desk not at all."""
    reader = CallReader(tmp_path, answers_first=greeted)
    pbx = Exchange(BEGIN)
    wanted, played = {}, 0
    for script in every():
        if script.greeted is not greeted and script.way not in {"internal", "outbound"}:
            continue
        played += 1
        told = Play(pbx, script).play()
        if told is not None:
            wanted[told.uniqueid] = (script, expected(reader.names, told, greeted or script.way == "menu"))
        pbx.wait(30)
    assert played > 400
    calls, records = reader.read(written(pbx.rows, LAYOUTS["21 columns"]))
    assert calls.keys() == wanted.keys()
    for name, (script, want) in wanted.items():
        try:
            same(calls[name], want)
        except AssertionError as error:
            error.add_note(repr(script))
            raise
    assert not [record for record in records if record.problem]


DESKS = st.builds(
    Rung,
    st.sampled_from(sorted(PEOPLE)),
    st.sampled_from(["device", "local", "optimised"]),
    st.sampled_from(["answers", "ignores", "busy", "broken"]),
    st.integers(0, 12),
)
RUNG = st.lists(DESKS, min_size=1, max_size=3, unique_by=lambda rung: rung.desk).map(tuple)
WAYS = ["desk", "group", "queue", "turns", "outbound", "internal", "menu", "feature"]


def scripts(*ways):
    return st.builds(
        Script,
        st.sampled_from(ways),
        RUNG,
        greeted=st.booleans(),
        impatient=st.booleans(),
        otherwise=st.sampled_from(["hangup", "voicemail", "announcement"]),
        transfer=st.sampled_from(TRANSFERS),
        ends=st.sampled_from(["caller", "agent"]),
        lingers=st.booleans(),
        number=st.sampled_from(["79000000001", "+7 900 000-00-02", "89000000003", "214943", "anonymous", ""]),
        trunk=st.sampled_from(["PJSIP/trunk", "SIP/211553"]),
    )


ANY = scripts(*WAYS)
QUIET = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@st.composite
def floors(draw, played=ANY, system=None):
    """Rows and lines of a floor where calls go on at the same time, in the order of their ends; and what was told."""
    system = draw(st.sampled_from(["", "pbx-1"])) if system is None else system
    rows, lines, told = [], [], []
    for number, script in enumerate(draw(st.lists(played, min_size=1, max_size=6))):
        if script.way == "outbound" and not script.number.lstrip("+").replace(" ", "").replace("-", "").isdigit():
            continue
        pbx = Exchange(BEGIN + draw(st.integers(0, 90)) * (number + 1), system, 1 + 100 * number)
        waits = any(each.does == "ignores" for each in script.rung)
        as_played = replace(script, impatient=script.impatient and waits)
        told.append((as_played, Play(pbx, as_played).play()))
        rows += pbx.rows
        lines += pbx.queue_log
    return sorted(rows, key=lambda row: row.end), sorted(lines, key=lambda line: line[0]), told


@QUIET
@given(
    floor=floors(),
    layout=st.sampled_from(sorted(LAYOUTS)),
    zone=st.sampled_from(["Europe/Moscow", None]),
    mixed=st.randoms(use_true_random=False),
    bad=st.booleans(),
)
def test_any_floor(tmp_path, floor, layout, zone, mixed, bad):
    """Whatever the columns, the clock and the order of rows: told is what was, and each line is accounted for."""
    rows, _, told = floor
    mixed.shuffle(rows)
    for greeted in (False, True):
        kept = {
            call.uniqueid: (script, call) for script, call in told if call is not None and _greeted(script) is greeted
        }
        reader = CallReader(tmp_path, answers_first=greeted)
        data = written(rows, LAYOUTS[layout], zone)
        if bad:
            data = data.replace(b" <", b"\xcf\xe5 <")
        calls, records = reader.read(data)
        assert len(records) == len(rows)
        assert all(record.left_out or not record.problem for record in records)
        for name, (_, call) in kept.items():
            want, ended, _ = expected(reader.names, call, greeted)
            same(calls[name], (want, ended, greeted))
        assert calls.keys() == {call.uniqueid for _, call in told if call is not None}


def _greeted(script):
    return script.way != "outbound" and (script.greeted or script.way == "menu")


PLAIN = st.builds(
    Script,
    st.sampled_from(["group", "outbound", "internal"]),
    RUNG.map(lambda rung: tuple(replace(each, via="device") for each in rung)),
    otherwise=st.sampled_from(["hangup", "voicemail"]),
    transfer=st.sampled_from(TRANSFERS[:3]),
    ends=st.sampled_from(["caller", "agent"]),
).filter(lambda script: script.way != "outbound" or script.transfer is None)


@QUIET
@given(floor=floors(PLAIN), layout=st.sampled_from(sorted(UNLINKED | BARE)))
def test_without_links(tmp_path, floor, layout):
    """Where legs name no call that they belong to, those of one channel are one: right for all that one channel saw."""
    rows, _, told = floor
    reader = CallReader(tmp_path)
    calls, records = reader.read(written(rows, (UNLINKED | BARE)[layout]))
    assert len(records) == len(rows)
    names = {row.uniqueid: f"{row.channel}@{min(r.start for r in rows if r.channel == row.channel)}" for row in rows}
    kept = [call for _, call in told if call is not None]
    for call in kept:
        name = names[call.uniqueid] if layout in BARE else call.uniqueid
        want, ended, _ = expected(reader.names, call, greeted=False)
        same(calls[name], (want | {"call_id": name}, ended, False))
    assert len(calls) == len(kept)


OLD = st.builds(
    Script,
    st.sampled_from(["desk", "group"]),
    RUNG.map(lambda rung: tuple(replace(each, via="device") for each in rung)),
    impatient=st.booleans(),
    otherwise=st.sampled_from(["hangup", "voicemail", "announcement"]),
)


@QUIET
@given(floor=floors(OLD), layout=st.sampled_from(sorted(UNLINKED)))
def test_one_record_a_call(tmp_path, floor, layout):
    """Before Asterisk 12 a call is one record, of what came last: whom a machine talked with has reached nobody."""
    rows, _, told = floor
    reader = CallReader(tmp_path, inbound_contexts=["from-trunk", "app-closed"])
    calls, _ = reader.read(written(before_twelve(rows), UNLINKED[layout]))
    assert calls.keys() == {call.uniqueid for _, call in told}
    for script, call in told:
        want, ended, _ = expected(reader.names, call, greeted=False)
        found = calls[call.uniqueid]
        if call.answered is None and script.otherwise != "hangup" and not script.impatient:
            want["outcome"] = "missed"  # the record does not say any more how the telephones failed,
            if len(script.rung) > 1:  # and names one of them
                found["data"].pop("manager_id", None)
        same(found, (want, ended, False))


QUEUED = scripts("queue", "turns")


def table(lines, zone):
    """The queue log as realtime writes it: five columns for data, what is more of it in the last."""
    text = "id,time,callid,queuename,agent,event,data1,data2,data3,data4,data5\n"
    for number, (now, *rest, data) in enumerate(lines):
        cells = [str(cell) for cell in data]
        cells = [*cells[:4], "|".join(cells[4:])] if len(cells) > 5 else [*cells, *[""] * (5 - len(cells))]
        time = datetime.fromtimestamp(now, ZoneInfo(zone) if zone else UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
        text += ",".join(f'"{cell}"' for cell in [number, time, *rest, *cells]) + "\n"
    return text


@QUIET
@given(floor=floors(QUEUED), form=st.sampled_from(["file", "Europe/Moscow", None]))
def test_any_queue(tmp_path, floor, form):
    """The queue log, a file or a table in either clock, says when each call came, who took it when, and its end."""
    _, lines, told = floor
    path = tmp_path / "queue_log"
    if form == "file":
        path.write_text("".join(f"{now}|{'|'.join(rest)}|{'|'.join(map(str, data))}\n" for now, *rest, data in lines))
    else:
        path.write_text(table(lines, form))
    names = AsteriskNames(
        Config.model_validate(CONFIG | {"queues": {"sales": "north"}}), SecretStr("a secret of this test")
    )
    records = list(QueueLog(names).records(SourceFile(str(path)), State()))
    assert len(records) == len(lines)
    assert not [record for record in records if record.problem]
    made = [json.loads(value) for record in records for value in record.values]
    for script, call in told:
        mine = [line for line in lines if line[1] == call.uniqueid]
        last = [
            each for each in made if each["type"] == "sales.call.ended.v1" and each["data"]["call_id"] == call.uniqueid
        ][-1]
        entered = mine[0][0]
        assert last["data"]["started_at"] == stamp(entered)
        assert last["time"] == stamp(mine[-1][0])
        assert last["data"]["client_id"] == names.client(call.number, call.uniqueid)
        outcome = "answered" if call.answered is not None else "abandoned" if script.impatient else "missed"
        assert last["data"]["outcome"] == outcome
        if call.answered is not None:
            assert last["data"]["answered_at"] == stamp(call.answered)
            assert last["data"]["manager_id"] == call.manager
