// Which view is shown, kept in the address after the #, so that every wall can be bookmarked and linked to.
export const WINDOWS = ["day", "week", "month", "quarter", "year"];
const LEVELS = ["company", "team", "manager"];

/** level: company, team or manager; id: of the team or manager; window. rotate, theme, lang: for a screen without hands. */
export const view = { level: "company", id: "", window: "day" };

/** Take the view from the address; what it does not say stays, what does not exist is the whole company, today. */
export function readAddress() {
  const query = new URLSearchParams(location.hash.slice(1));
  const level = query.get("level") ?? "company", id = query.get("id") ?? "", window = query.get("window") ?? view.window;
  const known = LEVELS.includes(level) && (level === "company" || id !== "");
  Object.assign(view, { level: known ? level : "company", id: known && level !== "company" ? id : "", window: WINDOWS.includes(window) ? window : "day" });
  return { rotate: query.get("rotate") === "1", theme: query.get("theme"), language: query.get("lang") };
}

/** Address of the current view with some of it changed. */
export function hrefOf(changes = {}) {
  const { level, id, window } = { ...view, ...changes };
  return `#${new URLSearchParams(level === "company" ? { level, window } : { level, id, window })}`;
}

/** Write the view into the address without a step in the history: a wall that rotates for days would make thousands. */
export function writeAddress() {
  history.replaceState(null, "", hrefOf());
}
