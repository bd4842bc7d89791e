// One click from any number: the numbers it is made of, and the entities of each, from /api/v1/explain.
import { clock, exact, lasting, show } from "./format.js";
import { answered } from "./patient.js";
import { nameOf, unitOf } from "./tiles.js";
import { getLanguage, helpOf, plural, title, word, wordOf } from "./words.js";

const MOST_ROWS = 500, TIME = 3, BY_TEAM = "sales_working_days";
let asking = null;

function element(name, content, className = "") {
  const node = document.createElement(name);
  node.textContent = content ?? "";
  if (className) node.className = className;
  return node;
}

/** Address of the explanation of one part of a tile's number in a view, whose `at` is that of a period that is over. */
export function partUrl(part, tile, record, view, team = "") {
  const planned = part.family.startsWith("sales_plan_"), query = new URLSearchParams({ family: part.family, limit: MOST_ROWS, lang: getLanguage() });
  const window = part.window ?? tile.main.labels.window ?? view.window;
  if (window) query.set("window", window);
  // A period that is over: as it stood at its last instant.
  if (window && view.at) query.set("at", view.at);
  if (planned) query.set("level", view.level);
  for (const [name, value] of Object.entries(part.labels)) query.set(name, value);
  // A KPI by channel is made of numbers that all have channels; the window is no label of theirs.
  for (const [name, value] of Object.entries(tile.main.labels)) if (name !== "window" && !query.has(name)) query.set(name, value);
  // Working days are those of a team's calendar, and with an empty team the company's.
  if (part.family === BY_TEAM) query.set("team", team);
  else if (view.level !== "company") query.set(view.level, view.id);
  return `api/v1/explain?${query}`;
}

/** What people call a part: what tells it from the others is said, too. */
function partName(part, parts) {
  const name = title(part), half = /_(sum|count)$/.exec(part.family);
  const halves = half && parts.filter((other) => title(other) === name).length > 1 ? [word(half[1] === "sum" ? "partSum" : "partCount")] : [];
  return [name, ...halves, ...Object.entries(part.labels).map(([label, value]) => wordOf(label, value)), ...(part.window ? [part.window] : [])].join(" · ");
}

/** Open the dialog on a tile. main: what `pick` found for it; live: the answer that the wall shows; mine: the entity asked about. */
export function explain(dialog, tile, main, live, view, mine = "") {
  const { record } = main, parts = record.parts ?? [];
  dialog.querySelector("h2").textContent = `${word("explain")} ${nameOf(tile, record)}`;
  const shown = dialog.querySelector(".shown").children;
  shown[0].textContent = show(main.current, unitOf(record));
  const isNow = parts.length > 0 && parts.every((part) => part.window === "");
  shown[1].textContent = `${scopeName(live, view)} · ${view.label ?? word(isNow ? "now" : tile.main.labels.window ?? view.window)}`;
  dialog.querySelector(".help").textContent = helpOf(record);
  const buttons = parts.map((part) => {
    const button = element("button", partName(part, parts));
    button.type = "button";
    button.addEventListener("click", () => choose(button, part));
    return button;
  });
  const choose = (button, part) => {
    for (const other of buttons) other.setAttribute("aria-pressed", String(other === button));
    load(dialog, partUrl(part, tile, record, view, live.team), live, mine);
  };
  dialog.querySelector(".parts").replaceChildren(...buttons);
  if (!dialog.open) dialog.showModal();
  if (parts.length) choose(buttons[0], parts[0]);
}

function scopeName(live, view) {
  if (view.level === "company") return word("company");
  return view.level === "manager" ? live.scopes.managers.find((m) => m.id === view.id)?.name ?? view.id : view.id;
}

