"""The import of an exchange's logs as a command: its account, its order of files, its exit status, and misuse."""

import pytest
from typer.testing import CliRunner

from deploy.cli import build
from deploy.client_lists import import_lists
from deploy.errors import MisuseError

MAPPING = """\
source: pbx://spb
timezone: Europe/Moscow
queues: {sales: north}
agents: {PJSIP/101: m-1}
inbound_contexts: [from-trunk]
"""
HEAD = "calldate,src,dst,dcontext,channel,dstchannel,lastapp,lastdata,duration,billsec,disposition,uniqueid,linkedid\n"
CALLED = "2026-09-21 15:00:00,7900,600,from-trunk,SIP/t-1,PJSIP/101-2,Dial,x,60,50,ANSWERED,1789992000.1,1789992000.1\n"
RANG = "2026-09-21 15:00:00,7900,600,from-trunk,SIP/t-1,PJSIP/102-3,Dial,x,10,0,NO ANSWER,1789992000.1,1789992000.1\n"
INSIDE = (
    "2026-09-21 15:00:00,101,102,from-internal,PJSIP/101-7,PJSIP/102-8,Dial,x,9,5,ANSWERED,1789992000.9,1789992000.9\n"
)


@pytest.fixture
def command(tmp_path, monkeypatch):
    """Runs `import` with files of these texts; gives exit status and what was said."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SALES_ASTERISK_CLIENT_KEY", "a secret of this test")
    (tmp_path / "pbx.yaml").write_text(MAPPING)

    def run(kind, *arguments, **files):
        for name, text in files.items():
            (tmp_path / name).write_text(text)
        given = ["import", *files, "--format", kind, "--mapping", "pbx.yaml", *arguments]
        result = CliRunner().invoke(build(given), given)
        if isinstance(result.exception, MisuseError):  # what the program makes exit 2 of
            raise result.exception
        return result.exit_code, result.output

    return run


def test_each_line_has_its_account(command):
    """Legs that were put together, left out and refused add up to what was read; a refusal is exit 1."""
    code, said = command("asterisk-cdr", "--dry-run", Master=HEAD + CALLED + RANG + INSIDE + "2026,1\n")
    assert "4 lines read: 2 taken, 1 left out, 1 refused; 1 events" in said
    assert "left out: 1, inside the house" in said
    assert "line 5: the line has 2 cells, its header names more" in said
    assert code == 1


@pytest.mark.parametrize(("arguments", "code"), [((), 1), (("--allow-empty",), 0)])
def test_nothing_is_no_success(command, arguments, code):
    """No event of all lines is exit 1, unless it is allowed."""
    assert command("asterisk-cdr", "--dry-run", *arguments, Master=HEAD + INSIDE)[0] == code


def test_rotated_logs_in_one_command(command):
    """However rotated logs are named, a call that lies in two of them is one, with its client."""
    _, said = command(
        "asterisk-queue-log",
        "--dry-run",
        queue_log="1790002025|1790002000.70|sales|NONE|ABANDON|1|1|25\n",
        queue_log_1="1790002000|1790002000.70|sales|NONE|ENTERQUEUE||79000000006|1\n",
    )
    assert said.index("queue_log_1:") < said.index("queue_log:")
    assert "earlier file" not in said


@pytest.mark.parametrize(
    ("kind", "arguments", "files"),
    [
        ("csv", ["--follow"], {"a": ""}),
        ("asterisk-cdr", ["--follow", "--dry-run"], {"a": ""}),
        ("asterisk-cdr", ["--follow"], {"a": "", "b": ""}),
    ],
)
def test_follow_is_for_one_log(command, kind, arguments, files):
    """What cannot be followed is said before anything is done."""
    with pytest.raises(MisuseError, match="--follow takes one file"):
        command(kind, *arguments, **files)


def test_metrics_are_of_what_was_sent(command, tmp_path):
    """Where nothing is sent, or nothing that is an event, nothing is told."""
    with pytest.raises(MisuseError, match="sends nothing"):
        command("asterisk-cdr", "--dry-run", "--metrics", "a.prom", Master=HEAD + CALLED)
    (tmp_path / "clients.csv").write_text("client_id,phone\ncrm-1,89210000001\n")
    with pytest.raises(MisuseError, match="a client list makes none"):
        import_lists([str(tmp_path / "clients.csv")], tmp_path, tmp_path / "a.prom", dry_run=False)
    assert not (tmp_path / "a.prom").exists()
