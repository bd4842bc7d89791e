// The page of one number over time: how it went, against before, against the plan, who did it, and what any of it is made of.
import { drawPlan, key as legend, toldPlan } from "./burnup.js";
import { against, drawBars, told } from "./chart.js";
import { days, long } from "./drawing.js";
import { explain } from "./explain.js";
import { setCurrency, show } from "./format.js";
import { ANSWERS, TILES } from "./layout.js";
import { answered } from "./patient.js";
import { RANGES, STEPS, daysOf, endOf, hrefOf, moved, oldest, read } from "./place.js";
import { columns, drawTable } from "./ranking.js";
import { valueOf } from "./spark.js";
import { store, stored } from "./stored.js";
import { nameOf, pick, unitOf } from "./tiles.js";
import { getLanguage, helpOf, setLanguage, title, word, wordOf } from "./words.js";

const $ = (id) => document.getElementById(id);
const PLANNED = ["month", "quarter", "year"], MOST_BARS = 130;

let state = read(location.search), planWindow = "month", catalogue = null, live = null, shown = null, asking = new AbortController();

/** One answer after another for what the page shows; another page gives up what this one still waits for. */
const get = (path, query) => answered(`api/v1/${path}?${new URLSearchParams(query)}`, asking.signal, tellAway, (found) => found.problem);

function tellAway(reason) {
  $("problem").hidden = false;
  $("problem").textContent = `${word("noAnswer")}${reason ? `: ${reason}` : ""}. ${word("again")}`;
}

/** Whether a number is of a plan: then it is of a month, quarter or year alone, not of any days. */
const isPlanned = () => record().parts.some((part) => part.family.startsWith("sales_plan_"));
const whose = () => (state.level === "company" ? { level: "company" } : { level: state.level, name: state.name });
/** What is known of the KPI; fewer lost deals are better, though more closed ones are. */
const record = () => {
  const found = catalogue.get(state.kpi);
  return found && state.labels.outcome === "lost" ? { ...found, better: "down" } : found;
};
const kpi = () => ({ id: state.kpi, labels: state.labels });
/** The tile of the wall that shows this number, whose name it then has. */
const tile = () => [...TILES, ...ANSWERS].find(({ main }) => main.id === state.kpi && JSON.stringify(Object.entries(main.labels).filter(([name]) => name !== "window")) === JSON.stringify(Object.entries(state.labels)));
const name = () => { const mine = tile(); return mine && !mine.main.labels.window ? nameOf(mine, record()) : [title(record()), ...Object.entries(state.labels).map(([label, value]) => wordOf(label, value))].join(" · "); };
const oldName = () => word(state.against === "year" ? "yearAgo" : "timeBefore");
/** Whether numbers go back as far as a run: what began in the middle of it is no measure for another one. */
const isHeld = (run) => run && shown.sum.begins && run.from >= shown.sum.begins;

/** Show other things, as a step that the back button takes back; `isStep` false: within the same one. */
function go(changes, isStep = true) {
  Object.assign(state, changes);
  history[isStep ? "pushState" : "replaceState"](null, "", hrefOf(state));
  load();
}

async function load() {
  asking.abort();
  const mine = asking = new AbortController();
  document.body.setAttribute("aria-busy", "true");
  try {
    catalogue ??= new Map((await get("catalogue", {})).kpis.map((one) => [one.id, one]));
    const found = await fetchAll();
    if (mine !== asking) return;
    $("problem").hidden = true;
    shown = found;
    document.body.dataset.shown = "";
    draw();
  } catch (error) {
    if (mine !== asking) return;
    // Who sees some teams alone begins with the first of them.
    if (state.level === "company" && error.teams?.length) return go({ level: "team", name: error.teams[0] }, false);
    $("problem").hidden = false;
    $("problem").textContent = `${word("noAnswer")}: ${error.message}`;
  } finally {
    if (mine === asking) document.body.removeAttribute("aria-busy");
  }
}

