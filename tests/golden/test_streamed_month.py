"""The hand-written month, through the worker's fold and the exporter's board: the text that Prometheus reads."""

from fractions import Fraction

from prometheus_client.parser import text_string_to_metric_families

from metrics.calendar import load
from metrics.exporter.board import Board
from metrics.settings import BusinessSettings
from metrics.view import decode_part, parse_field
from streams.fold.rules import Rules
from streams.plain.series import PlainSeries, series
from streams.state.partition import Partition
from tests.golden import month
from tests.laws.replay import Rec
from tests.support.boards import exposition

SETTINGS = BusinessSettings(
    timezone="Europe/Moscow", currency="RUB", calendar=month.CALENDAR, ready_stages=("CONTRACT",)
)


def _board() -> Board:
    rules = Rules(month.ZONE, load(month.CALENDAR, month.ZONE), ready_stages=frozenset({"CONTRACT"}))
    partition = Partition(0, 1, rules)
    events = zip(month.event_lines(), month.events(), strict=True)
    partition.fold([Rec(offset, event.key.encode(), value) for offset, (value, event) in enumerate(events)])
    board = Board(SETTINGS)
    for update in partition.everything():
        for bucket, fields in update.cells.items():
            board.put(bucket, {parse_field(raw): decode_part(part or b"\x80") for raw, part in fields.items()})
        if update.waiting is not None:
            board.put_waiting(0, update.waiting)
        if update.unanswered is not None:
            board.put_unanswered(0, update.unanswered)
    board.put_reference({key: {"type": type_, "data": data} for key, type_, data in month.winning_references()})
    return board


def test_the_exporter_shows_every_number_worked_out_by_hand() -> None:
    """Text of the month's series: all of month.txt and no other; 0 may be absent."""
    text = exposition(_board(), month.NOW / 10**6).decode()
    expected = month.expected()
    found: dict[PlainSeries, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            one = series(sample.name, sample.labels)
            if sample.value and (month.is_told(one) or one in expected):
                found[one] = sample.value
    assert found == {one: float(value) for one, value in expected.items() if value != Fraction()}
