"""A digest: the numbers of a period that is over, as the exporter says them and the wall writes them; safe to mail."""

import re
from datetime import UTC, date, datetime, time
from html.parser import HTMLParser
from zoneinfo import ZoneInfo

import pytest

from metrics.catalogue import ANSWERS, TILES
from metrics.digest import period
from metrics.digest.asked import ExporterClient
from metrics.digest.page import page, subject
from metrics.digest.period import DigestKind
from metrics.digest.picture import PictureError, picture
from metrics.digest.plain import plain
from metrics.digest.told import told
from metrics.digest.wall import LANGUAGES, colours, words
from metrics.digest.written import NumberWriter, arrow
from metrics.errors import AskedError, AwayError
from metrics.exporter.http.server import create_app
from metrics.measure import key
from metrics.view import Field, Unanswered
from tests.support.asking import client_of
from tests.support.boards import board, exporter_of, manager, plan

TODAY = date(2026, 11, 18)
"""A Wednesday."""
NOW = datetime(2026, 11, 18, 8, 30, tzinfo=UTC).timestamp()
CALLS, WON, LOST = key("c", "inbound", "answered"), key("dx", "retail", "won"), key("dx", "retail", "lost")
AMOUNT = key("wa", "retail", "RUB")
MONEY = 10_000
HOSTILE = "<img src=x onerror=alert(1)>&\"'</td></table><script>"


def filled(name="Anna Berg"):
    """Forty days of two people; each day another number of calls."""
    shown = board(timezone="UTC")
    for back in range(40):
        bucket = ("d", TODAY.toordinal() - back)
        shown.put(
            bucket,
            {
                Field(0, "m-1", "north"): {CALLS: 10 + back, WON: 2, LOST: 1, AMOUNT: (back + 1) * 1000 * MONEY},
                Field(0, "m-2", "south"): {CALLS: 3, WON: 1, AMOUNT: 77 * MONEY, key("mc", "lost"): 2},
            },
        )
    references = {"a": manager("m-1", "north", name), "b": manager("m-2", "south", "Ольга")}
    references |= {"p": plan("company:", "2026-11", "2000000", currency="RUB")}
    shown.put_reference(references)
    return shown


@pytest.fixture
def asking():
    """The exporter's application behind the client that asks it."""
    exporter = exporter_of(filled(), NOW)
    return ExporterClient(client_of(create_app(exporter)), patience=0), exporter


def line(digest, name):
    return next(one for one in digest.lines if one.name == name)


def test_a_day_is_what_the_exporter_says_of_it(asking):
    """Value, day before, change, chart, leaders and misses of yesterday; today's events are not in it."""
    exporter, _ = asking
    yesterday = period.over(DigestKind.DAY, exporter.now().date())
    digest = told(exporter.facts(yesterday), "en", "http://wall")
    assert yesterday.first == date(2026, 11, 17)
    assert digest.title == "Tue 17 Nov 2026"
    calls = line(digest, "Calls")
    assert (calls.value, calls.before, calls.change.text) == ("14", "was 15", "▼ −7%")
    assert calls.facts == (("meetings", "–"), ("won", "3"))
    assert calls.course == tuple(13.0 + back for back in range(14, 0, -1))
    win = line(digest, "Win rate")
    assert (win.value, win.change) == ("75.0%", ("■ 0 pts", ""))
    assert [(one.label, one.text) for one in digest.chart[-2:]] == [("16 Nov", "₽3.08K"), ("17 Nov", "₽2.08K")]
    assert [(one.name, one.team, one.won, one.change.text, one.change.judged) for one in digest.leaders] == [
        ("Anna Berg", "north", "₽2.00K", "▼ −33%", "bad"), ("Ольга", "south", "₽77", "■ 0%", ""),
    ]  # fmt: skip
    assert dict(digest.missed)["lost"] == "2"
    month = digest.plans[0]
    done = sum((back + 1) * 1000 + 77 for back in range(1, 18))
    assert month.share == done / 2_000_000
    assert month.done == f"{NumberWriter('en', 'RUB').show(done, 'currency')} of ₽2.00M"


