"""Numbers that were wrong once: the same on /metrics, in JSON, in the rules, on the wall, explained, and plainly."""

from fractions import Fraction
from pathlib import Path
from typing import Any, ClassVar
from zlib import crc32

import pytest

from metrics.exporter.http import api
from metrics.kpi import Level
from streams.plain.exposed import exposed
from streams.plain.series import PlainSeries, series
from tests.laws.mixtures import Json
from tests.support.floors import Floor, seconds
from tests.support.recorded import differences, expected

NOW = "2026-11-26T12:00:00+00:00"


def event(kind: str, time: str, client: str = "c-1", **data: Any) -> Json:
    owner = {} if kind.startswith(("manager", "plan", "rate")) else {"client_id": client}
    made = {"specversion": "1.0", "source": "case://g", "type": f"sales.{kind}.v1", "time": time}
    return made | {"id": f"{kind} {time} {crc32(repr(data).encode())}", "data": owner | data}


def won(deal: str, team: str, amount: str, time: str, manager: str = "mv-1") -> Json:
    closed = {"status": "won", "stage": "DONE", "pipeline": "p", "created_at": time, "closed_at": time}
    who = {"manager_id": manager, "team_id": team}
    return event("deal.changed", time, f"c-{deal}", deal_id=deal, amount=amount, currency="EUR", **closed, **who)


def manager(name: str, team: str, time: str = "2026-11-01T08:00:00Z") -> Json:
    return event("manager.changed", time, manager_id=name, name=name, team_id=team, active=True)


def plan(scope: str, target: str, period: str = "2026-11", measure: str = "won_amount") -> Json:
    return event("plan.set", "2026-11-01T08:00:00Z", scope=scope, measure=measure, period=period, target=target)


def rate(currency: str, date: str, value: str) -> Json:
    return event("rate.set", f"{date}T08:00:00Z", currency=currency, date=date, rate=value)


def invoice(amount: str = "100", currency: str = "EUR", **data: str) -> Json:
    times = {"issued_at": "2026-11-05T10:00:00Z", "due_at": "2026-12-10T10:00:00Z"}
    who = {"manager_id": "m-1", "team_id": "south", "status": "issued", **times, **data}
    return event("invoice.changed", "2026-11-05T10:00:00Z", invoice_id="i-1", amount=amount, currency=currency, **who)


def paid(amount: str, currency: str, day: str, kind: str = "payment.received") -> Json:
    who = {"manager_id": "m-1", "team_id": "south", "invoice_id": "i-1"}
    return event(kind, f"2026-{day}T10:00:00Z", payment_id=f"p-{day}", amount=amount, currency=currency, **who)


def agree(floor: Floor, folder: Path, at: str = NOW) -> dict[PlainSeries, float]:
    """What is shown, after /metrics, JSON and the rules were held against the plain definition."""
    plain = {one: float(value) for one, value in exposed(floor.plain(at)).items() if value}
    shown = floor.metrics(at)
    assert shown == plain
    wanted = expected(floor.plain(at))  # type: ignore[arg-type]
    assert differences(shown, wanted, folder) == ""
    for level in Level:
        for window in ("day", "month", "year"):
            for name, values in floor.kpis(level, window, at).items():
                record = f"{level}:{name}"
                for key, value in values.items():
                    told = [
                        number
                        for one, number in wanted.items()
                        if one.name == record
                        and _is_of(dict(one.labels), window)
                        and sorted(key) == sorted(v for k, v in one.labels if k not in ("window", "period"))
                    ]
                    assert told == [pytest.approx(value, rel=1e-9)] or not value, (record, key, value)
    return shown


def _is_of(labels: dict[str, str], window: str) -> bool:
    return labels.get("window", window) == window and labels.get("period", "current") == "current"