async function load(dialog, url, live, mine) {
  asking?.abort();
  const own = asking = new AbortController();
  // That it was closed is told later: it may be open again, and this is what it was opened for.
  dialog.addEventListener("close", () => { if (!dialog.open) own.abort(); }, { signal: own.signal });
  const facts = dialog.querySelector(".facts"), head = dialog.querySelector("thead"), body = dialog.querySelector("tbody");
  facts.textContent = word("loading");
  facts.dataset.loading = "";
  head.replaceChildren();
  body.replaceChildren();
  try {
    const found = await answered(url, own.signal, (reason) => waiting(facts, reason));
    fillFacts(facts, found, url, live);
    head.append(row("th", ["entity", "client", "manager", "time", "contribution"].map((key) => word(key) + (key === "contribution" && isMoney(found) ? `, ${live.currency}` : ""))));
    const names = new Map(live.scopes.managers.map((m) => [m.id, m.name]));
    // Where they are from is told where it tells them apart.
    const several = new Set(found.entities.map((one) => one.source)).size > 1;
    body.replaceChildren(...found.entities.map((one) => entity(one, found.unit, names, live.zone, several)));
    // Clients and days have no time of their own: then there is no column of it.
    if (found.entities.length && !found.entities.some((one) => one.time)) for (const line of dialog.querySelectorAll("tr")) line.children[TIME].remove();
    const at = mine ? found.entities.findIndex((one) => one.id === mine) : -1;
    if (at >= 0) {
      body.children[at].setAttribute("aria-current", "true");
      body.children[at].scrollIntoView({ block: "nearest" });
    }
  } catch (error) {
    if (!own.signal.aborted) facts.textContent = `${word("failed")}: ${error.message}`;
  } finally {
    if (!own.signal.aborted) delete facts.dataset.loading;
  }
}

/** Why there is no total yet, and that it is asked for again. A screen reader hears it once. */
function waiting(facts, reason) {
  const said = word("later") + (reason ? ` (${reason})` : "");
  if (facts.textContent !== said) facts.textContent = said;
}

/** An exact number as people say it: times in hours, minutes and seconds, everything else with all of its digits. */
const said = (number, unit) => (unit === "s" ? lasting(number) : exact(number));

/** Of a plan its measure says what it is counted in. */
const isMoney = (found) => found.unit === "currency" || Boolean(found.labels.measure?.endsWith("_amount"));

function fillFacts(facts, found, url, live) {
  const quantile = found.labels.quantile, form = plural(found.count), verb = quantile ? `${word("percentile")} p${100 * quantile} =` : ` ${word(form === "one" ? "adds_one" : "adds_other")}`;
  // A percentile lies between two rows: what is beyond thousandths is of the sum, not of them.
  const exactly = quantile && found.total !== null ? String(Number(Number(found.total).toFixed(3))) : found.total;
  const total = element("b", exactly === null ? "–" : said(exactly, found.unit)), source = element("a", "JSON");
  total.dataset.total = found.total;
  Object.assign(source, { href: url, target: "_blank", rel: "noopener" });
  const table = element("a", word("csv"));
  table.href = `${url}&format=csv`;
  const shown = exact(String(found.entities.length)), rest = found.truncated ? ` (${word(found.position === undefined ? "largest" : "nearest")} ${shown})` : "";
  facts.replaceChildren(`${exact(String(found.count))} ${word(`rows_${form}`)}${verb} `, total, `${isMoney(found) ? ` ${live.currency}` : ""}${rest} · `, source, " · ", table);
}

function row(kind, cells) {
  const node = document.createElement("tr");
  node.append(...cells.map((cell) => element(kind, cell)));
  return node;
}

function entity(one, unit, names, zone, several) {
  const time = one.time ? clock(Date.parse(one.time) / 1000, zone, { day: "2-digit", month: "2-digit", year: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit" }) : "";
  const who = one.manager === "unknown" ? word("unassigned") : one.manager_name || (names.get(one.manager) ?? one.manager);
  const place = ["pipeline", "stage"].map((label) => one.names?.[label] ?? one.labels?.[label]).filter(Boolean);
  if (several && one.source) place.push(one.source);
  const node = row("td", [[`${one.title} ${one.id}`, ...place].join(" · "), one.client, one.team && one.team !== "unknown" ? `${who} · ${one.team}` : who, time, one.converted === false ? word("unconverted") : said(one.contribution, unit)]);
  node.lastElementChild.dataset.value = one.contribution;
  if (one.link) {
    const link = element("a", node.firstElementChild.textContent);
    Object.assign(link, { href: one.link, target: "_blank", rel: "noopener noreferrer" });
    node.firstElementChild.replaceChildren(link);
  }
  return node;
}