def test_a_week_and_a_team(asking):
    """The last whole week beside the one before; of a team its own numbers, and no other team's people."""
    exporter, _ = asking
    week = period.over(DigestKind.WEEK, exporter.now().date())
    assert (week.first, week.last) == (date(2026, 11, 9), date(2026, 11, 15))
    digest = told(exporter.facts(week, "south"), "ru", "http://wall")
    assert (digest.title, digest.scope) == ("9 ноя. – 15 ноя. 2026", "south")
    assert digest.compared == words("ru")["weekBefore"]
    assert line(digest, "Звонки").value == "21"
    assert [one.name for one in digest.leaders] == ["Ольга"]
    assert len(digest.chart) == 12
    assert digest.link == "http://wall/#level=team&id=south"
    assert digest.plans == ()


def test_what_is_withheld_or_unknown_is_no_digest(asking):
    """A team that nobody knows is refused by name; while the exporter withholds its numbers there is no digest."""
    exporter, running = asking
    with pytest.raises(AskedError, match="no team='nowhere'"):
        exporter.facts(period.over(DigestKind.DAY, TODAY), "nowhere")
    running.follower.heartbeats = {}
    with pytest.raises(AwayError, match="withholds"):
        exporter.facts(period.over(DigestKind.DAY, TODAY))


def test_an_exporter_that_is_away_is_waited_for(asking):
    """It asks again until the answer is there."""
    exporter, running = asking
    beats, asked = running.follower.heartbeats, []
    running.follower.heartbeats = {}

    def come_back(_):
        asked.append(1)
        running.follower.heartbeats = beats

    exporter._patience = 60
    exporter._client.event_hooks = {"response": [come_back]}
    assert exporter.now().date() == TODAY
    assert len(asked) == 2


class PageReader(HTMLParser):
    """Tags, attributes and text of a page."""

    def __init__(self):
        super().__init__()
        self.tags, self.attributes, self.text = set(), [], ""

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes += attrs

    def handle_data(self, data):
        self.text += data


def read(text):
    found = PageReader()
    found.feed(text)
    return found


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_page_holds_nothing_that_runs_or_is_fetched(language):
    """Inline styles alone, whatever people are called; the one address in it is the wall's."""
    shown = filled(HOSTILE)
    rows = [Unanswered("miss", HOSTILE, "call-1", "m-1", "north", int(NOW - 60) * 1_000_000)]
    shown.put_unanswered(0, rows)
    exporter = ExporterClient(client_of(create_app(exporter_of(shown, NOW))), patience=0)
    digest = told(exporter.facts(period.over(DigestKind.DAY, TODAY)), language, "http://wall")
    text = page(digest)
    found = read(text)
    assert HOSTILE in found.text
    assert found.tags <= {"html", "head", "meta", "title", "body", "table", "tr", "td", "div", "span", "a", "b"}
    assert [value for name, value in found.attributes if name in {"href", "src"}] == ["http://wall/"]
    assert not [name for name, _ in found.attributes if name.startswith("on")]
    assert "url(" not in text
    for one in (subject(digest), digest.title, *(each.name for each in digest.lines), *(p.name for p in digest.plans)):
        assert one in found.text
        assert one in plain(digest)


def test_the_walls_own_files_are_understood():
    """Both languages have the same words; every tile and colour that the wall has is read."""
    english, russian = (words(language) for language in LANGUAGES)
    assert english.keys() == russian.keys()
    assert all(isinstance(one, str) and one for said in (english, russian) for pair in said.items() for one in pair)
    assert len((*TILES, *ANSWERS)) == 17
    assert {one.name for tile in (*TILES, *ANSWERS) for one in tile.more if one.name} <= english.keys()
    assert {"bg", "panel", "line", "text", "soft", "accent", "on-accent", "good", "bad", "track"} <= colours().keys()
    for said in (english, russian):
        assert (len(said["months"].split()), len(said["weekdays"].split())) == (12, 7)


@pytest.mark.parametrize(
    ("kind", "now", "at", "first"),
    [
        ("day", "2026-11-18T07:59", "08:00", None),
        ("day", "2026-11-18T08:00", "08:00", "2026-11-17"),
        ("day", "2026-11-18T23:59", "08:00", "2026-11-17"),
        ("day", "2026-03-29T03:00", "02:30", "2026-03-28"),  # an hour that this day does not have
        ("week", "2026-11-16T07:00", "08:00", None),
        ("week", "2026-11-16T08:00", "08:00", "2026-11-09"),
        ("week", "2026-11-18T00:00", "08:00", "2026-11-09"),  # late is better than not at all
        ("week", "2027-01-04T09:00", "08:00", "2026-12-28"),
        ("day", "2027-01-01T00:00", "00:00", "2026-12-31"),
    ],
)
def test_what_is_due(kind, now, at, first):
    """The last period that is over, from the hour that is set on the day after it."""
    moment = datetime.fromisoformat(now).replace(tzinfo=ZoneInfo("Europe/Berlin"))
    found = period.due(DigestKind(kind), moment, time.fromisoformat(at))
    assert (None if found is None else found.first.isoformat()) == first