class TestPlansOfPeopleWhoMove:
    """At level manager a plan is compared with all that the manager did, whatever team it is credited to."""

    SALES = (
        won("d-1", "south", "1000", "2026-11-05T10:00:00Z"),
        won("d-2", "west", "500", "2026-11-25T10:00:00Z"),
        won("d-3", "south", "7", "2026-11-25T10:00:00Z", "unplanned"),
        event("call.ended", "2026-11-03T10:00:00Z", call_id="k", direction="outbound", outcome="failed",
              started_at="2026-11-03T09:59:00Z", manager_id="mv-1", team_id="east"),
    )  # fmt: skip
    PLANS = (plan("manager:mv-1", "1500"), plan("manager:mv-1", "4", measure="calls"), plan("team:west", "1000"))

    @pytest.mark.parametrize("home", ["west", "south", "elsewhere", None])
    def test_all_that_a_manager_did(self, home: str | None, tmp_path: Path) -> None:
        """Whether the roster has the old team, the new one, a third, or nobody of that name."""
        roster = () if home is None else (manager("mv-1", "south"), manager("mv-1", home, "2026-11-20T08:00:00Z"))
        floor = Floor(self.SALES, (*self.PLANS, *roster))
        agree(floor, tmp_path)
        kpis = floor.kpis(Level.MANAGER, "month", NOW)
        mine = ("mv-1", home or "unknown")
        assert kpis["sales_plan_won_amount:ratio"] == {mine: 1.0}
        assert kpis["sales_plan_won_amount:left"] == {mine: 0.0}
        assert kpis["sales_plan_calls:left"] == {mine: 3.0}
        assert kpis["sales_plan_won_amount:growth"].keys() == kpis["sales_plan_won_amount:forecast"].keys() == {mine}
        assert floor.kpis(Level.TEAM, "month", NOW)["sales_plan_won_amount:ratio"] == {("west",): 0.5}

    def test_the_wall_of_one_person_shows_all_that_he_did(self) -> None:
        """One number per KPI, and the plan's actual is all sales."""
        floor = Floor(self.SALES, (*self.PLANS, manager("mv-1", "west")))
        wall = floor.wall(Level.MANAGER, "mv-1", "month", NOW)
        values = {kpi["id"]: [one["current"] for one in kpi["values"]] for kpi in wall["kpis"]}
        assert values["sales_won_amount:sum"] == [1500.0]
        assert values["sales_won_amount:per_manager"] == [1500.0]
        assert values["sales_average_check:mean"] == [750.0]
        assert values["sales_plan_won_amount:ratio"] == [1.0]
        plans = {row["measure"]: (row["actual"], row["target"]) for row in wall["plan"]}
        assert plans == {"won_amount": (1500, 1500), "calls": (1, 4)}
        assert [(row["id"], row["team"], row["won"]) for row in wall["leaders"]] == [("mv-1", "west", 1500.0)]
        assert wall["team"] == "west"

    def test_the_wall_of_one_person_shows_no_other(self) -> None:
        """A team may be called as a person is."""
        floor = Floor(self.SALES, (*self.PLANS, plan("manager:other", "9"), manager("other", "mv-1")))
        wall = floor.wall(Level.MANAGER, "mv-1", "month", NOW)
        values = {kpi["id"]: [one["current"] for one in kpi["values"]] for kpi in wall["kpis"]}
        assert values["sales_plan_won_amount:ratio"] == [1.0]


class TestWorkingDays:
    """Needed per working day uses the calendar that plan to date uses: the team's, or the company's."""

    NIGHT: ClassVar[Json] = {"hours": {"sat": ["20:00-24:00"]}, "days": {"2026-11-30": ["10:00-12:00"]}}
    CALENDAR: ClassVar[Json] = {"teams": {"night": NIGHT}}

    def test_by_the_calendar_of_the_team(self, tmp_path: Path) -> None:
        """From Thursday the 26th: three working days for the company, two for a team that works on Saturdays."""
        plans = (plan("company", "30"), plan("team:night", "30"), plan("team:day", "30"), plan("manager:m-1", "30"))
        floor = Floor((), (*plans, plan("manager:m-2", "30"), manager("m-1", "night")), calendar=self.CALENDAR)
        shown = agree(floor, tmp_path)
        needed = "sales_plan_won_amount:needed_per_day"
        assert floor.kpis(Level.COMPANY, "month", NOW)[needed] == {(): 10.0}
        assert floor.kpis(Level.TEAM, "month", NOW)[needed] == {("day",): 10.0, ("night",): 15.0}
        people = floor.kpis(Level.MANAGER, "month", NOW)[needed]
        assert people == {("m-1", "night"): 15.0, ("m-2", "unknown"): 10.0}
        left = {
            dict(one.labels)["team"]: value
            for one, value in shown.items()
            if one.name == "sales_working_days" and {("state", "left"), ("window", "month")} <= set(one.labels)
        }
        assert left == {"": 3.0, "day": 3.0, "night": 2.0, "unknown": 3.0}

    async def test_explained_by_team(self) -> None:
        """One team's days are asked for by its name, the company's by an empty one."""
        floor = Floor((), (manager("m-1", "night"),), calendar=self.CALENDAR)
        for team, days in (("night", "2"), ("", "3")):
            asked = {"labels": {"state": "left"}, "team": team, "window": "month"}
            assert (await floor.explain("sales_working_days", NOW, **asked)).total == days