async function fetchAll() {
  if (!catalogue.has(state.kpi)) throw new Error(`kpi=${state.kpi}`);
  if (!record().steps.includes(state.step)) state.step = record().steps[0];
  live = await get("live", { level: state.level, ...(state.name ? { id: state.name } : {}), window: "month" });
  setCurrency(live.currency);
  const today = live.at.slice(0, 10), [first, last] = daysOf(state, today);
  const query = { kpi: state.kpi, ...whose(), step: state.step };
  const bars = await get("history", { ...query, from: first < oldest(today) ? oldest(today) : first, to: last });
  // Bars are whole periods; everything else on the page is of the same days as they.
  const run = { from: bars.points[0].from < oldest(today) ? oldest(today) : bars.points[0].from, to: bars.points.at(-1).to > today ? today : bars.points.at(-1).to };
  const shownColumns = columns(catalogue, state), ids = [...new Set(shownColumns.map(({ main }) => main.id))].join();
  const team = state.by === "manager" && state.level === "team" ? { team: state.name } : {};
  const people = state.level === "manager" ? whose() : { level: state.by, ...team };
  const of = isPlanned() ? { from: bars.points.at(-1).from, to: run.to } : run;
  const [sum, rows] = await Promise.all([get("compare", { ...whose(), kpis: ids, ...of }), get("compare", { ...people, kpis: ids, ...of })]);
  const other = isPlanned() ? earlier(bars.points, state.against) : state.against === "year" ? sum.year : sum.before;
  const [old, plan] = await Promise.all([
    state.against !== "none" && other ? get("history", { ...query, ...other }) : null,
    record().measure ? get("burnup", { kpi: state.kpi, ...whose(), window: planWindow, day: run.to }) : null,
  ]);
  return { bars, run, today, sum, rows, old, other, plan, columns: shownColumns, query, people: { ...people, kpis: ids, ...of }, of };
}

/** The periods of a plan that bars are compared with: as many before them, or the same ones of the year before. */
function earlier(points, against) {
  const first = new Date(`${points[0].from}T00:00:00Z`), end = new Date(`${moved(points.at(-1).to, 1)}T00:00:00Z`);
  const months = against === "year" ? 12 : (end.getUTCFullYear() - first.getUTCFullYear()) * 12 + end.getUTCMonth() - first.getUTCMonth();
  const back = (day) => new Date(Date.UTC(day.getUTCFullYear(), day.getUTCMonth() - months, 1)).toISOString().slice(0, 10);
  const found = { from: back(first), to: moved(back(end), -1) };
  return found.from < oldest(live.at.slice(0, 10)) ? null : found;
}

/** Bars with what each is compared with: the first with the first, and so on. */
function barsOf({ bars, old }) {
  return bars.points.map((point, index) => {
    const targets = point.values.filter((value) => value.target != null);
    const before = old?.points[index]?.from >= shown.sum.begins ? old.points[index] : null;
    return { ...point, value: valueOf(point.values, kpi()), old: before ? valueOf(before.values, kpi()) : null, target: targets.length === 1 ? targets[0].target : null };
  });
}

function draw() {
  document.documentElement.lang = getLanguage();
  words();
  drawChoice();
  const mine = record(), bars = barsOf(shown);
  document.title = `${name()} · Sales Pulse`;
  $("title").textContent = name();
  $("help").textContent = helpOf(mine);
  drawCards(mine);
  $("bars-title").textContent = `${word(`by_${state.step}`)}, ${days(shown.run.from, shown.run.to)}`;
  const box = $("bars").querySelector(".drawing"), tell = (text) => { $("bars").querySelector(".told").textContent = text; };
  tell(word("pressBar"));
  drawBars(box, bars, mine, state.step, oldName(), { open, tell, name: $("bars-title").textContent });
  if (bars.some((bar) => bar.value != null)) {
    const has = (field) => bars.some((bar) => bar[field] != null);
    const kinds = [["now", shown.bars.points.some((point) => !point.complete) ? "thisRun" : "thisRunOver"], ...(has("old") ? [["old", state.against === "year" ? "yearAgo" : "timeBefore"]] : []), ...(has("target") ? [["target", "target"]] : [])];
    box.append(legend(kinds));
  }
  $("bars").querySelector(".csv").href = `api/v1/history?${new URLSearchParams({ ...shown.query, ...shown.run, format: "csv" })}`;
  drawList(bars, mine);
  drawBurnup(mine);
  drawPeople();
}

