"""What the ledger tells forecasts of open deals, and that it keeps no more of them than counts."""

import json
import random
from datetime import UTC, date, datetime, timedelta

import httpx
import msgspec
import pytest

from deploy.commands import forecast as command
from metrics.errors import AwayError
from metrics.exporter.http.ledger import LedgerProxy
from metrics.exporter.http.open_deals import OpenDeals, runs
from metrics.pipeline import Pipeline, Stay
from streams.ledger.answers import Index
from streams.ledger.deal_days import stays
from streams.ledger.follow import LedgerFollower
from streams.ledger.server import create_app
from streams.ledger.settings import LedgerSettings
from streams.plain.reference import PlainReference
from tests.laws.logs import InMemoryLog
from tests.support.ledgers import Kept
from tests.unit.streams.ledger.test_ledger import NOW, RULES

TODAY = datetime.fromtimestamp(NOW, UTC).date()
DEALS = 60
NOBODY = PlainReference("RUB")


def said(number, back, status="open", stage="NEW", version=1, created=None, **more):
    """A version of a deal, said so many days ago at noon, created then or so many days ago."""
    at = datetime(TODAY.year, TODAY.month, TODAY.day, 12, tzinfo=UTC) - timedelta(days=back)
    data = {
        "deal_id": f"d-{number}", "client_id": f"cl-{number % 9}", "manager_id": f"m-{number % 3}",
        "team_id": f"t-{number % 2}", "pipeline": "retail", "stage": stage, "status": status, "amount": "100.00",
        "currency": "RUB", "created_at": (at if created is None else at + timedelta(days=back - created)).isoformat(),
    } | ({} if status == "open" else {"closed_at": at.isoformat()}) | more  # fmt: skip
    return {
        "specversion": "1.0", "id": f"e-{number}-{version}", "source": "crm://a", "type": "sales.deal.changed.v1",
        "time": at.isoformat(), "sequence": f"{version:03}", "data": data,
    }  # fmt: skip


def deals():
    rng = random.Random(1)
    for number in range(DEALS):
        back = rng.randrange(60, 500)
        yield said(number, back)
        yield said(number, back - 10, stage="OFFER", version=2, created=back)
        if number % 3:
            yield said(number, back - 30, rng.choice(["won", "lost"]), version=3, created=back)


def index_of(folder, events, cut=20):
    kept = Kept(str(folder), RULES, 1, NOW)
    log = InMemoryLog(events, 1)
    for _ in range(0, len(events), cut):
        kept.read(log, cut)
    return kept


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    found = index_of(tmp_path_factory.mktemp("ledger"), sorted(deals(), key=lambda one: one["time"]))
    yield found
    found.database.close()


@pytest.fixture
def transport(kept, tmp_path):
    follower = LedgerFollower(LedgerSettings(_env_file=None), RULES, tmp_path / "other.sqlite", clock=lambda: NOW)
    follower.index = Index(kept.path, RULES, lambda: NOW)
    follower.progress.reached({0: 1}, NOW)
    follower.progress.end({0: 1}, NOW)
    yield httpx.ASGITransport(create_app(follower))
    follower.close()


async def test_the_exporter_is_told(kept, transport):
    """Of the company and each team that had deals, by amounts and numbers; of the day that it asked for alone."""
    ledger, day = LedgerProxy("http://ledger", transport=transport), TODAY.toordinal()
    heard = OpenDeals(lambda: NOW, RULES.zone)
    heard.take(day, await ledger.brought(TODAY, [12, 30]))
    expected = Pipeline(stays(kept.database, NOBODY, day), day - 547, day)
    assert expected.teams == ["", "t-0", "t-1"]
    for team in expected.teams:
        for measure in ("won_amount", "deals_won"):
            for run in (12, 30):
                found = heard.of(team, measure, day)(run)
                for one, other in zip(found, expected.brought(team, measure, run), strict=True):
                    assert list(one) == other
                assert max(found.opened) > 0
                assert sum(found.came) > 0
    assert heard.of("", "won_amount", day)(31) is None
    assert heard.of("t-2", "won_amount", day)(12) is None
    assert heard.of("", "won_amount", day + 1)(12) is None, "yesterday's says nothing of today"
    await ledger.close()


async def test_the_backtest_is_told(kept, transport):
    """All stays, as the index has them; where there is no ledger that is said, and nothing is made up."""
    async with httpx.AsyncClient(transport=transport, base_url="http://ledger") as client:
        found = await command._open_deals(client, TODAY)
        text = (await client.get("/api/v1/stays", params={"day": TODAY.isoformat()})).text
    day = TODAY.toordinal()
    told = [msgspec.json.decode(line, type=Stay) for line in text.splitlines()]
    assert told == list(stays(kept.database, NOBODY, day))
    assert len(told) > DEALS
    expected = Pipeline(told, day - 800, day)
    assert found.brought("", "won_amount", 30) == expected.brought("", "won_amount", 30)


