"""Call records as exchanges write them: what becomes of each line, and of each call."""

import json

import pytest
from pydantic import SecretStr

from producers.connectors.asterisk.cdr import Cdr
from producers.connectors.asterisk.config import AsteriskNames, Config
from producers.connectors.asterisk.queue_log import QueueLog
from producers.importer.source import SourceFile
from producers.importer.state import State

CONFIG = {
    "source": "pbx://spb",
    "timezone": "Europe/Moscow",
    "queues": {"sales": "north"},
    "agents": {"PJSIP/101": "m-1", "PJSIP/102": "m-2"},
    "inbound_contexts": ["from-trunk", "ext-group"],
}
TRUNK = "PJSIP/trunk-00000001"


def line(
    to,
    times,
    disposition,
    app="Dial",
    data="PJSIP/101,20",
    channel=TRUNK,
    context="from-trunk",
    src="79000000001",
    ids="",
):
    """A row of 16 columns and what `ids` adds; times are seconds after 15:00: start, answer or None, end."""
    start, answer, end = (f"2026-09-21 15:{t // 60:02}:{t % 60:02}" if t is not None else "" for t in times)
    said = ["", src, "600", context, "", channel, to, app, data, start, answer, end, "1", "1", disposition, "3"]
    return ",".join(f'"{cell}"' for cell in said) + f"{ids}\n"


def linked(uniqueid, linkedid="", sequence=1):
    return f',"{uniqueid}","","","{linkedid or uniqueid}",{sequence}'


LOCAL, GMT = linked("1789992000.1"), linked("1790002800.1")


@pytest.fixture
def read(tmp_path):
    """Reads files, one after the other as in one import; gives the data of the ends, the records and the notes."""

    def read(*texts, format_=Cdr, **config):
        reader = format_(AsteriskNames(Config.model_validate(CONFIG | config), SecretStr("a secret of this test")))
        ends, records = [], []
        for number, text in enumerate(texts):
            path = tmp_path / f"log.{number}"
            path.write_bytes(text if isinstance(text, bytes) else text.encode())
            records += reader.records(SourceFile(str(path)), State())
        made = [json.loads(value) for record in records for value in record.values]
        ends = [
            {**event["data"], "time": event["time"], "id": event["id"]} for event in made if "ended" in event["type"]
        ]
        return ends, records, reader.notes

    return read


def test_up_before_it_rang(read):
    """Where a greeting had answered, a leg that nobody took bears an answer all the same: it is none."""
    (end,), records, _ = read(
        line("PJSIP/101-00000002", (0, 0, 30), "NO ANSWER", data="PJSIP/101&PJSIP/102,60", ids=LOCAL)
        + line("", (30, 30, 31), "ANSWERED", "Hangup", "", ids=LOCAL)
    )
    assert (end["outcome"], end.get("manager_id"), end["time"]) == ("missed", None, "2026-09-21T12:00:31Z")
    assert not [record for record in records if record.left_out or record.problem]


def test_local_channel_optimised_away(read):
    """The answer is that of the Local channel, whose place the telephone takes."""
    (end,), _, _ = read(
        line("Local/ch1@delay-00000082;1", (0, 26, 26), "ANSWERED", ids=LOCAL)
        + line("Local/ch2@delay-00000083;1", (0, None, 26), "NO ANSWER", ids=LOCAL)
        + line("PJSIP/101-00000084", (26, 26, 146), "ANSWERED", ids=LOCAL)
    )
    assert (end["outcome"], end["manager_id"], end["answered_at"]) == ("answered", "m-1", "2026-09-21T12:00:26Z")


@pytest.mark.parametrize(("ids", "at"), [(LOCAL, "12:00:00"), (GMT, "15:00:00"), ("", "12:00:00")])
def test_clock_of_the_log(read, ids, at):
    """GMT is noticed by the epoch in the channel's id, and told; without ids times are local."""
    (end,), _, notes = read(line("PJSIP/101-1", (0, 7, 60), "ANSWERED", ids=ids))
    assert end["started_at"] == f"2026-09-21T{at}Z"
    assert any("GMT" in note for note in notes) is (at == "15:00:00")


def test_clocks_are_set_back(read):
    """In the hour that is there twice the channel's id says which of them it is; an end cannot lie before its begin."""
    text = line("PJSIP/101-1", (0, 7, 60), "ANSWERED", ids=linked("1761440400.5")).replace(
        "2026-09-21 15:", "2025-10-26 02:"
    )
    (end,), _, _ = read(text, timezone="Europe/Berlin")
    assert end["started_at"] == "2025-10-26T01:00:00Z"


def test_bytes_that_are_no_text(read):
    """They harm only what they are in."""
    good = line("PJSIP/101-1", (0, 7, 60), "ANSWERED", ids=LOCAL).encode()
    (end,), records, _ = read(
        good.replace(b',"",', b',"\xcf\xe5",', 1) + good.replace(b"PJSIP/trunk", b"PJSIP/t\xcfunk")
    )
    assert end["outcome"] == "answered"
    assert "channel: has bytes that are not text" in records[1].problem.detail