function drawCards(mine) {
  const unit = unitOf(mine), rowOf = shown.sum.rows[0], byId = new Map((rowOf?.kpis ?? []).map((one) => [one.id, one])), main = pick(byId, kpi());
  const others = rowOf?.kpis.find((one) => one.id === state.kpi)?.values.filter((value) => Object.entries(state.labels).every(([label, wanted]) => value.labels[label] === wanted)) ?? [];
  const ago = others.length === 1 ? others[0].year_ago : state.kpi.endsWith(":sum") && others.length ? others.reduce((sum, one) => (one.year_ago == null ? sum : (sum ?? 0) + one.year_ago), null) : null;
  const whole = main?.current ?? null, card = (label, value, note, is = "") => {
    const box = document.createElement("div"), parts = ["small", "b", "em"].map((kind) => document.createElement(kind));
    box.className = "card";
    [label, value, note].forEach((text, index) => { parts[index].textContent = text; });
    parts[2].dataset.is = is;
    box.append(...parts);
    return box;
  };
  const old = (label, run, value) => {
    const [text, is] = isHeld(run) ? against(mine, whole, value) : [word(run && shown.sum.begins && run.to >= shown.sum.begins ? "begins" : "notHeld"), ""];
    const note = text && isHeld(run) ? `${text} ${word("since")}` : text && run && run.to >= shown.sum.begins ? `${text} ${days(shown.sum.begins, shown.sum.begins)}` : text;
    return card(run ? `${word(label)}: ${days(run.from, run.to)}` : word(label), run ? show(value, unit) : "–", note, is);
  };
  // A plan is of its month, quarter or year: of other days there is no number, but of each bar.
  const last = barsOf(shown).at(-1), isOfDays = !isPlanned();
  $("sum").querySelector(".cards").replaceChildren(...(isOfDays
    ? [card(`${days(shown.run.from, shown.run.to)}${shown.sum.complete ? "" : ` (${word("soFar")})`}`, show(whole, unit), ""), old("timeBefore", shown.sum.before, main?.previous ?? null), old("yearAgo", shown.sum.year, ago)]
    : [card(`${long(last.from, last.to, state.step)}${last.complete ? "" : ` (${word("soFar")})`}`, show(last.value, unit), "")]));
}

function drawList(bars, mine) {
  const table = $("bars").querySelector("table"), unit = unitOf(mine), has = (field) => bars.some((bar) => bar[field] != null);
  const make = (kind, content) => { const node = document.createElement(kind); node.append(content); return node; };
  const heads = [word("periodOne"), name(), ...(has("old") ? [oldName(), word("change")] : []), ...(has("target") ? [word("target")] : []), ""], head = document.createElement("tr");
  head.append(...heads.map((text) => { const cell = make("th", text); cell.scope = "col"; return cell; }));
  const body = document.createElement("tbody");
  body.append(...bars.toReversed().map((bar) => {
    const row = document.createElement("tr"), why = document.createElement("button");
    Object.assign(why, { type: "button", textContent: word("entities") });
    why.setAttribute("aria-label", `${word("entities")}: ${long(bar.from, bar.to, state.step)}`);
    why.addEventListener("click", () => open(bar));
    const cells = [`${long(bar.from, bar.to, state.step)}${bar.complete ? "" : ` (${word("soFar")})`}`, show(bar.value, unit), ...(has("old") ? [show(bar.old, unit), against(mine, bar.value, bar.old)[0]] : []), ...(has("target") ? [show(bar.target, unit)] : []), why];
    row.append(...cells.map((content) => make("td", content)));
    if (bar.value != null) row.children[1].dataset.value = bar.value;
    return row;
  }));
  const top = document.createElement("thead");
  top.append(head);
  table.replaceChildren(top, body);
}

