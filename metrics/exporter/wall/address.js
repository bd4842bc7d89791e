// Which view is shown, kept in the address after the #, so that every wall can be bookmarked and linked to.
export const WINDOWS = ["day", "week", "month", "quarter", "year"];
const LEVELS = ["company", "team", "manager"];

/** level: company, team or manager; id: of the team or manager. */
export const view = { level: "company", id: "", window: "day" };

/** For a screen without hands: rotate (seconds per view), theme, lang. Said once, they stay in the address. */
const kiosk = {};

/** Take the view from the address; what it does not say stays, what does not exist is the whole company, today. */
export function readAddress() {
  const query = new URLSearchParams(location.hash.slice(1));
  const level = query.get("level") ?? "company", id = query.get("id") ?? "", window = query.get("window") ?? view.window;
  const known = LEVELS.includes(level) && (level === "company" || id !== "");
  Object.assign(view, { level: known ? level : "company", id: known && level !== "company" ? id : "", window: WINDOWS.includes(window) ? window : "day" });
  for (const name of ["rotate", "theme", "lang"]) if (query.has(name)) kiosk[name] = query.get(name);
  return kiosk;
}

/** Address of the current view with some of it changed. */
export function hrefOf(changes = {}) {
  const { level, id, window } = { ...view, ...changes };
  return `#${new URLSearchParams({ level, ...(level === "company" ? {} : { id }), window, ...kiosk })}`;
}

/** Write the view into the address without a step in the history: a wall that rotates for days would make thousands. */
export function writeAddress() {
  history.replaceState(null, "", hrefOf());
}
