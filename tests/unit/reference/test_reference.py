"""A reference file is right as a whole or not sent at all, and only what differs is sent."""

import re
from datetime import UTC, datetime

import pytest

from deploy.commands.reference import _calendar_problem
from producers.events.intake import check_reference
from producers.events.wire import decode_reference
from producers.reference.diff import changes
from producers.reference.errors import ReferenceProblem
from producers.reference.file import read, records
from producers.reference.template import TEMPLATE
from tests.support.folding import LogRecord

WHOLE = re.sub(r"(?m)^# (?=calendar:|  )", "", TEMPLATE)
"""The template with its calendar."""
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def parsed(text):
    return records(read(text, "r.yaml", lambda _: None))


def applied(text, held, now=NOW):
    """Apply a file to what is held; return what was sent."""
    sent = {change.key: change.event(now) for change in changes(parsed(text), held)}
    held |= {key: decode_reference(value) for key, value in sent.items()}
    return sent


def test_template_is_right():
    """The template makes records that the contract takes, under their keys."""
    sent = applied(TEMPLATE, {})
    assert len(sent) == 15
    for key, value in sent.items():
        check_reference(LogRecord(0, key.encode(), value, int(NOW.timestamp() * 1000)))


def test_template_applies_as_printed():
    """It needs no setting; its calendar is there to be taken in, and is one then."""
    assert read(TEMPLATE, "t.yaml", _calendar_problem).calendar is None
    found = read(WHOLE, "t.yaml", _calendar_problem).calendar
    assert set(found) == {"hours", "holidays", "days"}


def test_twice_changes_nothing():
    """Applying a file again sends nothing, also when a number is written otherwise."""
    held = {}
    assert applied(TEMPLATE, held)
    assert not applied(TEMPLATE, held)
    assert not applied(TEMPLATE.replace("3000000", "3000000.00").replace("92.41", "92.410"), held)


def test_only_changes_are_sent_and_they_win():
    """A change is one record, of a greater version than the one before, there and back again."""
    held = {}
    applied(TEMPLATE, held)
    before = held["manager:m-2"]
    there = applied(TEMPLATE.replace("Daniel Novak", "Dan Novak"), held)
    assert list(there) == ["manager:m-2"]
    assert held["manager:m-2"].time > before.time
    back = applied(TEMPLATE, held)
    assert list(back) == ["manager:m-2"]
    ids = {before.id, decode_reference(there["manager:m-2"]).id, decode_reference(back["manager:m-2"]).id}
    assert len(ids) == 3


def test_a_sequence_of_another_source_is_kept():
    """A record that came with a sequence is superseded under the same one: an absent one would lose."""
    held = {}
    applied(TEMPLATE, held)
    key = "rate:EUR:2026-11-01"
    other = applied(TEMPLATE, {})[key].replace(b'"source"', b'"sequence":"0007","source"').replace(b"99.8", b"98.1")
    held[key] = decode_reference(other)
    sent = applied(TEMPLATE, held)
    assert decode_reference(sent[key]).sequence == "0007"
    assert held[key].time > decode_reference(other).time


def test_the_diff_is_for_people():
    """A new record is one line with a plus, a changed field one with both values."""
    held = {}
    (first, *_) = changes(parsed(TEMPLATE), held)
    assert list(first.lines()) == ["+ manager:m-1: name Anna Sokolova, team_id north, active True"]
    applied(TEMPLATE, held)
    (change,) = changes(parsed(TEMPLATE.replace("92.41", "92.5")), held)
    assert list(change.lines()) == ["~ rate:USD:2026-11-01: rate 92.41 → 92.5"]
    (change,) = changes(parsed(TEMPLATE.replace('offer: "Offer sent", won: "Won"', 'won: "Sold"')), held)
    assert list(change.lines()) == [
        "~ pipeline:deal:main: stages New (new), Offer sent (offer), Won (won) → New (new), Sold (won)"
    ]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("team: north}", "team: nort}", "r.yaml:7: managers.0.team: 'nort' is not among `teams`"),
        ("id: m-3", "id: m-2", "r.yaml:9: managers.2.id: 'm-2' is there twice"),
        ("m-1: 1800000", "m-9: 1800000", "r.yaml:17: plans.0.managers.m-9: 'm-9' is not among `managers`"),
        ("north: 1800000", "west: 1800000", "r.yaml:16: plans.0.teams.west: no manager"),
        ("company: 3000000", "company: lots", "r.yaml:15: plans.0.company: is not an amount"),
        ("99.8", "-1", "r.yaml:24: rates.EUR.2026-11-01: is not a rate"),
        ("- measure: won_amount", "- measure: wins", "r.yaml:12: plans.0.measure:"),
        ("id: leads, of: lead", "id: main", "pipelines.1.id: 'main' is there twice"),
        ("  EUR:", "  USD:", "rates.USD: stands here twice"),
        ("managers:\n", "mangers:\n", "mangers: is not known here; check its spelling"),
    ],
)
def test_mistakes_are_named_with_their_line(old, new, said):
    """Each mistake has its file, line and place."""
    with pytest.raises(ReferenceProblem) as problem:
        parsed(TEMPLATE.replace(old, new, 1))
    assert said in str(problem.value)


def test_all_mistakes_at_once():
    """A person mends everything in one go; the calendar's mistakes are among them."""
    text = WHOLE.replace("99.8", "x").replace("2026-Q4", "2026-Q5")
    with pytest.raises(ReferenceProblem) as problem:
        read(text, "r.yaml", lambda _: "no working day")
    assert len(str(problem.value).splitlines()) == 3


def test_not_yaml():
    """A file that is not YAML says where."""
    with pytest.raises(ReferenceProblem, match=r"is not YAML.*line 1"):
        parsed("managers: [")
