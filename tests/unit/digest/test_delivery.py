"""A digest arrives once, or somebody is told why not: over a real mail server and a real web server of chats."""

import json
import socketserver
from dataclasses import replace
from threading import Event

import httpx
import pytest
import structlog
from pydantic import ValidationError

from deploy.cli import explain
from deploy.commands.digest import _run as opened
from metrics.digest.chats import Slack, Telegram
from metrics.digest.delivery import LaterError, Message, RefusedError, UnsureError
from metrics.digest.mail import Mail
from metrics.digest.run import DigestRun, kept
from metrics.digest.sent import DONE, TRYING, Sent, held
from metrics.digest.settings import DigestSettings
from metrics.digest.told import Digest, DigestChange, DigestLine, Leader
from metrics.digest.wall import words
from metrics.errors import AskedError, AwayError, SendError
from producers.events.rules import ID_LENGTH
from tests.support.certificates import certificate
from tests.support.receivers import chats, mailbox, serving

TOKEN, PASSWORD = "123456:a-token-of-a-bot", "a-password"
ANNA = "anna@example.com"
PNG = b"\x89PNG\r\n\x1a\n"


def message(png=b"", people=1):
    """A small digest; names that chats would read as markup."""
    digest = Digest(
        language="en", title="Tue 17 Nov 2026", scope="A & <B>", compared="compared with the day before",
        lines=(DigestLine("Calls", "14", "was 15", DigestChange("▼ −6.7%", "bad"), (), (), is_now=False),),
        chart_title="Booked", chart=(), plans=(),
        leaders=(Leader("<!channel> & Ольга", "north", "₽77", DigestChange("")),) * people,
        missed=(("lost", "2"),), open=(), open_more=0, as_of="Numbers as of 08:00", link="http://wall/?a=1&b=2",
        words=words("en"),
    )  # fmt: skip
    return Message("day-2026-11-17", digest, "<html><body>Календарь</body></html>", png)


@pytest.fixture
def box():
    with mailbox() as found:
        yield found


@pytest.fixture
def room():
    with chats() as found:
        yield found


class Waits(Event):
    """Waits are asked for, and cost nothing. ends_at: it is asked to stop during that one."""

    def __init__(self, ends_at=None):
        super().__init__()
        self.waited, self._ends_at = [], ends_at

    def wait(self, timeout=None):
        self.waited.append(timeout)
        if len(self.waited) == self._ends_at:
            self.set()
        return self.is_set()


def settings(folder, box=None, room=None, **given):
    known = {"_env_file": None, "digest_dir": folder, "digest_from": "pulse@example.com"}
    if box:
        known |= {
            "digest_smtp": f"127.0.0.1:{box.port}", "digest_smtp_security": "none", "digest_smtp_user": "pulse",
            "digest_smtp_password": PASSWORD,
        }  # fmt: skip
    if room:
        known |= {
            "digest_slack_url": f"{room.url}/services/T0/B0/hidden", "digest_telegram_token": TOKEN,
            "digest_telegram_chat": "-100", "digest_telegram_api": room.url,
        }  # fmt: skip
    return DigestSettings(**known | given)


def test_a_mail_is_a_page_the_text_and_the_picture(box, tmp_path):
    """What mail programs show, whatever they can; the same digest has the same name."""
    way = Mail(settings(tmp_path, box), ANNA)
    way.send(message(PNG))
    way.send(message(PNG))
    first, second = box.letters
    assert (first["to"], first["from"]) == (ANNA, "pulse@example.com")
    assert first["subject"] == "Sales Pulse · A & <B> · Tue 17 Nov 2026"
    assert first["message-id"] == second["message-id"]
    assert "Calls: 14" in first.get_body(("plain",)).get_content()
    assert "Календарь" in first.get_body(("html",)).get_content()
    assert [one.get_content() for one in first.iter_attachments()] == [PNG]
    assert "AUTH" in box.verbs


