"""What an exporter says where there are no forecasts: not yet, or not any more."""

from datetime import datetime

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from metrics.exporter.http.server import create_app
from metrics.kpi import Level
from tests.support.boards import exporter_of, plan
from tests.support.forecasting import DAYS, exporter_live, exporter_of_days, make, nothing


async def test_few_past_periods_are_said():
    """On walls, in the burn-up and nowhere as a number: that there are no bounds yet, and until when."""
    exporter = exporter_of_days(201)
    plans = (("company", "2026-Q4"), ("company", "2026"), ("team:south", "2026"))
    exporter.board.put_reference({name: plan(*of, "9") for name, of in zip("klm", plans, strict=True)})
    make(exporter)
    windows = {labels[:4] for labels, _ in exporter.forecasts.outlook.rows}
    assert windows == {("company", "", "won_amount", "month")}
    # 200 days are known, and 44 are left of quarter and year: on 2 December 214 and 30.
    said = {"reason": "few_past_periods", "from": "2026-12-02"}
    shown = exporter_live(exporter, Level.COMPANY, "")
    month, quarter, year = (one for one in shown if one["measure"] == "won_amount")
    assert "withheld" not in month
    assert month["low"] <= month["high"]
    assert quarter["withheld"] == year["withheld"] == said
    assert "low" not in quarter
    transport = httpx.ASGITransport(create_app(exporter))
    async with httpx.AsyncClient(transport=transport, base_url="http://exporter") as client:
        asked = {"kpi": "sales_plan_won_amount:ratio", "level": "team", "name": "south", "window": "year"}
        course = (await client.get("/api/v1/burnup", params=asked)).json()
        assert course["withheld"] == said
        assert "expected" not in course
        before = (await client.get("/api/v1/burnup", params=asked | {"day": "2025-12-01"})).json()
        assert "withheld" not in before


async def test_a_past_too_short_for_this_period():
    """What no day of the period brings is not promised for one."""
    exporter = exporter_of_days(20)
    make(exporter)
    (month, *_) = exporter_live(exporter, Level.COMPANY, "")
    assert month["withheld"] == {"reason": "few_past_periods", "from": None}


@pytest.mark.parametrize(("after", "windows"), [(-1, {"month", "quarter"}), (0, {"quarter"})])
async def test_a_month_that_has_ended_saysnothing_of_the_next_one(after, windows):
    """Forecasts are made once a minute: in the first minute of a month there are still those of the last one."""
    exporter = exporter_of_days(DAYS)
    exporter.board.put_reference({"n": plan("company", "2026-12", "8"), "q": plan("company", "2026-Q4", "9")})
    then = exporter_of(exporter.board, datetime(2026, 12, 1, tzinfo=exporter.board.zone).timestamp() + after)
    make(then)
    then.follower.catch_up = nothing
    won = (one for one in exporter_live(then, Level.COMPANY, "") if one["measure"] == "won_amount")
    assert {one["window"] for one in won if "low" in one} == windows
    transport = httpx.ASGITransport(create_app(then))
    async with httpx.AsyncClient(transport=transport, base_url="http://exporter") as client:
        families = text_string_to_metric_families((await client.get("/metrics")).text)
        (samples,) = [one.samples for one in families if one.name == "sales_plan_forecast"]
        assert {one.labels["window"] for one in samples if one.labels["level"] == "company"} == windows
        course = (await client.get("/api/v1/burnup", params={"kpi": "sales_plan_won_amount:ratio"})).json()
        assert ("expected" in course) is ("month" in windows)
