"""Boards with something on them, for tests of the exporter."""

from hypothesis import strategies as st
from redis.asyncio import Redis

from metrics.exporter.board import Board
from metrics.exporter.exposition.packed import unpack
from metrics.exporter.feed.follow import ViewFollower
from metrics.exporter.held.parts import Bucket
from metrics.exporter.http.server import Exporter
from metrics.measure import key
from metrics.settings import BusinessSettings, ExporterSettings
from metrics.view import VERSION, Field, Waiting

RESPONSE_BINS = 20
DURATION_BINS = 16


def board(**settings) -> Board:
    """An empty board that reads no settings from files or the environment."""
    return Board(BusinessSettings(_env_file=None, **settings))


def exporter_of(shown: Board, now: float) -> Exporter:
    """An exporter with one vouched-for partition. Redis is not asked: the follower does not run."""
    follower = ViewFollower(shown, Redis(), "test", lambda: now)
    follower.loaded = True
    follower.heartbeats = {0: {"at": now * 1000, "contact": now * 1000, "count": 1, "version": VERSION}}
    return Exporter(ExporterSettings(_env_file=None), shown, follower, lambda: now)


def exposition(board: Board, now: float) -> bytes:
    """What a scrape at a moment is told, unpacked."""
    return b"".join(unpack(one.deflated) for one in board.packed(now))


def parts_of(board: Board, bucket: Bucket) -> dict[Field, dict[str, int]]:
    """The parts held of a bucket, by measure."""
    held = board._parts
    return {
        field: {held.items.all[number].measure: value for number, value in row.items()}
        for field, row in held._rows(bucket, -1, "")
    }


MANAGERS = ("m-1", "m-2", 'quote"and\\slash', "unknown")
TEAMS = ("", "north", "south")
CURRENCIES = ("RUB", "USD", "EUR")

_labels = st.sampled_from(["retail", "b2b"])
_currency = st.sampled_from(CURRENCIES)
windowed_measures = st.one_of(
    st.builds(
        lambda d, o: key("c", d, o), st.sampled_from(["inbound", "outbound"]), st.sampled_from(["answered", "missed"])
    ),
    st.just(key("m")),
    st.builds(
        lambda c, b: key("r", c, "first", b),
        st.sampled_from(["call", "chat"]),
        st.sampled_from([*map(str, range(RESPONSE_BINS)), "s"]),
    ),
    st.builds(lambda p, b: key("dd", p, b), _labels, st.sampled_from([*map(str, range(DURATION_BINS)), "s"])),
    st.builds(lambda p, c: key("wa", p, c), _labels, _currency),
    st.builds(
        lambda p, s, c: key("ws", p, s, c), _labels, st.sampled_from(["1", "100", "6000", "8" + "0" * 18]), _currency
    ),
    st.builds(lambda c: key("rv", c), _currency),
    st.builds(lambda c: key("me", c), _currency),
    st.builds(lambda p, o: key("dx", p, o), _labels, st.sampled_from(["won", "lost"])),
)
open_measures = st.one_of(
    st.builds(lambda p, s: key("od", p, s), _labels, st.sampled_from(["NEW", "DONE"])),
    st.builds(lambda p, c: key("pl", p, "NEW", c), _labels, _currency),
    st.builds(lambda p, c: key("wt", p, "NEW", c), _labels, _currency),
    st.just(key("cr")),
    st.builds(lambda c: key("mo", c), _currency),
)
fields = st.builds(Field, st.integers(0, 2), st.sampled_from(MANAGERS), st.sampled_from(TEAMS))
parts = st.dictionaries(windowed_measures, st.integers(1, 10**7), max_size=5)
open_parts = st.dictionaries(open_measures, st.integers(1, 10**7), max_size=4)
waitings = st.lists(
    st.builds(
        Waiting,
        st.sampled_from(["call", "chat"]),
        st.sampled_from(MANAGERS),
        st.sampled_from(TEAMS),
        st.integers(0, 7200),
    ),
    max_size=4,
)


def manager(identifier: str, team: str, name: str = "Somebody", *, active: bool = True):
    """A roster record as it stands in the view."""
    data = {"manager_id": identifier, "name": name, "team_id": team, "active": active}
    return {"type": "sales.manager.changed.v1", "data": data}


def rate(currency: str, date: str, value: str):
    """An exchange rate as it stands in the view."""
    return {"type": "sales.rate.set.v1", "data": {"currency": currency, "date": date, "rate": value}}


def plan(scope: str, period: str, target: str, measure: str = "won_amount", currency: str | None = None):
    """A plan as it stands in the view."""
    data = {"scope": scope, "measure": measure, "period": period, "target": target, "currency": currency}
    return {"type": "sales.plan.set.v1", "data": data}


def pipeline(identifier: str, name: str, stages: dict[str, str], of: str = "deal"):
    """Names of a pipeline and its stages as they stand in the view."""
    named = [{"stage": stage, "name": own} for stage, own in stages.items()]
    data = {"of": of, "pipeline": identifier, "name": name, "stages": named}
    return {"type": "sales.pipeline.changed.v1", "data": data}
