"""The hand-written month, through the plain definition."""

from fractions import Fraction

from streams.plain import recompute
from streams.plain.exposed import exposed
from streams.plain.reference import PlainReference
from streams.plain.series import PlainSeries
from tests.golden import month
from tests.support.numbers import shown


def _shown() -> dict[PlainSeries, Fraction]:
    partition = recompute(month.events(), month.RULES)
    reference = PlainReference.of(map(month.wire.decode_reference, month.reference_lines()), "RUB")
    return exposed(shown(partition.contributions(), partition.open_things(), reference, month.RULES, month.NOW))


def test_every_number_is_the_one_worked_out_by_hand() -> None:
    """The month's series are those of month.txt, all of them and no other; 0 may be absent."""
    found, expected = _shown(), month.expected()
    told = {one: value for one, value in found.items() if value and (month.is_told(one) or one in expected)}
    assert told == {one: value for one, value in expected.items() if value}


def _value(text: str) -> Fraction:
    if text.endswith("-1"):
        return _value(text.removesuffix("-1")) - 1
    product, _, divisor = text.partition("/")
    first, _, second = product.partition("*")
    return Fraction(first) * Fraction(second or 1) / Fraction(divisor or 1)


def test_the_fifteen_kpis_are_those_worked_out_by_hand() -> None:
    """Each of the fifteen, divided last, is the value of kpis.txt."""
    found = _shown()
    t = month.totals(found)
    won, profit, cost = t["sales_won_amount"], t["sales_profit_amount"], t["sales_cost_amount"]
    deals = t["sales_deals_closed won"]
    target, to_date, mine = Fraction(250_000), Fraction(240_625), Fraction(125_000)
    for one, value in found.items():
        labels = dict(one.labels)
        if labels.get("manager") == "m-1" and labels.get("window") == "month" and labels.get("period") != "previous":
            target = value if one.name == "sales_plan_target" else target
            to_date = value if one.name == "sales_plan_to_date" else to_date
            mine = value if one.name == "sales_won_amount" else mine
    days = {dict(one.labels)["state"]: v for one, v in found.items() if _is_month_of_working_days(one)}
    overdue = t["sales_receivable_amount"] - t["sales_receivable_amount not_due"]
    kpis = {
        "1 calls": t["sales_calls"],
        "1 meetings": t["sales_meetings"],
        "1 closed deals": t["sales_deals_closed"],
        "2 mean response": t["sales_response_seconds_sum"] / t["sales_response_seconds_count"],
        "2 service level": t["sales_responses_in_time"] / t["sales_responses_due"],
        "3 won to lost": deals / t["sales_deals_closed lost"],
        "3 win rate": deals / t["sales_deals_closed"],
        "4 booked": won,
        "4 cash": t["sales_revenue_amount"],
        "5 clients ready": t["sales_clients_ready"],
        "6 cold to warm": t["sales_leads_warmed"] / t["sales_leads_opened cold"],
        "7 repeat deals": t["sales_repeat_deals"],
        "7 repeat share of won": t["sales_repeat_amount"] / won,
        "8 rating": t["sales_rating_score_sum"] / t["sales_rating_score_count"],
        "9 average check": won / deals,
        "10 payback": (profit - cost) / cost,
        "11 receivable": t["sales_receivable_amount"],
        "11 overdue share": overdue / t["sales_receivable_amount"],
        "11 DSO": t["sales_receivable_amount"] / t["sales_won_amount 90d"] * 90,
        "12 mean duration": t["sales_deal_duration_seconds_sum"] / t["sales_deal_duration_seconds_count"],
        "13 revenue to profit": t["sales_costed_amount"] / profit,
        "13 margin": profit / t["sales_costed_amount"],
        "14 growth against plan of m-1": mine / to_date - 1,
        "15 plan reached by m-1": mine / target,
        "15 left for m-1": target - mine,
        "15 needed per working day by m-1": (target - mine) / days["left"],
        "15 forecast of m-1": mine / (to_date / target),
    }
    lines = (month.FOLDER / "kpis.txt").read_text().splitlines()
    told = dict(line.split(" = ") for line in lines if line and not line.startswith("#"))
    assert kpis == {name: _value(value) for name, value in told.items()}


def _is_month_of_working_days(one: PlainSeries) -> bool:
    return one.name == "sales_working_days" and {("team", ""), ("window", "month")} <= set(one.labels)