function drawBurnup(mine) {
  const section = $("plan"), found = shown.plan;
  section.hidden = !found?.measure;
  if (section.hidden) return;
  const unit = found.measure.endsWith("_amount") ? "currency" : "short", box = section.querySelector(".drawing");
  $("plan-title").textContent = `${word("planOf")} · ${word(`measure_${found.measure}`)}`;
  choices($("periods"), PLANNED, planWindow, (window) => word(window), (window) => { planWindow = window; load(); });
  section.querySelector(".told").textContent = found.target ? toldPlan(found, unit) : word("noplan");
  if (found.target) drawPlan(box, found, unit); else box.replaceChildren();
}

function drawPeople() {
  const one = state.level === "manager", box = $("people");
  $("by").hidden = one || state.level === "team";
  choices($("by"), ["manager", "team"], state.by, (by) => word(`${by}s`), (by) => go({ by }));
  box.querySelector(".told").textContent = `${days(shown.of.from, shown.of.to)}${isHeld(shown.sum.before) ? `, ${word("comparedWith")} ${days(shown.sum.before.from, shown.sum.before.to)}` : ""}`;
  const sort = (key) => go({ sort: key, up: (state.sort || shown.columns[0].key) === key ? !state.up : false }, false);
  const linkOf = (row) => hrefOf({ ...state, level: one ? "manager" : state.by, name: row.id });
  drawTable(box.querySelector("table"), shown.rows.rows, one ? null : shown.sum.rows[0], shown.columns, state, { sort, linkOf, isCompared: isHeld(shown.sum.before) });
  box.querySelector(".csv").href = `api/v1/compare?${new URLSearchParams({ ...shown.people, format: "csv" })}`;
}

/** What a bar is made of. */
function open(bar) {
  const at = bar.complete ? endOf(bar.to, live.zone) : "", mine = record(), view = { level: state.level, id: state.name, window: state.step, at, label: long(bar.from, bar.to, state.step) };
  explain($("explain"), { main: { id: state.kpi, labels: state.labels }, ...(tile()?.about && !tile().main.labels.window ? { about: tile().about } : {}) }, { record: mine, current: bar.value }, live, view);
}

function choices(box, values, chosen, label, choose) {
  if (box.children.length !== values.length) box.replaceChildren(...values.map(() => Object.assign(document.createElement("button"), { type: "button" })));
  values.forEach((value, index) => {
    const button = box.children[index];
    button.textContent = label(value);
    button.setAttribute("aria-pressed", String(value === chosen));
    button.dataset.value = value;
    button.onclick = () => choose(value);
  });
}

function drawChoice() {
  choices($("ranges"), RANGES, state.range, (range) => word(`range_${range}`), (range) => go({ range, from: "", to: "", step: fitting(range) }));
  choices($("steps"), STEPS.filter((step) => record().steps.includes(step)), state.step, (step) => word(`by_${step}`), (step) => go({ step }));
  choices($("against"), ["before", "year", "none"], state.against, (other) => word(`against_${other}`), (other) => go({ against: other }));
  const [first, last] = daysOf(state, shown.today);
  Object.assign($("from"), { value: first, min: shown.sum.oldest, max: shown.today });
  Object.assign($("to"), { value: last, min: shown.sum.oldest, max: shown.today });
  options($("kpi"), [...catalogue.values()].map((one) => [one.id, `${one.number}. ${title(one)}`]), state.kpi);
  const nodes = [...(live.scopes.company === false ? [] : [["", word("company")]]), ...live.scopes.teams.map((team) => [`team ${team}`, team]), ...live.scopes.managers.map((one) => [`manager ${one.id}`, `${one.name || one.id} · ${one.team}`])];
  const own = state.level === "company" ? "" : `${state.level} ${state.name}`;
  if (!nodes.some(([value]) => value === own)) nodes.push([own, state.name]);
  options($("scope"), nodes, own);
  drawLabel();
  $("back").href = `./#${new URLSearchParams({ level: state.level, ...(state.name ? { id: state.name } : {}), ...(state.theme ? { theme: state.theme } : {}), ...(state.lang ? { lang: state.lang } : {}) })}`;
}

