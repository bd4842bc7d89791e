// The wall's words in its two languages, and how it writes numbers, money and durations.
const WORDS = {
  en: {
    scope: "Show", company: "Whole company", teams: "Teams", managers: "Managers", waiting: "Waiting now", plan: "Plan", leaders: "Leaderboard",
    day: "Today", week: "Week", month: "Month", quarter: "Quarter", year: "Year", "1h": "Hour", calls: "calls", chats: "chats", nobody: "Nobody waits.",
    noplan: "No plan is set for this period.", nosales: "No sales in this window yet.", live: "live", stale: "no fresh data", lost: "reconnecting…", connecting: "connecting…",
    lostNotice: "No connection to the exporter: the numbers below are old. Trying again…", staleNotice: "The workers are silent: numbers are withheld until they report again.",
    rotate: "Rotate views (R)", language: "Language (L)", theme: "Light or dark (T)", full: "Full screen (F)", close: "Close",
    meetings: "meetings", won: "won", lostDeals: "lost", p90: "p90", chat: "chat", level: "in time", total: "total", cash: "cash", volume: "volume", share: "share",
    overdue: "overdue", dso: "DSO", median: "median", ratio: "revenue : profit", left: "left", need: "a day needed", forecast: "forecast", before: "before",
    explain: "Why this number?", entity: "Entity", client: "Client", manager: "Manager", time: "Time", contribution: "Contribution", sum: "Sum", rows: "rows",
    loading: "Adding it up from the log…", failed: "The explanation could not be had", choose: "Which part?", d: "d", h: "h", m: "min", s: "s", target: "target",
  },
  ru: {
    scope: "Показать", company: "Вся компания", teams: "Отделы", managers: "Менеджеры", waiting: "Ждут сейчас", plan: "План", leaders: "Лидеры",
    day: "Сегодня", week: "Неделя", month: "Месяц", quarter: "Квартал", year: "Год", "1h": "Час", calls: "звонки", chats: "чаты", nobody: "Никто не ждёт.",
    noplan: "План на этот период не задан.", nosales: "В этом окне продаж пока нет.", live: "в эфире", stale: "нет свежих данных", lost: "соединяюсь…", connecting: "соединяюсь…",
    lostNotice: "Нет связи с экспортером: числа ниже устарели. Пробую снова…", staleNotice: "Обработчики молчат: числа скрыты, пока они не отзовутся.",
    rotate: "Чередовать виды (R)", language: "Язык (L)", theme: "Светлая или тёмная (T)", full: "Во весь экран (F)", close: "Закрыть",
    meetings: "встречи", won: "выиграно", lostDeals: "проиграно", p90: "p90", chat: "чат", level: "вовремя", total: "всего", cash: "поступления", volume: "объём", share: "доля",
    overdue: "просрочено", dso: "DSO", median: "медиана", ratio: "выручка : прибыль", left: "осталось", need: "нужно в день", forecast: "прогноз", before: "было",
    explain: "Почему это число?", entity: "Что", client: "Клиент", manager: "Менеджер", time: "Время", contribution: "Вклад", sum: "Сумма", rows: "строк",
    loading: "Складываю по журналу событий…", failed: "Объяснение получить не удалось", choose: "Какая часть?", d: "дн", h: "ч", m: "мин", s: "с", target: "цель",
  },
};

let language = "en";
let currency = "RUB";

export const setLanguage = (code) => { language = code in WORDS ? code : "en"; };
export const setCurrency = (code) => { currency = code; };
export const getLanguage = () => language;
export const word = (key) => WORDS[language][key] ?? key;
export const title = (kpi) => (language === "ru" ? kpi.title_ru : kpi.title);

const number = (value, options) => new Intl.NumberFormat(language, options).format(value);

export function duration(seconds) {
  const s = Math.abs(seconds), sign = seconds < 0 ? "−" : "";
  if (s < 90) return `${sign}${number(s, { maximumFractionDigits: s < 10 ? 1 : 0 })} ${word("s")}`;
  if (s < 5400) return `${sign}${number(s / 60, { maximumFractionDigits: s < 600 ? 1 : 0 })} ${word("m")}`;
  if (s < 172800) return `${sign}${number(s / 3600, { maximumFractionDigits: 1 })} ${word("h")}`;
  return `${sign}${number(s / 86400, { maximumFractionDigits: 1 })} ${word("d")}`;
}

export function ticking(seconds) {
  const s = Math.max(0, Math.floor(seconds));
  const tail = `${String(Math.floor((s % 3600) / 60)).padStart(s < 3600 ? 1 : 2, "0")}:${String(s % 60).padStart(2, "0")}`;
  return s < 3600 ? tail : `${Math.floor(s / 3600)}:${tail}`;
}

export function show(value, unit) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  switch (unit) {
    case "currency":
      return number(value, { style: "currency", currency, currencyDisplay: "narrowSymbol", notation: Math.abs(value) >= 100000 ? "compact" : "standard", maximumFractionDigits: Math.abs(value) >= 100000 ? 1 : 0 });
    case "percentunit": return number(value, { style: "percent", maximumFractionDigits: Math.abs(value) < 1 ? 1 : 0 });
    case "s": return duration(value);
    case "d": return `${number(value, { maximumFractionDigits: 1 })} ${word("d")}`;
    default: return number(value, { maximumFractionDigits: Number.isInteger(value) ? 0 : 2 });
  }
}

export const percent = (value) => number(value, { style: "percent", signDisplay: "exceptZero", maximumFractionDigits: Math.abs(value) < 0.1 ? 1 : 0 });
