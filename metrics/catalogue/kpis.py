"""The fifteen KPIs: formulas over the families, each with its name, unit and meaning."""

from metrics.catalogue import activities as a
from metrics.catalogue import deals as d
from metrics.catalogue import money as m
from metrics.catalogue import now as n
from metrics.catalogue import plan as p
from metrics.catalogue import unanswered as u
from metrics.family import CALENDAR_WINDOWS, NINETY_DAYS, PLAN_WINDOWS, Family
from metrics.kpi import (
    Formula,
    Kpi,
    Minus,
    Oldest,
    PerManager,
    Plan,
    Product,
    Quantile,
    Ratio,
    Scaled,
    Sum,
    WorkingDays,
)

_WON = {"outcome": ("won",)}
_LOST = {"outcome": ("lost",)}
_OVERDUE = {"age": n.AGES[1:]}


def _now(
    number: int,
    metric: str,
    op: str,
    en: str,
    ru: str,
    text: str,
    formula: Formula,
    unit: str,
    by: tuple[str, ...] = (),
    better: str = "down",
) -> Kpi:
    return Kpi(number, metric, op, en, ru, text, formula, unit, (), by, trend=False, better=better)


def _windowed(
    number: int,
    metric: str,
    op: str,
    en: str,
    ru: str,
    text: str,
    formula: Formula,
    unit: str = "short",
    windows: tuple[str, ...] = CALENDAR_WINDOWS,
    by: tuple[str, ...] = (),
    better: str = "up",
) -> Kpi:
    return Kpi(number, metric, op, en, ru, text, formula, unit, windows, by, better=better)


def _times(
    family: Family,
    number: int,
    metric: str,
    en: str,
    ru: str,
    by: tuple[str, ...],
    quantiles: tuple[float, ...],
) -> tuple[Kpi, ...]:
    mean = _windowed(
        number,
        metric,
        "mean",
        f"{en}, mean",
        f"{ru}, среднее",
        f"Sum ÷ count of {family.name}.",
        Ratio(Sum(family, part="sum"), Sum(family, part="count"), None),
        "s",
        family.windows,
        by,
        "down",
    )
    rest = tuple(
        _windowed(
            number,
            metric,
            f"p{q * 100:.0f}",
            f"{en}, p{q * 100:.0f}",
            f"{ru}, p{q * 100:.0f}",
            f"{q:.0%} of {family.name} are not above this.",
            Quantile(q, family),
            "s",
            family.windows,
            by,
            "down",
        )
        for q in quantiles
    )
    return (mean, *rest)


def _plan_of(measure: str, en: str, ru: str, actual: Formula, unit: str) -> tuple[Kpi, ...]:
    target, to_date = Plan(p.TARGET, measure), Plan(p.TO_DATE, measure)
    left = Minus(target, actual)

    def of(number: int, op: str, title: str, title_ru: str, text: str, formula: Formula, how: str) -> Kpi:
        return Kpi(
            number,
            f"sales_plan_{measure}",
            op,
            f"{en}: {title}",
            f"{ru}: {title_ru}",
            text,
            formula,
            how,
            PLAN_WINDOWS,
            trend=False,
        )

    return (
        of(
            14,
            "growth",
            "growth against plan",
            "рост к плану",
            "Actual ÷ plan to date − 1.",
            Scaled(Ratio(actual, to_date), plus=-1),
            "percentunit",
        ),
        of(
            15,
            "ratio",
            "against plan",
            "выполнение плана",
            "Actual ÷ plan of the whole period.",
            Ratio(actual, target),
            "percentunit",
        ),
        of(
            15,
            "left",
            "left to plan",
            "осталось до плана",
            "Plan less actual; below 0 when the plan is exceeded.",
            left,
            unit,
        ),
        of(
            15,
            "needed_per_day",
            "needed per working day",
            "нужно в рабочий день",
            "What is left of the plan ÷ working days left, today included.",
            Ratio(left, WorkingDays(p.WORKING_DAYS, "left"), None),
            unit,
        ),
        of(
            15,
            "forecast",
            "forecast",
            "прогноз",
            "Actual ÷ share of the period's working time passed.",
            Product(Ratio(actual, to_date), target),
            unit,
        ),
    )