def test_a_period_that_runs_is_none():
    with pytest.raises(AskedError, match="is not over"):
        period.over(DigestKind.WEEK, TODAY, date(2026, 11, 16))
    assert period.over(DigestKind.WEEK, TODAY, date(2026, 11, 15)).last == date(2026, 11, 15)


@pytest.mark.parametrize(
    ("value", "unit", "english", "russian"),
    [
        (1_234_567, "currency", "₽1.23M", "1,23 млн ₽"),
        (4_500_000, "currency", "₽4.50M", "4,50 млн ₽"),
        (999_950, "currency", "₽1.00M", "1,00 млн ₽"),
        (98_348, "currency", "₽98.3K", "98,3 тыс. ₽"),
        (102_100, "currency", "₽102K", "102 тыс. ₽"),
        (-1234.5, "currency", "−₽1.23K", "−1,23 тыс. ₽"),
        (999.5, "currency", "₽1.00K", "1,00 тыс. ₽"),
        (999.4, "currency", "₽999", "999 ₽"),
        (0.5, "currency", "₽1", "1 ₽"),
        (1.23e13, "currency", "₽12.3T", "12,3 трлн ₽"),
        (0.12345, "percentunit", "12.3%", "12,3 %"),
        (0.5, "percentunit", "50.0%", "50,0 %"),
        (1.2345, "percentunit", "123.5%", "123,5 %"),
        (34.56, "percentunit", "3,456.0%", "3 456,0 %"),
        (0.05, "growth", "+5.0%", "+5,0 %"),
        (-0.1, "growth", "−10.0%", "−10,0 %"),
        (-0.0004, "growth", "0.0%", "0,0 %"),
        (8.04, "s", "8 s", "8 с"),
        (89.4, "s", "89 s", "89 с"),
        (95, "s", "1.6 min", "1,6 мин"),
        (1260, "s", "21.0 min", "21,0 мин"),
        (-7200, "s", "−2.0 h", "−2,0 ч"),
        (432_000, "s", "5.0 d", "5,0 дн"),
        (15.62, "d", "15.6 d", "15,6 дн"),
        (1234, "short", "1,234", "1 234"),
        (4.5, "mean", "4.50", "4,50"),
        (4.47, "mean", "4.47", "4,47"),
        (123_456, "short", "123,456", "123 456"),
        (12_345_678, "short", "12,345,678", "12 345 678"),
        (None, "currency", "–", "–"),
        (float("nan"), "s", "–", "–"),
    ],
)
def test_numbers_are_written_as_on_the_wall(value, unit, english, russian):
    """Rounded half away from zero, as browsers do; tests/browser holds them against the wall's own script."""
    assert NumberWriter("en", "RUB").show(value, unit) == english
    assert NumberWriter("ru", "RUB").show(value, unit).replace("\u00a0", " ") == russian


def test_changes():
    write = NumberWriter("en", "XYZ")
    assert [write.change(value) for value in (0.5, -0.033, 12.0, -11.0, 0.0)] == [
        "+50%",
        "−3%",
        ">+999%",
        "<−999%",
        "0%",
    ]
    assert [write.change(-0.033, 1), write.points(0.0312), write.points(0.0312, 1)] == ["−3.3%", "+3 pts", "+3.1 pts"]
    assert [arrow(value) for value in (0.1, -0.1, 0.004)] == ["▲", "▼", "■"]
    assert arrow(0.004, 1) == "▲"
    assert write.show(1234, "currency") == "XYZ\u00a01.23K"


def test_without_a_browser_it_says_so(monkeypatch, tmp_path):
    """No traceback: what is missing, and what it is called."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PictureError, match=r"no Chromium is installed \(package chromium\)"):
        picture("<body></body>")
    assert re.match(r"[a-z]", str(PictureError("the digest")))