class TestReceivables:
    """Never below 0 nor above the amount; other currencies at the rates of their day; what has no rate is left out."""

    CASES: ClassVar[dict[str, tuple[list[Json], list[Json], str, bool]]] = {
        "nothing paid": ([invoice()], [], "100", True),
        "refunded without a payment": ([invoice(), paid("40", "EUR", "11-06", "payment.refunded")], [], "100", True),
        "no rate for the invoice": ([invoice(currency="KZT")], [], "0", False),
        "no rate, refunded in the base currency": (
            [invoice(currency="KZT"), paid("40", "EUR", "11-06", "payment.refunded")], [], "0", False,
        ),
        "no rate, paid in the base currency": ([invoice(currency="KZT"), paid("40", "EUR", "11-06")], [], "0", False),
        "no rate for the payment": ([invoice(), paid("50000", "KZT", "11-06")], [], "100", False),
        "no rate for one of two payments": (
            [invoice(), paid("50000", "KZT", "11-06"), paid("30", "EUR", "11-07")], [], "70", False,
        ),
        "the payment's rate came later": (
            [invoice(), paid("50", "CHF", "11-06")], [rate("CHF", "2026-11-07", "1.5")], "100", False,
        ),
        "no rate for the invoice on the day of payment": (
            [invoice(currency="CHF"), paid("50", "EUR", "11-06")], [rate("CHF", "2026-11-07", "1.5")], "150", False,
        ),
        "paid in full, then the rate rises": (
            [invoice(currency="CHF"), paid("100", "EUR", "11-06")],
            [rate("CHF", "2026-11-01", "1"), rate("CHF", "2026-11-20", "1.25")], "0", True,
        ),
        "paid by half, then the rate rises": (
            [invoice(currency="CHF"), paid("50", "EUR", "11-06")],
            [rate("CHF", "2026-11-01", "1"), rate("CHF", "2026-11-20", "1.25")], "62.5", True,
        ),
        "paid by half in the base's invoice, then the rate falls": (
            [invoice(), paid("50", "CHF", "11-06")],
            [rate("CHF", "2026-11-01", "1"), rate("CHF", "2026-11-20", "0.1")], "50", True,
        ),
        "paid on two days at two rates": (
            [invoice(), paid("10", "CHF", "11-06"), paid("10", "CHF", "11-21")],
            [rate("CHF", "2026-11-01", "1"), rate("CHF", "2026-11-20", "2")], "70", True,
        ),
        "paid too much in another currency": (
            [invoice(), paid("900", "CHF", "11-06")], [rate("CHF", "2026-11-01", "1")], "0", True,
        ),
        "refunded too much in another currency": (
            [invoice(), paid("900", "CHF", "11-06", "payment.refunded")], [rate("CHF", "2026-11-01", "1")], "100", True,
        ),
        "paid in three currencies": (
            [invoice("300", "USD"), paid("100", "USD", "11-06"), paid("10", "CHF", "11-07"), paid("3", "EUR", "11-08")],
            [rate("CHF", "2026-11-01", "3"), rate("USD", "2026-11-01", "0.3")], "27", True,
        ),
    }  # fmt: skip

    @pytest.mark.parametrize("turned", [False, True], ids=["in order", "payments first"])
    @pytest.mark.parametrize("case", CASES)
    async def test_what_is_owed(self, case: str, *, turned: bool) -> None:
        """The same on /metrics, plainly and explained, whichever comes first."""
        events, rates, owed, converted = self.CASES[case]
        floor = Floor(events[::-1] if turned else events, rates)
        one = series("sales_receivable_amount", {"manager": "m-1", "team": "south", "age": "not_due"})
        assert floor.plain(NOW).get(one, 0) == Fraction(owed)
        assert floor.metrics(NOW).get(one, 0.0) == float(owed)
        explained = await floor.explain("sales_receivable_amount", NOW)
        assert Fraction(explained.total) == Fraction(owed)
        assert [row.converted for row in explained.rows] == [converted]

    def test_what_is_owed_follows_the_invoice(self) -> None:
        """Another owner, another currency, cancelled: nothing of the old version stays."""
        events = [invoice(), paid("10", "CHF", "11-06"), paid("5", "EUR", "11-07")]
        again = [invoice(manager_id="m-2"), invoice("80", "CHF", manager_id="m-2"), invoice(status="cancelled")]
        for number, owed in enumerate(({"m-2": 75.0}, {"m-2": 135.0}, {})):
            events.append(again[number] | {"sequence": str(number)})
            floor = Floor(events, [rate("CHF", "2026-11-01", "2")])
            shown = {dict(s.labels)["manager"]: v for s, v in floor.metrics(NOW).items() if "receivable" in s.name}
            assert shown == owed