def test_without_ids_legs_of_a_channel_are_a_call(read):
    """Sixteen columns have no ids: legs of one channel that touch are one call, a later one is another."""
    ends, records, _ = read(
        line("PJSIP/101-1", (0, None, 20), "NO ANSWER")
        + line("PJSIP/102-2", (20, 24, 60), "ANSWERED")
        + line("PJSIP/102-3", (1200, 1204, 1260), "ANSWERED")
    )
    assert [(end["call_id"], end["outcome"], end["manager_id"]) for end in ends] == [
        (f"{TRUNK}@1789992000", "answered", "m-2"),
        (f"{TRUNK}@1789993200", "answered", "m-2"),
    ]
    assert len(records) == 3


@pytest.mark.parametrize("app", ["VoiceMail", "Playback", "BackGround", "Hangup"])
def test_a_machine_is_nobody(read, app):
    """Before Asterisk 12 the leg that ends in voicemail still names the telephone that had rung."""
    (end,), _, _ = read(line("PJSIP/101-00000026", (0, 20, 50), "ANSWERED", app, "101@default,u", ids=LOCAL))
    assert (end["outcome"], end["manager_id"]) == ("missed", "m-1")
    assert "answered_at" not in end


@pytest.mark.parametrize(("disposition", "outcome"), [("ANSWERED", "answered"), ("NO ANSWER", "missed")])
def test_sent_on_to_a_mobile(read, disposition, outcome):
    """A ring group may ring somebody outside: whoever takes it there has answered, and who rang out missed it."""
    (end,), _, _ = read(line("PJSIP/trunk-00000009", (0, 7, 60), disposition, data="PJSIP/7900@trunk,20", ids=LOCAL))
    assert end["outcome"] == outcome


def test_strangers_are_told(read):
    """Who takes calls and is not in the mapping is credited to nobody, and named."""
    (end,), _, notes = read(line("PJSIP/107-1", (0, 7, 60), "ANSWERED", ids=LOCAL))
    assert end["outcome"] == "answered"
    assert "manager_id" not in end
    assert "PJSIP/107 (1)" in notes[0]


@pytest.mark.parametrize("nothing", ["NULL", "\\N", ""])
def test_a_dump_of_the_table(read, nothing):
    """What a database writes for nothing is not a time, and no call that all legs belong to."""
    header = "calldate;src;dst;dcontext;channel;dstchannel;lastapp;lastdata;answer;end;disposition;uniqueid;linkedid"
    rows = [
        f"2026-09-21 15:0{n}:00;7900000000{n};101;from-trunk;{TRUNK};PJSIP/101-0000000{n};Dial;PJSIP/101,20;"
        f"{nothing};2026-09-21 15:0{n}:20;NO ANSWER;1789992{n}00.{n};{nothing}"
        for n in (1, 2)
    ]
    ends, records, _ = read("\n".join([header, *rows, ""]))
    assert [(end["outcome"], "answered_at" in end) for end in ends] == [("missed", False)] * 2
    assert not [record for record in records if record.problem]


@pytest.mark.parametrize(
    ("format_", "text", "said"),
    [
        (
            Cdr,
            "Date,Source,Ring Group,Destination,Src. Channel,Account Code,Dst. Channel,Status\n",
            "export the table cdr",
        ),
        (
            QueueLog,
            "1,2026-09-21 15:00:05,1789992004.1,sales,NONE,ENTERQUEUE,,79000000001,1\n",
            "id,time,callid,queuename",
        ),
    ],
)
def test_what_has_no_columns_says_what_to_do(read, format_, text, said):
    """A report of a web interface, and a table without its header, are refused with what to export instead."""
    _, (record, *_), _ = read(text, format_=format_)
    assert said in record.problem.detail


def test_withheld_numbers(read):
    """Who calls without a number is a client of this call alone."""
    ends, _, _ = read(
        "".join(line("PJSIP/101-1", (0, 7, 60), "ANSWERED", src=src, ids=LOCAL) for src in ("anonymous",))
    )
    assert ends[0]["client_id"] == "anonymous:1789992000.1"


def test_a_call_in_two_files(read):
    """Rotated in the middle of a call: the second file makes it whole, as a later version of the same call."""
    first, second, third = read(
        line("PJSIP/101-1", (0, 7, 60), "ANSWERED", ids=LOCAL),
        line("PJSIP/102-3", (60, 60, 90), "ANSWERED", ids=LOCAL),
        line(
            "", (0, 1, 90), "ANSWERED", "Playback", channel="Local/1@x-1;2", ids=linked("1789992001.9", "1789992000.1")
        ),
    )[0]
    assert first["call_id"] == second["call_id"] == third["call_id"]
    assert (second["manager_id"], second["answered_at"]) == ("m-1", "2026-09-21T12:00:07Z")
    assert (first["time"], first["id"]) < (second["time"], second["id"]) < (third["time"], third["id"])


