"""What people call families and entities, in English and Russian: explain and its table say it beside the names."""

from metrics.kpi import Kpi

Title = tuple[str, str]
"""English, Russian."""
LANGUAGES = ("en", "ru")

FAMILIES: dict[str, Title] = {
    "sales_calls": ("Calls", "Звонки"),
    "sales_meetings": ("Meetings", "Встречи"),
    "sales_response_seconds": ("Response time", "Время ответа"),
    "sales_response_business_seconds": ("Response time, working hours", "Время ответа, рабочее время"),
    "sales_responses_due": ("Responses due", "Ждали ответа"),
    "sales_responses_in_time": ("Responses in time", "Ответы вовремя"),
    "sales_leads_opened": ("Leads opened", "Новые лиды"),
    "sales_leads_warmed": ("Leads warmed", "Лиды потеплели"),
    "sales_rating_score_sum": ("Sum of scores", "Сумма оценок"),
    "sales_rating_score_count": ("Ratings", "Оценки"),
    "sales_missed_clients": ("Missed clients", "Пропущенные клиенты"),
    "sales_callback_business_seconds": ("Time to call back", "Время до обратного звонка"),
    "sales_callbacks_due": ("Call-backs due", "Надо было перезвонить"),
    "sales_callbacks_in_time": ("Called back in time", "Перезвонили вовремя"),
    "sales_lead_response_business_seconds": ("Time to first touch", "Время до первого касания"),
    "sales_lead_responses_due": ("First touches due", "Лиды ждали касания"),
    "sales_lead_responses_in_time": ("Touched in time", "Первые касания вовремя"),
    "sales_unreturned_clients": ("Clients to call back", "Кому перезвонить"),
    "sales_unreturned_oldest_seconds": ("Longest wait for a call back", "Дольше всех ждёт звонка"),
    "sales_untouched_leads": ("Untouched leads", "Лиды без касания"),
    "sales_untouched_oldest_seconds": ("Oldest untouched lead", "Самый старый лид без касания"),
    "sales_deals_created": ("Deals created", "Новые сделки"),
    "sales_deals_closed": ("Closed deals", "Закрытые сделки"),
    "sales_won_amount": ("Booked sales", "Продажи"),
    "sales_repeat_deals": ("Repeat sales", "Повторные продажи"),
    "sales_repeat_amount": ("Amount of repeat sales", "Сумма повторных продаж"),
    "sales_profit_amount": ("Profit", "Прибыль"),
    "sales_costed_amount": ("Sales with known cost", "Продажи с известной себестоимостью"),
    "sales_deal_duration_seconds": ("Deal duration", "Длительность сделки"),
    "sales_team_won_deal_amount": ("Won deals by amount", "Выигранные сделки по сумме"),
    "sales_revenue_amount": ("Cash received", "Поступления"),
    "sales_cost_amount": ("Costs", "Затраты"),
    "sales_waiting_clients": ("Waiting now", "Ждут сейчас"),
    "sales_waiting_overdue_clients": ("Waiting too long", "Ждут слишком долго"),
    "sales_waiting_oldest_seconds": ("Longest wait", "Дольше всех ждёт"),
    "sales_open_deals": ("Open deals", "Открытые сделки"),
    "sales_pipeline_amount": ("Open pipeline", "Сумма открытых сделок"),
    "sales_weighted_amount": ("Weighted pipeline", "Взвешенная сумма сделок"),
    "sales_clients_ready": ("Clients ready to close", "Клиенты, готовые к сделке"),
    "sales_receivable_amount": ("Receivables", "Дебиторская задолженность"),
    "sales_plan_target": ("Plan", "План"),
    "sales_plan_to_date": ("Plan by now", "План на сейчас"),
    "sales_working_days": ("Working days", "Рабочие дни"),
}
"""Family → title."""

ENTITIES: dict[str, Title] = {
    "call": ("Call", "Звонок"),
    "meeting": ("Meeting", "Встреча"),
    "rating": ("Rating", "Оценка"),
    "cost": ("Cost", "Затрата"),
    "payment": ("Payment", "Платёж"),
    "refund": ("Refund", "Возврат"),
    "deal": ("Deal", "Сделка"),
    "invoice": ("Invoice", "Счёт"),
    "lead": ("Lead", "Лид"),
    "chat": ("Chat", "Чат"),
    "message": ("Message", "Сообщение"),
    "client": ("Client", "Клиент"),
    "plan": ("Plan", "План"),
    "miss": ("Missed call", "Пропущенный"),
    "calendar": ("Calendar", "Календарь"),
}
"""Kind of an entity → title."""


def title_of(name: str, language: str) -> str:
    """What people call a family or an entity; its own name where nobody has said."""
    found = FAMILIES.get(name) or ENTITIES.get(name)
    return found[LANGUAGES.index(language)] if found else name


def title_of_kpi(kpi: Kpi, language: str) -> str:
    """What people call a KPI."""
    return kpi.title_ru if language == "ru" else kpi.title
