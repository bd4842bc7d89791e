// The wall's words in its two languages.
const WORDS = {
  en: {
    scope: "Show", company: "Whole company", teams: "Teams", managers: "Managers", team: "Team", waiting: "Waiting now", plan: "Plan of booked sales",
    leaders: "Leaderboard", kpis: "KPIs", window: "Window", day: "Today", week: "Week", month: "Month", quarter: "Quarter", year: "Year", inMonth: "month", inQuarter: "quarter", inYear: "year",
    calls: "calls", chats: "chats", call: "calls", chat: "chats", late: "late", nobody: "Nobody waits.", more: "more", unassigned: "unassigned",
    returns: "To call back", miss: "missed", lead: "leads", missOne: "missed call", leadOne: "lead", nobodyMissed: "Nobody is to be called.",
    paused: "outside working hours", calledBack: "called back", answers: "Call-backs and leads",
    noplan: "No plan is set for this period.", nosales: "No sales in this window yet.", nothing: "No fresh data.",
    live: "live", aged: "not live", stale: "no fresh data", now: "now", ago: "age", unsure: "not known", lost: "reconnecting…", connecting: "connecting…",
    lostNotice: "No connection to the exporter: the numbers shown are old. Trying again…",
    refused: "unknown", refusedNotice: "There is no such team or manager: choose another view.",
    staleNotice: "The workers are silent: numbers are withheld until they report again.",
    lackingNotice: "Redis lost part of the numbers: they are withheld until the workers have written them again.",
    redisNotice: "Redis does not answer: the numbers are some seconds old, and who still waits is not known.",
    workerNotice: "A worker is silent: the numbers are some seconds old, and who still waits is not known.",
    kafkaNotice: "Kafka does not answer: nothing new is counted, and who still waits is not known.",
    rotate: "Rotate views (R)", language: "Русский (L)", theme: "Light or dark (T)", full: "Full screen (F)", close: "Close (Esc)",
    meetings: "meetings", won: "won", lostDeals: "lost", level: "in time", total: "total", cash: "cash", volume: "volume", share: "share",
    overdue: "overdue", dso: "DSO", median: "median", p90: "p90", ratio: "rev. : profit", left: "left", need: "needed a day", forecast: "forecast",
    before: "was", of: "of", explain: "Why this number?", entity: "Entity", client: "Client", manager: "Manager", time: "Time", contribution: "Contribution",
    loading: "Adding it up from the log…", failed: "The explanation could not be had", parts: "Made of", adds: "rows add up to", percentile: "rows, of which", largest: "the largest shown:",
    unconverted: "no rate", points: "pts", d: "d", h: "h", m: "min", s: "s",
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
    kafkaNotice: "Kafka не отвечает: новое не считается, и кто ещё ждёт, неизвестно.",
    rotate: "Чередовать виды (R)", language: "English (L)", theme: "Светлая или тёмная (T)", full: "Во весь экран (F)", close: "Закрыть (Esc)",
    meetings: "встречи", won: "выиграно", lostDeals: "проиграно", level: "вовремя", total: "всего", cash: "поступления", volume: "объём", share: "доля",
    overdue: "просрочено", dso: "DSO", median: "медиана", p90: "p90", ratio: "выр. : прибыль", left: "осталось", need: "нужно в день", forecast: "прогноз",
    before: "было", of: "из", explain: "Почему это число?", entity: "Что", client: "Клиент", manager: "Менеджер", time: "Время", contribution: "Вклад",
    loading: "Складываю по журналу событий…", failed: "Объяснение получить не удалось", parts: "Из чего состоит", adds: "строк в сумме дают", percentile: "строк, из них", largest: "показаны крупнейшие:",
    unconverted: "нет курса", points: "пп", d: "дн", h: "ч", m: "мин", s: "с",
  },
};

let language = "en";

export const setLanguage = (code) => { language = code in WORDS ? code : "en"; };
export const getLanguage = () => language;
export const word = (key) => WORDS[language][key] ?? key;
export const title = (kpi) => (language === "ru" ? kpi.title_ru : kpi.title);