class TestRinging:
    """A call that rings is shown until 60 minutes after its start by the clock, whatever else its client does."""

    RINGS = event("call.started", "2026-11-26T11:00:00Z", call_id="k", direction="inbound", manager_id="m-1")

    @pytest.mark.parametrize(
        "other",
        [
            None,
            event("meeting.held", "2026-11-26T12:09:59Z", meeting_id="m", manager_id="m-2"),
            event("chat.message", "2026-11-26T12:09:59Z", chat_id="h", author="manager", manager_id="m-2"),
            event("call.started", "2026-11-26T12:09:59Z", call_id="l", direction="outbound", manager_id="m-2"),
        ],
        ids=["nothing", "meeting", "message", "call"],
    )
    def test_until_sixty_minutes_by_the_clock(self, other: Json | None) -> None:
        """An event may be dated ten minutes ahead of the clock."""
        floor = Floor([self.RINGS, *([other] if other else [])])
        for at, rings in (("11:59:59.9", 1.0), ("12:00:00", 0.0), ("12:00:01", 0.0)):
            moment = f"2026-11-26T{at}+00:00"
            shown, plain = floor.metrics(moment), floor.plain(moment)
            assert shown == {one: float(value) for one, value in plain.items() if value}
            ringing = [v for one, v in shown.items() if one.name == "sales_waiting_clients"]
            assert sum(ringing) == rings
            assert len(floor.wall(Level.COMPANY, "", "day", moment)["waiting"]) == rings


class TestTrends:
    """Shares are compared in points, at every level, in JSON, rules and on the wall."""

    DEALS = (
        won("d-1", "south", "10", "2026-10-05T10:00:00Z"),
        event("deal.changed", "2026-10-06T10:00:00Z", "c-2", deal_id="d-2", manager_id="mv-1", team_id="south",
              pipeline="p", stage="X", status="lost", amount="5", currency="EUR",
              created_at="2026-10-05T10:00:00Z", closed_at="2026-10-06T10:00:00Z"),
        won("d-3", "south", "30", "2026-11-05T10:00:00Z"),
    )  # fmt: skip

    def test_in_points(self, tmp_path: Path) -> None:
        """From 50 to 100 %: 50 points; a sum from 10 to 30 is 200 % more."""
        floor = Floor(self.DEALS)
        agree(floor, tmp_path)
        for level in Level:
            found = api.kpis(api.LiveNumbers(floor.board, seconds(NOW)), level, "month", "current")
            trends = {row["id"]: [one["trend"] for one in row["values"]] for row in found}
            assert trends["sales_win:ratio"] == [0.5]
            assert trends["sales_won_amount:sum"] == [2.0]
        wall = {kpi["id"]: kpi for kpi in floor.wall(Level.COMPANY, "", "month", NOW)["kpis"]}
        assert wall["sales_win:ratio"]["values"][0]["trend"] == 0.5