@pytest.mark.parametrize(
    ("verb", "reply", "kind", "told"),
    [
        ("CONNECT", "421 busy", LaterError, "421 busy"),
        ("AUTH", "535 who are you", RefusedError, "535 who are you"),
        ("MAIL", "451 later", LaterError, "451 later"),
        ("RCPT", "550 no such user", RefusedError, "550 no such user"),
        ("RCPT", "450 greylisted", LaterError, "450 greylisted"),
        ("DATA", "554 spam", RefusedError, "554 spam"),
        ("EHLO", "250 test", RefusedError, "SMTP AUTH extension not supported"),
        ("EHLO", "250-test\r\n250 AUTH GSSAPI", RefusedError, "No suitable authentication method"),
        ("END", "", UnsureError, "without an answer"),
    ],
)
def test_what_a_mail_server_says(box, tmp_path, verb, reply, kind, told):
    """Tried again, given up or not known, as its answer has it; never with the password in the text."""
    box.says = {verb: [reply], "QUIT": [""]}
    with pytest.raises(kind, match=told) as caught:
        Mail(settings(tmp_path, box), ANNA).send(message())
    assert PASSWORD not in str(caught.value)


def test_a_mail_server_that_hangs_up_is_tried_again(box, tmp_path):
    """One that restarts, whether the way is encrypted or not; one that does not encrypt is refused."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), socketserver.BaseRequestHandler) as server, serving(server):
        where = f"127.0.0.1:{server.server_address[1]}"
        for security in ("tls", "starttls", "none"):
            with pytest.raises(LaterError, match="does not answer"):
                Mail(settings(tmp_path, box, digest_smtp=where, digest_smtp_security=security), ANNA).send(message())
    with pytest.raises(RefusedError, match="cannot be encrypted: WRONG_VERSION_NUMBER"):
        Mail(settings(tmp_path, box, digest_smtp_security="tls"), ANNA).send(message())


def test_how_a_mail_server_takes_leave_changes_nothing(box, tmp_path):
    """It has the letter: another try would be a second one."""
    for leave in ("", "554 odd"):
        box.says = {"QUIT": [leave]}
        Mail(settings(tmp_path, box), ANNA).send(message())
    assert len(box.letters) == 2


def test_a_password_goes_over_no_open_way(box, tmp_path):
    """A server without STARTTLS hears nothing of it unless the settings say so."""
    way = Mail(settings(tmp_path, box, digest_smtp_security="starttls"), ANNA)
    with pytest.raises(RefusedError, match=r"STARTTLS extension not supported.*SALES_DIGEST_SMTP_SECURITY"):
        way.send(message())
    assert "AUTH" not in box.verbs


def test_slack_gets_blocks(room, tmp_path):
    """As its documentation has them; what people are called is no markup."""
    with httpx.Client() as client:
        Slack(settings(tmp_path, room=room), client).send(message(people=200))
    path, kind, _ = room.got[0]
    assert (path, kind) == ("/services/T0/B0/hidden", "application/json")
    content = room.content()
    assert content["text"].startswith("Sales Pulse · A &amp; &lt;B&gt;")
    header, *sections, context = content["blocks"]
    assert header["text"] == {"type": "plain_text", "text": "Sales Pulse · A & <B> · Tue 17 Nov 2026", "emoji": False}
    assert len(sections) > 1
    assert all(0 < len(one["text"]["text"]) <= 3000 for one in sections)
    text = "\n".join(one["text"]["text"] for one in sections)
    assert "*14*" in text
    assert text.count("&lt;!channel&gt; &amp; Ольга") == 200
    assert "<!channel>" not in text
    assert "<http://wall/?a=1&amp;b=2|Open the wall>" in context["elements"][0]["text"]


def test_telegram_gets_the_picture_or_the_text(room, tmp_path):
    """A file with a caption where there is a picture, else as much text as a message takes."""
    with httpx.Client() as client:
        way = Telegram(settings(tmp_path, room=room), client)
        way.send(message(PNG))
        way.send(message(people=400))
    path, kind, body = room.got[0]
    assert path == f"/bot{TOKEN}/sendDocument"
    assert kind.startswith("multipart/form-data")
    assert PNG in body
    assert b'name="chat_id"\r\n\r\n-100\r\n' in body
    assert room.got[1][0] == f"/bot{TOKEN}/sendMessage"
    content = room.content(1)
    assert content["parse_mode"] == "HTML"
    assert len(content["text"]) <= 4096
    assert "&lt;!channel&gt; &amp; Ольга" in content["text"]
    assert content["text"].endswith('<a href="http://wall/?a=1&amp;b=2">Open the wall</a>')


def body(**content):
    return json.dumps(content).encode()


@pytest.mark.parametrize(
    ("way", "answer", "kind", "after"),
    [
        (Slack, (429, {"Retry-After": "30"}, b"rate_limited"), LaterError, 30),
        (Slack, (503, {}, b""), LaterError, 0),
        (Slack, (404, {}, b"no_service"), RefusedError, None),
        (Slack, (400, {}, b"invalid_blocks"), RefusedError, None),
        (Slack, None, UnsureError, None),
        (Telegram, (429, {}, body(ok=False, description="slow", parameters={"retry_after": 7})), LaterError, 7),
        (Telegram, (502, {}, b"<html>bad gateway"), LaterError, 0),
        (Telegram, (401, {}, body(ok=False, description="Unauthorized")), RefusedError, None),
        (Telegram, (200, {}, body(ok=False, description="odd")), RefusedError, None),
        (Telegram, (200, {}, b"[]"), RefusedError, None),
        (Telegram, (200, {}, b"[1]"), RefusedError, None),
        (Telegram, None, UnsureError, None),
    ],
)
def test_what_chats_say(room, tmp_path, way, answer, kind, after):
    """Tried again after the time that they name, given up or not known; the address never shows."""
    room.answers = [answer]
    with httpx.Client() as client, pytest.raises(kind) as caught:
        way(settings(tmp_path, room=room), client).send(message())
    assert not any(secret in str(caught.value) for secret in (TOKEN, "hidden", room.url))
    if after is not None:
        assert caught.value.after == after


def test_nobody_listens(room, tmp_path, box):
    """A connection that is refused is tried again: nothing has arrived."""
    nobody = settings(tmp_path, room=room).model_copy(update={"digest_telegram_api": "http://127.0.0.1:1"})
    with httpx.Client() as client, pytest.raises(LaterError, match="cannot be reached"):
        Telegram(nobody, client).send(message())
    with pytest.raises(LaterError, match="does not answer"):
        Mail(settings(tmp_path, box, digest_smtp="127.0.0.1:1"), ANNA).send(message())


def test_a_certificate_that_is_not_accepted_is_told_at_once(tmp_path, monkeypatch):
    """By whoever meets it: waiting does not help. Nobody is sent anything."""
    known = certificate(tmp_path, "exporter")
    with chats(known) as room:
        mail = {"digest_smtp": room.url[8:], "digest_smtp_security": "tls"}
        to = ("slack", "telegram", ANNA)
        given = settings(tmp_path, room=room, digest_to=to, digest_exporter=room.url, **mail)
        with opened(given) as run:
            run.exporter._stop = stop = Waits()
            with pytest.raises(AskedError, match=r"127.0.0.1:\d+: its certificate.*self-signed.*SSL_CERT_FILE"):
                run.exporter.now()
            for way in run.ways.values():
                with pytest.raises(RefusedError, match="its certificate is not accepted: self-signed certificate"):
                    way.send(message())
        assert (stop.waited, room.got, len(run.ways)) == ([], [], 3)
        monkeypatch.setenv("SSL_CERT_FILE", str(known.cert))
        with opened(given) as run:
            run.exporter._patience = 0
            with pytest.raises(AwayError, match="no exporter answers"):  # as this is none
                run.exporter.now()
            run.ways["slack"].send(message())
    assert len(room.got) == 1


def test_what_was_not_taken_is_sent_again_after_the_time_named(room, tmp_path):
    room.answers = [(429, {"Retry-After": "90"}, b""), (500, {}, b"")]
    stop, given = Waits(), settings(tmp_path, room=room)
    with httpx.Client() as client:
        run = DigestRun(given, None, {"slack": Slack(given, client)}, stop=stop)
        with held(tmp_path) as sent:
            run.deliver(sent, message(), ["slack"])
    assert len(room.got) == 3
    assert stop.waited[0] >= 90


def letters(folder, box, *to, **given):
    return DigestRun(settings(folder, box), None, {one: Mail(settings(folder, box), one) for one in to}, **given)


def test_nobody_waits_for_somebody_else(box, tmp_path):
    """An address that is not taken now is tried again once all others have been tried, and keeps nobody waiting."""
    box.refuses = {ANNA: ["450 greylisted"] * 3, "carl@example.com": ["450 greylisted"]}
    run = letters(tmp_path, box, ANNA, "bob@example.com", "carl@example.com", "dora@example.com", stop=Waits())
    with held(tmp_path) as sent:
        run.deliver(sent, message(), run.ways)
        assert run.missing(sent, Period) == []
    assert [one["to"].partition("@")[0] for one in box.letters] == ["bob", "dora", "carl", "anna"]
    assert len(run.stop.waited) == 3


def test_each_is_tried_again_when_it_said(box, room, tmp_path):
    """A chat that wants minutes gets them, and a mail beside it needs seconds."""
    room.answers = [(429, {"Retry-After": "200"}, b"")]
    box.refuses = {ANNA: ["450 greylisted"]}
    run = letters(tmp_path, box, ANNA, stop=Waits())
    with httpx.Client() as client, held(tmp_path) as sent:
        run.ways["slack"] = Slack(settings(tmp_path, room=room), client)
        run.deliver(sent, message(), ["slack", ANNA])
    assert (len(room.got), len(box.letters)) == (2, 1)
    assert run.stop.waited[0] < 5
    assert sum(run.stop.waited) >= 200


def test_asked_to_stop_it_waits_for_nobody(box, tmp_path):
    """Who was not taken, or not tried, is told, and gets it from the next run."""
    box.refuses = {ANNA: ["450 greylisted"] * 9}
    run = letters(tmp_path, box, ANNA, stop=Waits(ends_at=2))
    with held(tmp_path) as sent:
        with pytest.raises(SendError, match=rf"{ANNA}: the mail server says 450 greylisted"):
            run.deliver(sent, message(), run.ways)
        assert len(run.stop.waited) == 2
        assert box.verbs.count("RCPT") == 2
        with pytest.raises(SendError, match=f"{ANNA}: not tried, as it was asked to stop"):
            run.deliver(sent, message(), run.ways)
        assert run.missing(sent, Period) == [ANNA]


def test_what_is_refused_for_good_is_said_once(box, tmp_path):
    """By the process that stays; the next one, after something was set right, tries again."""
    box.refuses = {ANNA: ["550 no such user"]}
    run = letters(tmp_path, box, ANNA, patience=0)
    with held(tmp_path) as sent:
        with pytest.raises(SendError, match="550 no such user; it is not tried again by itself: set that right"):
            run.deliver(sent, message(), run.missing(sent, Period))
        assert run.missing(sent, Period) == []
        assert run.missing(sent, Period, "north") == [ANNA]
        assert letters(tmp_path, box, ANNA).missing(sent, Period) == [ANNA]
        sent.note(PERIOD_KEY, ANNA, TRYING)
        again = letters(tmp_path, box, ANNA)
        with structlog.testing.capture_logs() as said:
            assert again.missing(sent, Period) == again.missing(sent, Period) == []
        assert len(said) == 1


def running(folder, box, room, client, **ways):
    given = settings(folder, box, room)
    known = {ANNA: Mail(given, ANNA), "slack": Slack(given, client), "telegram": Telegram(given, client)}
    return DigestRun(given, None, known | ways, patience=0)


PERIOD_KEY = "day-2026-11-17"


class Period:
    name = PERIOD_KEY


def test_each_gets_it_once(room, box, tmp_path):
    """Who has got it gets no second one, after a restart either; who has not is tried again alone."""
    with httpx.Client() as client:
        run = running(tmp_path, box, room, client)
        room.answers = [(404, {}, b"no_service")]
        with held(tmp_path) as sent, pytest.raises(SendError, match="slack: Slack says 404"):
            run.deliver(sent, message(), run.missing(sent, Period))
        with held(tmp_path) as sent:
            run = running(tmp_path, box, room, client)
            assert run.missing(sent, Period) == ["slack"]
            run.deliver(sent, message(), ["slack"])
        with held(tmp_path) as sent:
            assert run.missing(sent, Period) == []
            assert run.missing(sent, Period, "north") == [ANNA, "slack", "telegram"]
    assert len(box.letters) == 1
    assert len(room.got) == 3


def test_what_may_have_arrived_is_not_sent_again(room, box, tmp_path):
    """Killed or cut off while it was under way: a person decides."""

    class Killed:
        def send(self, _):
            raise KeyboardInterrupt

    with httpx.Client() as client:
        run = running(tmp_path, box, room, client, telegram=Killed())
        room.answers = [None]
        with held(tmp_path) as sent, pytest.raises(SendError, match="may have arrived: --again"):
            run.deliver(sent, message(), ["slack"])
        with held(tmp_path) as sent, pytest.raises(KeyboardInterrupt):
            run.deliver(sent, message(), ["telegram"])
        with held(tmp_path) as sent:
            assert [sent.state(PERIOD_KEY, to) for to in run.ways] == ["", TRYING, TRYING]
            assert run.missing(sent, Period) == [ANNA]
    assert len(room.got) == 1


def test_the_memory_is_held_by_one_and_bounded(tmp_path):
    with held(tmp_path) as sent:
        with pytest.raises(SendError, match="another digest holds"), held(tmp_path):
            pass
        for number in range(3):
            sent.note(f"day-{number}", ANNA, DONE)
        sent.note("day-0", ANNA, "")
    assert [Sent(tmp_path).state(f"day-{number}", ANNA) for number in range(3)] == ["", DONE, DONE]
    (tmp_path / "sent.json").write_text("{")
    with pytest.raises(SendError, match=r"sent\.json cannot be read .* remove it"), held(tmp_path):
        pass


def test_files_lie_in_the_folder(tmp_path):
    """Whatever a team is called."""
    made = message(PNG)
    odd = Message("day-2026-11-17-../../a b", made.digest, made.page, PNG)
    assert [path.parent for path in kept(tmp_path / "new", odd)] == [tmp_path / "new"] * 2
    found = set()
    for letter in "aя漢\U00020000":
        for end in "bc":
            long = replace(made, key=f"day-2026-11-17-{letter * (ID_LENGTH - 1)}{end}")
            found.update(kept(tmp_path, long))
            Mail(settings(tmp_path), ANNA)._letter(long)
    assert len(found) == 16


def test_a_folder_that_takes_nothing_is_told(tmp_path):
    """One line with the file and the setting, wherever it is noticed."""
    (tmp_path / "file").write_text("")
    below = tmp_path / "file" / "digests"
    with pytest.raises(SendError, match=r"digests cannot be written: Not a directory; see SALES_DIGEST_DIR"):
        kept(below, message())
    with pytest.raises(SendError, match="SALES_DIGEST_DIR"), held(below):
        pass
    with held(tmp_path) as sent:
        (tmp_path / "sent.new").mkdir()
        with pytest.raises(SendError, match=r"sent\.new cannot be written: Is a directory"):
            sent.note("day-1", ANNA, DONE)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"digest_to": "slack"}, "SALES_DIGEST_TO has slack, which needs SALES_DIGEST_SLACK_URL"),
        ({"digest_to": "a@b.c"}, "SALES_DIGEST_TO has a@b.c, which needs SALES_DIGEST_SMTP"),
        ({"digest_to": "telegram", "digest_telegram_token": TOKEN}, "needs SALES_DIGEST_TELEGRAM_CHAT"),
        ({"digest_to": "https://hooks.example/hidden"}, "number 1 is not an e-mail address"),
        ({"digest_to": "a@b.c\r\nBcc: x@y.z"}, "number 1 is not an e-mail address"),
        ({"digest_slack_url": "hidden"}, "SALES_DIGEST_SLACK_URL: this is no"),
        ({"digest_telegram_token": "hidden"}, "SALES_DIGEST_TELEGRAM_TOKEN: this is not a token"),
        ({"digest_at": "08:00+03:00"}, "SALES_DIGEST_AT: this is a local time"),
        ({"public_url": "javascript:hidden"}, "SALES_PUBLIC_URL"),
    ],
)
def test_settings_that_are_wrong_are_named(tmp_path, given, told):
    """One line, the setting's name, what to do; no secret."""
    with pytest.raises(ValidationError) as caught:
        DigestSettings(_env_file=None, **{"digest_dir": tmp_path} | given)
    line, status = explain(caught.value)
    assert told in line
    assert status == 2
    assert "hidden" not in line


def test_secrets_do_not_show(room, box, tmp_path):
    shown = repr(settings(tmp_path, box, room, digest_to="telegram"))
    assert not any(secret in shown for secret in (TOKEN, PASSWORD, "hidden"))