/** Of a number by channel, outcome and so on: which one. */
function drawLabel() {
  const box = $("label"), label = record().by[0];
  box.hidden = !label;
  if (!label) return;
  const values = [...new Set([...shown.bars.points.flatMap((point) => point.values.map((value) => value.labels[label])), ...Object.values(state.labels)])].sort();
  const all = state.kpi.endsWith(":sum") || !(label in state.labels) ? [["", word("all")]] : [];
  options(box.querySelector("select"), [...all, ...values.map((value) => [value, wordOf(label, value)])], state.labels[label] ?? "");
  box.querySelector("select").onchange = (event) => go({ labels: event.target.value ? { [label]: event.target.value } : {} });
}

function options(select, nodes, chosen) {
  const key = JSON.stringify(nodes);
  if (select.dataset.key !== key) {
    select.dataset.key = key;
    select.replaceChildren(...nodes.map(([value, text]) => new Option(text, value)));
  }
  select.value = chosen;
}

/** The step in which a range is best seen, of those that the number has. */
function fitting(range) {
  const wish = { "30d": "day", "90d": "week", month: "day", lastMonth: "day", quarter: "week", year: "month", "12m": "month", all: "month" }[range];
  return record().steps.includes(wish) ? wish : record().steps[0];
}

function dated() {
  const from = $("from").value, to = $("to").value;
  if (!from || !to) return;
  const span = (Date.parse(to) - Date.parse(from)) / 86_400_000;
  go({ range: "", from, to, step: state.step === "day" && Math.abs(span) > MOST_BARS && record().steps.includes("week") ? "week" : state.step });
}

function words() {
  for (const node of document.querySelectorAll("[data-t]")) node.textContent = word(node.dataset.t);
  for (const node of document.querySelectorAll("[data-t-title]")) { node.title = word(node.dataset.tTitle); node.setAttribute("aria-label", node.title); }
  for (const node of document.querySelectorAll("[data-t-label]")) node.setAttribute("aria-label", word(node.dataset.tLabel));
  $("language").textContent = getLanguage() === "ru" ? "EN" : "RU";
  $("language").setAttribute("aria-label", word("language"));
}

const fromKpi = (id) => {
  const found = [...TILES, ...ANSWERS].find(({ main }) => main.id === id), by = catalogue.get(id).by;
  const labels = found ? Object.fromEntries(Object.entries(found.main.labels).filter(([label]) => label !== "window")) : by.includes("channel") ? { channel: "call" } : {};
  return { kpi: id, labels, sort: "", step: catalogue.get(id).steps.includes(state.step) ? state.step : catalogue.get(id).steps[0] };
};

function start() {
  setLanguage(state.lang ?? stored("language", navigator.language.startsWith("ru") ? "ru" : "en"));
  document.documentElement.lang = getLanguage();
  document.documentElement.dataset.theme = state.theme ?? stored("theme", "auto");
  words();
  $("kpi").addEventListener("change", (event) => go(fromKpi(event.target.value)));
  $("scope").addEventListener("change", (event) => {
    const [level, ...rest] = event.target.value.split(" ");
    go({ level: level || "company", name: rest.join(" "), by: level === "team" ? "manager" : state.by });
  });
  for (const id of ["from", "to"]) $(id).addEventListener("change", dated);
  $("print").addEventListener("click", () => print());
  $("language").addEventListener("click", () => { setLanguage(getLanguage() === "ru" ? "en" : "ru"); store("language", getLanguage()); delete state.lang; if (shown) draw(); else words(); });
  $("theme").addEventListener("click", () => {
    const dark = getComputedStyle(document.documentElement).colorScheme.trim() === "dark";
    document.documentElement.dataset.theme = dark ? "light" : "dark";
    store("theme", document.documentElement.dataset.theme);
  });
  addEventListener("popstate", () => { state = read(location.search); load(); });
  let width = innerWidth;
  addEventListener("resize", () => { if (shown && innerWidth !== width) { width = innerWidth; draw(); } });
  load();
}

start();