def test_legs_that_lie_far_apart(read):
    """A file that is in no order of time is told what to do; nothing is told wrong."""
    middle = line("PJSIP/101-1", (0, 7, 60), "ANSWERED", ids=linked("1790265600.7")).replace("09-21", "09-24")
    ends, records, _ = read(
        line("PJSIP/101-1", (0, None, 20), "NO ANSWER", ids=LOCAL)
        + middle
        + line("PJSIP/102-2", (20, 24, 60), "ANSWERED", ids=LOCAL)
    )
    assert "sort the file by time" in records[2].problem.detail
    assert len(ends) == 2


def test_newest_first(read):
    """A report of the newest calls first is read as well."""
    days = [
        line("PJSIP/101-1", (0, 7, 60), "ANSWERED", ids=linked(f"{1789992000 + day * 86400}.{day}")).replace(
            "09-21", f"09-{21 + day}"
        )
        for day in (5, 3, 1, 0)
    ]
    assert len(read("".join(days))[0]) == 4


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("1,2,3\n", "are in none of the orders"),
        (line("x", (0, 0, 1), "GONE", ids=LOCAL), "in none of the orders"),
        (
            'calldate,src,dst,dcontext,channel,disposition\n"x","1","2","from-trunk","SIP/t-1","ANSWERED"\n',
            "'x' is not a time",
        ),
        ("calldate,src,disposition\n", "no column dst, dcontext, channel"),
        ('calldate,src,dst,dcontext,channel,disposition\n"2026-09-21 10:00:00","1"\n', "its header names more"),
        (
            'calldate,src,dst,dcontext,channel,disposition\n"2026-09-21 10:00:00","1","2","c","SIP/t-1","LOST"\n',
            "'LOST'",
        ),
        ('"open,2\n', "not a call record"),
    ],
)
def test_refused(read, text, why):
    """A line that cannot be read says why."""
    _, (record,), _ = read(text)
    assert why in record.problem.detail


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (
            line(
                "PJSIP/102-1",
                (0, 5, 60),
                "ANSWERED",
                channel="PJSIP/101-2",
                context="from-internal",
                src="101",
                ids=LOCAL,
            ),
            "inside the house",
        ),
        (
            line("PJSIP/109-1", (0, 5, 60), "ANSWERED", context="from-hell", ids=LOCAL),
            "the context from-hell is neither",
        ),
        (line("PJSIP/101-1", (0, 5, 60), "ANSWERED", "Queue", "sales,t", ids=LOCAL), "of a queue"),
        (
            line("PJSIP/101-1", (0, 5, 60), "ANSWERED", channel="Local/5@x-1;1", ids=LOCAL),
            "begun by the exchange itself",
        ),
    ],
)
def test_left_out(read, row, why):
    """A line that is no client's call says by which rule."""
    _, (record,), _ = read(row)
    assert why in record.left_out


def test_answered_before_a_queue(read):
    """Who was answered before a queue had the call is told from the records: the queue log does not know it."""
    (end,), _, _ = read(
        line("PJSIP/101-1", (0, 7, 60), "ANSWERED", ids=LOCAL)
        + line("PJSIP/102-2", (60, 60, 90), "ANSWERED", "Queue", "sales", ids=LOCAL)
    )
    assert (end["manager_id"], end["answered_at"]) == ("m-1", "2026-09-21T12:00:07Z")


TRANSFERRED = "1790000100|{0}|sales|NONE|ENTERQUEUE||79000000001|1\n1790000168|{0}|sales|PJSIP/101|{1}\n"


@pytest.mark.parametrize(
    "event",
    [
        "ATTENDEDTRANSFER|BRIDGE|3f0b1c52-aaaa|8|60|1",
        "ATTENDEDTRANSFER|APP|Playback|8|60|1",
        "ATTENDEDTRANSFER|LINK|Local/102@x-1;1|Local/102@x-1;2|8|60|1",
        "BLINDTRANSFER|102|from-internal|8|60|1",
        "TRANSFER|102|from-internal|8|60|1",
        "COMPLETEAGENT|8|60|1",
        "COMPLETECALLER|8|60",
    ],
)
def test_all_that_ends_a_talk(read, event):
    """Each says in its own place how long the caller was held and talked."""
    (end,), _, _ = read(TRANSFERRED.format("1790000100.10", event), format_=QueueLog)
    assert (end["outcome"], end["answered_at"], end["manager_id"]) == ("answered", "2026-09-21T14:15:08Z", "m-1")


def test_a_queue_log_in_two_files(read):
    """A call that began in the file before has its client and its wait."""
    (end,), _, notes = read(
        "1790002000|1790002000.70|sales|NONE|ENTERQUEUE||79000000006|1\n",
        "1790002025|1790002000.70|sales|NONE|ABANDON|1|1|25\n",
        format_=QueueLog,
    )
    assert (end["outcome"], end["started_at"]) == ("abandoned", "2026-09-21T14:46:40Z")
    assert end["client_id"].startswith("pbx-")
    assert notes == []


def test_a_queue_log_that_begins_in_the_middle_says_so(read):
    """Its client is not known, and what to do about it is said."""
    (end,), _, notes = read("1790002025|1790002000.70|sales|NONE|ABANDON|1|1|25\n", format_=QueueLog)
    assert end["client_id"] == "anonymous:1790002000.70"
    assert "import the earlier file in the same command" in notes[0]
