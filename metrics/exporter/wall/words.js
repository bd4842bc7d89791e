// The wall's words in its two languages.
const WORDS = {
  en: {
    scope: "Show", company: "Whole company", teams: "Teams", managers: "Managers", team: "Team", waiting: "Waiting now", plan: "Plan of booked sales",
    leaders: "Leaderboard", kpis: "KPIs", window: "Window", day: "Today", week: "Week", month: "Month", quarter: "Quarter", year: "Year", inMonth: "month", inQuarter: "quarter", inYear: "year",
    calls: "calls", chats: "chats", call: "calls", chat: "chats", late: "late", nobody: "Nobody is waiting.", more: "more", unassigned: "unassigned",
    returns: "To call back", miss: "missed", lead: "leads", missOne: "missed call", leadOne: "lead", nobodyMissed: "Nobody to call back.",
    paused: "outside working hours", calledBack: "called back", answers: "Call-backs and leads",
    noplan: "No plan is set for this period.", nosales: "No sales in this window yet.", nothing: "No fresh data.",
    live: "live", aged: "not live", stale: "no fresh data", now: "now", ago: "age", unsure: "not known", lost: "reconnecting…", connecting: "connecting…",
    lostNotice: "No connection to the exporter: the numbers shown are old. Trying again…",
    refused: "unknown", refusedNotice: "There is no such team or manager: choose another view.",
    staleNotice: "The workers are silent: numbers are hidden until they report again.",
    lackingNotice: "Redis lost some of the numbers: they are hidden until the workers have written them again.",
    redisNotice: "Redis is not answering: the numbers are some seconds old, and who is still waiting is not known.",
    workerNotice: "A worker is silent: the numbers are some seconds old, and who is still waiting is not known.",
    slowNotice: "The connection is slow: the numbers are some seconds old, and who is still waiting is not known.",
    kafkaNotice: "Kafka is not answering: nothing new is counted, and who is still waiting is not known.",
    rotate: "Rotate views (R)", language: "Русский (L)", theme: "Light or dark (T)", full: "Full screen (F)", close: "Close (Esc)",
    meetings: "meetings", won: "won", lostDeals: "lost", level: "in time", total: "total", cash: "cash", volume: "volume", share: "share",
    overdue: "overdue", dso: "DSO", median: "median", p90: "p90", ratio: "rev. : profit", left: "left", overPlan: "over plan", need: "per day", forecast: "forecast",
    before: "was", of: "of", explain: "Why this number?", entity: "Entity", client: "Client", manager: "Manager", time: "Time", contribution: "Contribution",
    loading: "Adding it up from the log…", failed: "There is no explanation", later: "The events behind this number are not available yet. Trying again…", parts: "Made of", partSum: "sum", partCount: "number", rows_one: "row", rows_few: "rows", rows_many: "rows", rows_other: "rows", adds_one: "adds up to", adds_other: "add up to", percentile: ":", largest: "the largest shown:", nearest: "the nearest shown:",
    proved: "proved at", provedLast: "Last proved at", provedMeans: "All numbers were compared with the log then", differs: "differs from the log", unproved_away: "not proved: no ledger", unproved_behind: "not proved: ledger behind", unproved_never: "not proved yet", unproved_late: "not proved lately",
    unconverted: "no rate", points: "pts", d: "d", h: "h", m: "min", s: "s",
    follow: "Show its history", toWall: "Back to the wall", kpi: "KPI", only: "Only", dates: "Dates", from: "From", to: "to", by: "Step", print: "Print", csv: "CSV", against: "Compared with",
    asTable: "As a table", sideBySide: "Side by side", planOf: "Plan", all: "all", soFar: "so far", target: "plan", noNumbers: "No numbers for these days.", noAnswer: "The numbers are not available", again: "Trying again…",
    yearAgo: "a year ago", timeBefore: "previous period", begins: "Numbers begin on", since: "since then", notHeld: "Not recorded that far back", pressBar: "Choose a bar to see what it is made of.", entities: "What it is made of", periodOne: "Period", change: "Change",
    thisRun: "each period (hatched: not over yet)", thisRunOver: "each period", comparedWith: "compared with", teamOne: "Team", managerOne: "Manager", together: "Together", byToday: "planned by now",
    done: "done", planToDay: "plan", between: "where it will end, in 80 cases of 100", q: "Q",
    fewPeriods: "no range yet: too few past periods", rangeFrom: "until", noRange: "no range yet", rangeSince: "range from",
    by_day: "By day", by_week: "By week", by_month: "By month", by_quarter: "By quarter", by_year: "By year",
    range_30d: "30 days", range_90d: "90 days", range_month: "This month", range_lastMonth: "Last month", range_quarter: "This quarter", range_year: "This year", range_12m: "12 months", range_all: "Everything",
    against_before: "Previous period", against_year: "A year ago", against_none: "No comparison",
    measure_won_amount: "booked sales", measure_revenue_amount: "cash", measure_deals_won: "deals won", measure_calls: "calls", measure_meetings: "meetings",
    outcome_won: "won", outcome_lost: "lost", outcome_answered: "answered", outcome_missed: "missed", outcome_abandoned: "abandoned", outcome_busy: "busy", outcome_failed: "failed", outcome_called_back: "called back", outcome_client_called: "called again", outcome_open: "open",
    channel_call: "calls", channel_chat: "chats", direction_inbound: "inbound", direction_outbound: "outbound", temperature_cold: "cold", temperature_warm: "warm", temperature_hot: "hot", kind_first: "first", kind_next: "later", state_passed: "passed", state_left: "left", age_not_due: "not due", age_over_90: "over 90",
    months: "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec", weekdays: "Mon Tue Wed Thu Fri Sat Sun", digest: "Digest", dayBefore: "compared with the day before", weekBefore: "compared with the week before", notCalledBack: "Not called back", openNow: "open now", clientCalled: "called again themselves", lostMisses: "lost", nobodyOpen: "Nobody is waiting to be called back.", openWall: "Open the wall", asOf: "Numbers as of", mayChange: "Late events correct the past: the wall has the latest.",
  },
  ru: {
    scope: "Показать", company: "Вся компания", teams: "Отделы", managers: "Менеджеры", team: "Отдел", waiting: "Ждут сейчас", plan: "План продаж",
    leaders: "Лидеры", kpis: "Показатели", window: "Период", day: "Сегодня", week: "Неделя", month: "Месяц", quarter: "Квартал", year: "Год", inMonth: "месяц", inQuarter: "квартал", inYear: "год",
    calls: "звонки", chats: "чаты", call: "звонки", chat: "чаты", late: "поздно", nobody: "Никто не ждёт.", more: "ещё", unassigned: "не назначен",
    returns: "Перезвонить", miss: "пропущены", lead: "лиды", missOne: "пропущенный", leadOne: "лид", nobodyMissed: "Перезванивать некому.",
    paused: "вне рабочего времени", calledBack: "перезвонили", answers: "Обратные звонки и лиды",
    noplan: "План на этот период не задан.", nosales: "За этот период продаж пока нет.", nothing: "Нет свежих данных.",
    live: "в эфире", aged: "не в эфире", stale: "нет данных", now: "сейчас", ago: "возраст", unsure: "неизвестно", lost: "соединяюсь…", connecting: "соединяюсь…",
    lostNotice: "Нет связи с экспортером: числа на экране устарели. Пробую снова…",
    refused: "неизвестно", refusedNotice: "Такого отдела или менеджера нет: выберите другой вид.",
    staleNotice: "Обработчики молчат: числа скрыты, пока они не отзовутся.",
    lackingNotice: "Redis потерял часть чисел: они скрыты, пока обработчики не запишут их снова.",
    redisNotice: "Redis не отвечает: числам несколько секунд, и кто ещё ждёт, неизвестно.",
    workerNotice: "Обработчик молчит: числам несколько секунд, и кто ещё ждёт, неизвестно.",
    slowNotice: "Связь медленная: числам несколько секунд, и кто ещё ждёт, неизвестно.",
    kafkaNotice: "Kafka не отвечает: новое не считается, и кто ещё ждёт, неизвестно.",
    rotate: "Чередовать виды (R)", language: "English (L)", theme: "Светлая или тёмная (T)", full: "Во весь экран (F)", close: "Закрыть (Esc)",
    meetings: "встречи", won: "выиграно", lostDeals: "проиграно", level: "вовремя", total: "всего", cash: "поступило", volume: "объём", share: "доля",
    overdue: "просрочено", dso: "DSO", median: "медиана", p90: "p90", ratio: "выр. : прибыль", left: "осталось", overPlan: "сверх", need: "в день", forecast: "прогноз",
    before: "было", of: "из", explain: "Почему это число?", entity: "Что", client: "Клиент", manager: "Менеджер", time: "Время", contribution: "Вклад",
    loading: "Складываю по журналу событий…", failed: "Объяснения нет", later: "События за этим числом пока недоступны. Пробую снова…", parts: "Из чего состоит", partSum: "сумма", partCount: "число", rows_one: "строка", rows_few: "строки", rows_many: "строк", rows_other: "строки", adds_one: "в сумме даёт", adds_other: "в сумме дают", percentile: ":", largest: "показаны крупнейшие:", nearest: "показаны ближайшие:",
    proved: "сверено в", provedLast: "Последний раз сверено в", provedMeans: "Тогда все числа совпали с журналом событий", differs: "расходится с журналом", unproved_away: "сверка не отвечает", unproved_behind: "сверка отстаёт", unproved_never: "ещё не сверено", unproved_late: "давно не сверено",
    unconverted: "нет курса", points: "пп", d: "дн", h: "ч", m: "мин", s: "с",
    follow: "Показать историю", toWall: "К табло", kpi: "Показатель", only: "Только", dates: "Даты", from: "С", to: "по", by: "Шаг", print: "Печать", csv: "CSV", against: "Сравнить",
    asTable: "В виде таблицы", sideBySide: "Сравнение", planOf: "План", all: "все", soFar: "ещё идёт", target: "план", noNumbers: "За эти дни чисел нет.", noAnswer: "Числа недоступны", again: "Пробую снова…",
    yearAgo: "год назад", timeBefore: "предыдущий период", begins: "Числа начинаются", since: "с тех пор", notHeld: "Так далеко записей нет", pressBar: "Выберите столбец, чтобы увидеть, из чего он состоит.", entities: "Из чего состоит", periodOne: "Период", change: "Изменение",
    thisRun: "каждый период (штриховка: ещё идёт)", thisRunOver: "каждый период", comparedWith: "в сравнении с", teamOne: "Отдел", managerOne: "Менеджер", together: "Вместе", byToday: "по плану на сейчас",
    done: "сделано", planToDay: "план", between: "где закончится, в 80 случаях из 100", q: "К",
    fewPeriods: "без интервала: мало прошлых периодов", rangeFrom: "до", noRange: "без интервала", rangeSince: "интервал с",
    by_day: "По дням", by_week: "По неделям", by_month: "По месяцам", by_quarter: "По кварталам", by_year: "По годам",
    range_30d: "30 дней", range_90d: "90 дней", range_month: "Этот месяц", range_lastMonth: "Прошлый месяц", range_quarter: "Этот квартал", range_year: "Этот год", range_12m: "12 месяцев", range_all: "Всё",
    against_before: "Предыдущий период", against_year: "Год назад", against_none: "Без сравнения",
    measure_won_amount: "продажи", measure_revenue_amount: "поступления", measure_deals_won: "выигранные сделки", measure_calls: "звонки", measure_meetings: "встречи",
    outcome_won: "выиграны", outcome_lost: "проиграны", outcome_answered: "отвечены", outcome_missed: "пропущены", outcome_abandoned: "брошены", outcome_busy: "занято", outcome_failed: "сбой", outcome_called_back: "перезвонили", outcome_client_called: "перезвонили сами", outcome_open: "открыты",
    channel_call: "звонки", channel_chat: "чаты", direction_inbound: "входящие", direction_outbound: "исходящие", temperature_cold: "холодные", temperature_warm: "тёплые", temperature_hot: "горячие", kind_first: "первые", kind_next: "следующие", state_passed: "прошли", state_left: "остались", age_not_due: "срок не наступил", age_over_90: "больше 90",
    months: "янв. фев. мар. апр. мая июня июля авг. сен. окт. ноя. дек.", weekdays: "пн вт ср чт пт сб вс", digest: "Сводка", dayBefore: "в сравнении с днём до этого", weekBefore: "в сравнении с неделей до этого", notCalledBack: "Не перезвонили", openNow: "ждут сейчас", clientCalled: "перезвонили сами", lostMisses: "потеряны", nobodyOpen: "Никто не ждёт обратного звонка.", openWall: "Открыть табло", asOf: "Числа на", mayChange: "Поздние события меняют прошлое: последнее стоит на табло.",
  },
};

let language = "en";

export const setLanguage = (code) => { language = code in WORDS ? code : "en"; };
export const getLanguage = () => language;
export const word = (key) => WORDS[language][key] ?? key;
const plurals = new Map();
/** Which form of a word goes with a number: one, few, many or other. */
export function plural(count) {
  if (!plurals.has(language)) plurals.set(language, new Intl.PluralRules(language));
  return plurals.get(language).select(count);
}
/** What people call the value of a label; as it is where nobody has said, as of pipelines. */
export const wordOf = (label, value) => (label === "quantile" ? `p${100 * value}` : WORDS[language][`${label}_${value}`] ?? value);
/** What a KPI is in a sentence, which there is in English alone. */
export const helpOf = (kpi) => (language === "en" ? kpi.help : "");
export const title = (kpi) => (language === "ru" ? kpi.title_ru : kpi.title);