async def test_without_a_ledger_the_backtest_says_so(capsys):
    transport = httpx.MockTransport(lambda _: httpx.Response(503, json={"detail": "it is behind by 7 records"}))
    async with httpx.AsyncClient(transport=transport, base_url="http://ledger") as client:
        assert await command._open_deals(client, TODAY) is None
    assert "it is behind by 7 records" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"day": "today", "runs": "3"}, "day='today' is not a date"),
        ({"runs": "3"}, "day='' is not a date"),
        ({"day": "2026-11-23"}, "runs=''"),
        ({"day": "2026-11-23", "runs": "3,x"}, "runs='3,x'"),
        ({"day": "2026-11-23", "runs": "0"}, "1 to 92 days"),
        ({"day": "2026-11-23", "runs": "93"}, "1 to 92 days"),
        ({"day": "2026-11-23", "runs": "1,2,3,4,5"}, "up to 4"),
    ],
)
async def test_what_cannot_be_answered_is_named(transport, given, named):
    async with httpx.AsyncClient(transport=transport, base_url="http://ledger") as client:
        answer = await client.get("/api/v1/brought", params=given)
        assert answer.status_code == 400
        assert named in answer.json()["detail"]
        assert (await client.get("/api/v1/stays", params={"day": "x"})).status_code == 400


async def test_a_ledger_that_is_behind_tells_nothing(tmp_path):
    follower = LedgerFollower(LedgerSettings(_env_file=None), RULES, tmp_path / "other.sqlite", clock=lambda: NOW)
    ledger = LedgerProxy("http://ledger", transport=httpx.ASGITransport(create_app(follower)))
    with pytest.raises(AwayError, match="has not reached Kafka"):
        await ledger.brought(TODAY, [3])
    follower.close()


def test_what_another_program_says_is_not_taken():
    heard = OpenDeals(lambda: NOW, RULES.zone)
    with pytest.raises(AwayError, match="not a ledger of this release"):
        heard.take(5, {"status": "ok"})
    assert heard.of("", "won_amount", 5)(3) is None


def test_what_was_heard_long_ago_is_not_used():
    clock = [NOW]
    heard, day = OpenDeals(lambda: clock[0], RULES.zone), TODAY.toordinal()
    one = {"team": "", "measure": "won_amount", "run": 3, "brings": [1.0], "came": [], "opened": [2]}
    heard.take(day, {"brought": [one]})
    clock[0] += 3600
    assert heard.of("", "won_amount", day)(3) is not None
    clock[0] += 1
    assert heard.of("", "won_amount", day)(3) is None


def test_of_which_days_is_asked():
    """Of what is left of month, quarter and year, as far as open deals say something of it."""
    assert runs(date(2026, 11, 18).toordinal()) == [13, 44]
    assert runs(date(2026, 6, 30).toordinal()) == [1]
    assert runs(date(2026, 7, 1).toordinal()) == [31, 92]


def test_no_more_is_kept_than_counts(tmp_path):
    """Of what was said more than 800 days ago one version, of deals that are open still; of closed ones nothing."""
    long_ago = [
        *(said(1, back, version=1000 - back) for back in range(900, 700, -10)),
        *(said(2, back, version=1000 - back, status="open" if back > 850 else "won") for back in range(900, 820, -10)),
        *(said(3, back, version=1000 - back) for back in range(900, 850, -10)),
    ]
    events = [*long_ago, said(4, 1), said(4, 0)]
    kept = index_of(tmp_path, events, cut=1)
    kept.read(InMemoryLog(events, 1), 1)
    rows = kept.database.execute("SELECT id, ? - day FROM deal_day ORDER BY id, day", (TODAY.toordinal(),)).fetchall()
    assert rows == [*(("d-1", back) for back in range(810, 700, -10)), ("d-3", 860), ("d-4", 1), ("d-4", 0)]
    # What comes late of a deal that was over is not taken for an open one.
    late = [*events, said(2, 890, version=5), said(2, 100, version=6)]
    kept.read(InMemoryLog(late, 1), 10)
    assert {one.created for one in stays(kept.database, NOBODY, TODAY.toordinal()) if one.end > TODAY.toordinal()} == {
        TODAY.toordinal() - back for back in (710, 860, 1)
    }
    kept.database.close()


def test_twice_is_once(tmp_path):
    """All of it delivered again changes nothing."""
    events = list(deals())
    kept = index_of(tmp_path, [*events, *events])
    once = index_of(tmp_path / "once", events)
    told = [json.dumps(list(stays(one.database, NOBODY, TODAY.toordinal()))) for one in (kept, once)]
    assert told[0] == told[1]
    for one in (kept, once):
        one.database.close()