KPIS: tuple[Kpi, ...] = (
    _windowed(1, "sales_calls", "sum", "Calls", "Звонки", "Calls that ended.", Sum(a.CALLS), windows=a.CALLS.windows),
    _windowed(1, "sales_meetings", "sum", "Meetings", "Встречи", "Meetings held.", Sum(a.MEETINGS)),
    _windowed(1, "sales_deals_closed", "sum", "Closed deals", "Закрытые сделки", "Deals won or lost.", Sum(d.CLOSED), windows=d.CLOSED.windows, by=("outcome",)),
    *_times(a.RESPONSE, 2, "sales_response_seconds", "Response time", "Время ответа", ("channel",), (0.5, 0.9, 0.95)),
    *_times(a.RESPONSE_BUSINESS, 2, "sales_response_business_seconds", "Response time in working hours", "Время ответа в рабочее время", ("channel",), (0.5, 0.9, 0.95)),
    _windowed(2, "sales_service_level", "ratio", "Service level", "Уровень сервиса", "Responses in time ÷ responses due.", Ratio(Sum(a.IN_TIME), Sum(a.DUE)), "percentunit", a.DUE.windows, ("channel",)),
    _now(2, "sales_waiting_clients", "sum", "Waiting now", "Ждут сейчас", n.WAITING.help, Sum(n.WAITING), "short", ("channel",)),
    _now(2, "sales_waiting_overdue_clients", "sum", "Waiting too long", "Ждут слишком долго", n.WAITING_OVERDUE.help, Sum(n.WAITING_OVERDUE), "short", ("channel",)),
    _now(2, "sales_waiting_oldest_seconds", "max", "Longest wait", "Самое долгое ожидание", n.WAITING_OLDEST.help, Oldest(n.WAITING_OLDEST), "s", ("channel",)),
    _windowed(2, "sales_missed_returned", "ratio", "Missed clients called back", "Перезвонили пропущенным", "Clients called back ÷ clients missed.", Ratio(Sum(u.MISSED, {"outcome": (u.CALLED_BACK,)}), Sum(u.MISSED)), "percentunit"),
    _windowed(2, "sales_callback_level", "ratio", "Called back in time", "Перезвонили вовремя", "Calls back in time ÷ calls back due.", Ratio(Sum(u.CALLBACKS_IN_TIME), Sum(u.CALLBACKS_DUE)), "percentunit"),
    *_times(u.CALLBACK, 2, "sales_callback_business_seconds", "Time to call back", "Время до обратного звонка", (), (0.5, 0.9)),
    _now(2, "sales_unreturned_clients", "sum", "To call back now", "Перезвонить сейчас", u.UNRETURNED.help, Sum(u.UNRETURNED), "short"),
    _now(2, "sales_unreturned_oldest_seconds", "max", "Longest not called back", "Дольше всех без звонка", u.UNRETURNED_OLDEST.help, Oldest(u.UNRETURNED_OLDEST), "s"),
    _windowed(2, "sales_lead_level", "ratio", "Leads touched in time", "Первое касание вовремя", "First touches in time ÷ first touches due.", Ratio(Sum(u.LEADS_IN_TIME), Sum(u.LEADS_DUE)), "percentunit"),
    *_times(u.LEAD_RESPONSE, 2, "sales_lead_response_business_seconds", "Time to first touch of a lead", "Время до первого касания лида", (), (0.5, 0.9)),
    _now(2, "sales_untouched_leads", "sum", "Leads not touched now", "Лиды без касания", u.UNTOUCHED.help, Sum(u.UNTOUCHED), "short"),
    _now(2, "sales_untouched_oldest_seconds", "max", "Oldest lead not touched", "Самый старый лид без касания", u.UNTOUCHED_OLDEST.help, Oldest(u.UNTOUCHED_OLDEST), "s"),
    _windowed(3, "sales_won_lost", "ratio", "Won : lost", "Выиграно : проиграно", "Won deals ÷ lost deals.", Ratio(Sum(d.CLOSED, _WON), Sum(d.CLOSED, _LOST)), windows=d.CLOSED.windows),
    _windowed(3, "sales_win", "ratio", "Win rate", "Доля побед", "Won deals ÷ (won + lost).", Ratio(Sum(d.CLOSED, _WON), Sum(d.CLOSED)), "percentunit", d.CLOSED.windows),
    _windowed(4, "sales_won_amount", "sum", "Booked sales", "Продажи", d.WON_AMOUNT.help, Sum(d.WON_AMOUNT), "currency", ("1h", *CALENDAR_WINDOWS)),
    _windowed(4, "sales_won_amount", "per_manager", "Booked per salesperson", "Продажи на менеджера", "Booked sales ÷ salespeople who have any.", PerManager(Sum(d.WON_AMOUNT)), "currency"),
    _windowed(4, "sales_revenue_amount", "sum", "Cash received", "Поступления", m.REVENUE.help, Sum(m.REVENUE), "currency", m.REVENUE.windows),
    _windowed(4, "sales_revenue_amount", "per_manager", "Cash per salesperson", "Поступления на менеджера", "Cash received ÷ salespeople who have any.", PerManager(Sum(m.REVENUE)), "currency"),
    _now(5, "sales_clients_ready", "sum", "Clients ready to close", "Клиенты, готовые к сделке", n.CLIENTS_READY.help, Sum(n.CLIENTS_READY), "short", better="up"),
    _windowed(6, "sales_leads_warmed", "ratio", "Cold to warm", "Из холодных в тёплые", "Leads warmed ÷ leads opened cold.", Ratio(Sum(a.LEADS_WARMED), Sum(a.LEADS_OPENED, {"temperature": ("cold",)})), "percentunit"),
    _windowed(7, "sales_repeat_deals", "sum", "Repeat sales", "Повторные продажи", d.REPEAT_DEALS.help, Sum(d.REPEAT_DEALS)),
    _windowed(7, "sales_repeat_amount", "sum", "Repeat sales, volume", "Объём повторных продаж", d.REPEAT_AMOUNT.help, Sum(d.REPEAT_AMOUNT), "currency"),
    _windowed(7, "sales_repeat_deals", "ratio", "Share of repeat sales", "Доля повторных продаж", "Repeat deals ÷ won deals.", Ratio(Sum(d.REPEAT_DEALS), Sum(d.CLOSED, _WON)), "percentunit"),
    _windowed(7, "sales_repeat_amount", "ratio", "Share of repeat volume", "Доля объёма повторных", "Repeat amount ÷ won amount.", Ratio(Sum(d.REPEAT_AMOUNT), Sum(d.WON_AMOUNT)), "percentunit"),
    _windowed(8, "sales_rating_score", "mean", "Client rating", "Оценка клиентов", "Sum of scores ÷ ratings.", Ratio(Sum(a.RATING_SUM), Sum(a.RATING_COUNT), None)),
    _windowed(9, "sales_average_check", "mean", "Average check", "Средний чек", "Won amount ÷ won deals.", Ratio(Sum(d.WON_AMOUNT), Sum(d.CLOSED, _WON)), "currency"),
    _windowed(10, "sales_payback", "ratio", "Payback of costs", "Окупаемость затрат", "(Profit − cost) ÷ cost.", Ratio(Minus(Sum(d.PROFIT), Sum(m.COST), zero_left=True), Sum(m.COST), None), "percentunit"),
    _now(11, "sales_receivable_amount", "sum", "Receivables", "Дебиторская задолженность", n.RECEIVABLE.help, Sum(n.RECEIVABLE), "currency", ("age",)),
    _now(11, "sales_receivable_overdue", "ratio", "Overdue share of receivables", "Доля просроченной задолженности", "Receivables past due ÷ all.", Ratio(Sum(n.RECEIVABLE, _OVERDUE), Sum(n.RECEIVABLE)), "percentunit"),
    _now(11, "sales_receivable", "dso_days", "Days sales outstanding", "Оборачиваемость задолженности, дней", "Receivables ÷ won amount of 90 days × 90.", Scaled(Ratio(Sum(n.RECEIVABLE), Sum(d.WON_AMOUNT, window=NINETY_DAYS)), times=90), "d"),
    *_times(d.DURATION, 12, "sales_deal_duration_seconds", "Deal duration", "Длительность сделки", (), (0.5, 0.9)),
    _windowed(13, "sales_revenue_profit", "ratio", "Revenue : profit", "Выручка : прибыль", "Costed amount ÷ profit.", Ratio(Sum(d.COSTED), Sum(d.PROFIT), None), better="down"),
    _windowed(13, "sales_margin", "ratio", "Margin", "Маржа", "Profit ÷ costed amount.", Ratio(Sum(d.PROFIT), Sum(d.COSTED)), "percentunit"),
    *_plan_of("won_amount", "Booked sales", "Продажи", Sum(d.WON_AMOUNT), "currency"),
    *_plan_of("revenue_amount", "Cash received", "Поступления", Sum(m.REVENUE), "currency"),
    *_plan_of("deals_won", "Deals won", "Выигранные сделки", Sum(d.CLOSED, _WON), "short"),
    *_plan_of("calls", "Calls", "Звонки", Sum(a.CALLS), "short"),
    *_plan_of("meetings", "Meetings", "Встречи", Sum(a.MEETINGS), "short"),
)  # fmt: skip

ACTUALS: dict[str, Sum] = {
    kpi.formula.under.measure: kpi.formula.over
    for kpi in KPIS
    if isinstance(kpi.formula, Ratio)
    and isinstance(kpi.formula.over, Sum)
    and isinstance(kpi.formula.under, Plan)
    and kpi.formula.under.family is p.TARGET
}
"""Measure of a plan → what was done, as it is compared with the plan of a whole period."""
