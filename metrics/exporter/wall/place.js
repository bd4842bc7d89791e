// Where the page of a KPI's history is: what it shows is in its address, so that it can be bookmarked, sent and gone back to.
export const STEPS = ["day", "week", "month", "quarter", "year"];
export const RANGES = ["30d", "90d", "month", "lastMonth", "quarter", "year", "12m", "all"];
const LEVELS = ["company", "team", "manager"], LABEL = "label.", DAY_MS = 86_400_000, DAYS_HELD = 800;
const KEPT = ["theme", "lang"];

/** The page of a tile, as the wall shows it. */
export function historyOf(tile, view) {
  const months = tile.main.labels.window || view.window === "year";
  const kpi = { id: tile.main.id, labels: Object.fromEntries(Object.entries(tile.main.labels).filter(([name]) => name !== "window")) };
  const kiosk = new URLSearchParams(location.hash.slice(1));
  return hrefOf({
    ...EMPTY, kpi: kpi.id, labels: kpi.labels, level: view.level, name: view.id,
    range: months ? "12m" : view.window === "quarter" ? "90d" : "30d", step: months ? "month" : view.window === "quarter" ? "week" : "day",
    ...Object.fromEntries(KEPT.filter((name) => kiosk.has(name)).map((name) => [name, kiosk.get(name)])),
  });
}

export const EMPTY = { kpi: "sales_calls:sum", labels: {}, level: "company", name: "", step: "day", range: "30d", from: "", to: "", against: "before", by: "manager", sort: "", up: false };

export function hrefOf(state) {
  const { kpi, labels, level, name, step, range, from, to, against, by, sort, up } = state;
  const query = new URLSearchParams({ kpi, level });
  if (level !== "company") query.set("name", name);
  query.set("step", step);
  if (range) query.set("range", range); else { query.set("from", from); query.set("to", to); }
  for (const [label, value] of Object.entries(labels)) query.set(LABEL + label, value);
  if (against !== EMPTY.against) query.set("against", against);
  if (by !== EMPTY.by) query.set("by", by);
  if (sort) query.set("sort", sort);
  if (up) query.set("up", "1");
  for (const key of KEPT) if (state[key]) query.set(key, state[key]);
  return `history?${query}`;
}

/** What an address asks for; what it does not say, or says wrongly, is as usual. */
export function read(search) {
  const query = new URLSearchParams(search), one = (key, known) => (known.includes(query.get(key)) ? query.get(key) : EMPTY[key]);
  const name = query.get("name") ?? "", level = one("level", LEVELS), isDate = (value) => /^\d{4}-\d\d-\d\d$/.test(value ?? "") && !Number.isNaN(Date.parse(value));
  const dated = isDate(query.get("from")) && isDate(query.get("to"));
  const labels = Object.fromEntries([...query].filter(([key]) => key.startsWith(LABEL)).map(([key, value]) => [key.slice(LABEL.length), value]));
  return {
    kpi: query.get("kpi") || EMPTY.kpi, labels, level: level !== "company" && !name ? "company" : level, name: level === "company" ? "" : name,
    step: one("step", STEPS), range: dated && !query.has("range") ? "" : one("range", RANGES), from: dated ? query.get("from") : "", to: dated ? query.get("to") : "",
    against: one("against", ["before", "year", "none"]), by: one("by", ["manager", "team"]), sort: query.get("sort") ?? "", up: query.get("up") === "1",
    ...Object.fromEntries(KEPT.filter((key) => query.has(key)).map((key) => [key, query.get(key)])),
  };
}

const parsed = (text) => new Date(`${text}T00:00:00Z`), written = (day) => day.toISOString().slice(0, 10);
export const moved = (text, days) => written(new Date(parsed(text).getTime() + days * DAY_MS));
/** The first day whose numbers are held. */
export const oldest = (today) => moved(today, -DAYS_HELD);

/** First day of a month so many months after that of a day. */
function monthOf(text, by) {
  const day = parsed(text);
  return written(new Date(Date.UTC(day.getUTCFullYear(), day.getUTCMonth() + by, 1)));
}

/** First and last day of a range, by the business's own today. */
export function daysOf({ range, from, to }, today) {
  const month = monthOf(today, 0), index = Number(today.slice(5, 7)) - 1;
  switch (range) {
    case "30d": return [moved(today, -29), today];
    case "90d": return [moved(today, -89), today];
    case "month": return [month, today];
    case "lastMonth": return [monthOf(today, -1), moved(month, -1)];
    case "quarter": return [monthOf(today, -(index % 3)), today];
    case "year": return [`${today.slice(0, 4)}-01-01`, today];
    case "12m": return [monthOf(today, -11), today];
    case "all": return [oldest(today), today];
    default: return from <= to ? [from, to] : [to, from];
  }
}

/** The last second of a local day, with its offset from UTC. */
export function endOf(text, zone) {
  const wall = Date.parse(`${text}T23:59:59Z`);
  let offset = 0;
  for (let i = 0; i < 3; i++) offset = shownAt(wall - offset, zone) - (wall - offset);
  return `${new Date(wall - offset).toISOString().slice(0, 19)}Z`;
}

/** What a clock in a zone shows at a moment, as if it were UTC's. Milliseconds. */
function shownAt(moment, zone) {
  const parts = new Intl.DateTimeFormat("en-GB", { timeZone: zone, hourCycle: "h23", year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit" }).formatToParts(moment);
  const part = (type) => Number(parts.find((one) => one.type === type).value);
  return Date.UTC(part("year"), part("month") - 1, part("day"), part("hour"), part("minute"), part("second"));
}
