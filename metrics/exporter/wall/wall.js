// The live wall: asks for the numbers whenever the exporter says that they changed, and ticks what waits in between.
import { explain } from "./explain.js";
import { drawLeaders, drawPlan, drawWaiting, tickWaiting } from "./panels.js";
import { buildTiles, drawTiles } from "./tiles.js";
import { getLanguage, setCurrency, setLanguage, word } from "./words.js";

const $ = (id) => document.getElementById(id);
const WINDOWS = ["day", "week", "month", "quarter", "year"];
const ROTATE_MS = 20000, AT_MOST_EVERY_MS = 500, POLL_MS = 5000;
const stored = (key, value) => { try { return localStorage.getItem(`sales-pulse.${key}`) ?? value; } catch { return value; } };
const store = (key, value) => { try { localStorage.setItem(`sales-pulse.${key}`, value); } catch { /* private mode: the choice lasts as long as the page */ } };

const view = { level: "company", id: "", window: "day", ...fromAddress() };
let live = null, skew = 0, lastAsked = 0, waitingTimer = 0, rotating = 0, inFlight = false, again = false;

function fromAddress() {
  const query = new URLSearchParams(location.hash.slice(1)), found = {};
  for (const key of ["level", "id", "window"]) if (query.get(key)) found[key] = query.get(key);
  return found;
}

function remember() {
  history.replaceState(null, "", `#${new URLSearchParams(view)}`);
}

async function refresh() {
  if (inFlight) { again = true; return; }
  inFlight = true;
  lastAsked = Date.now();
  try {
    const answer = await fetch(`api/v1/live?${new URLSearchParams(view)}`, { cache: "no-store", signal: AbortSignal.timeout(8000) });
    if (answer.status === 404 && view.level !== "company") { choose("company", ""); return; }
    if (!answer.ok && answer.status !== 503) throw new Error(answer.statusText);
    live = await answer.json();
    skew = live.now - Date.now() / 1000;
    draw();
    state(live.fresh ? "live" : "stale");
  } catch {
    state("lost");
  } finally {
    inFlight = false;
    if (again) { again = false; soon(); }
  }
}

function soon() {
  if (waitingTimer) return;
  waitingTimer = setTimeout(() => { waitingTimer = 0; refresh(); }, Math.max(0, AT_MOST_EVERY_MS - (Date.now() - lastAsked)));
}

function state(name) {
  const node = $("live");
  node.dataset.state = name;
  node.lastElementChild.textContent = word(name);
  const notice = $("notice");
  notice.hidden = name === "live" || name === "connecting";
  notice.textContent = name === "lost" ? word("lostNotice") : name === "stale" ? word("staleNotice") : "";
}

function draw() {
  if (!live) return;
  setCurrency(live.currency);
  drawTiles($("kpis"), live);
  drawWaiting($("waiting"), live);
  drawPlan($("plan"), live);
  drawLeaders($("leaders"), live);
  drawScope();
  tick();
}

function drawScope() {
  const option = (level, id, name) => {
    const node = document.createElement("option");
    node.value = JSON.stringify([level, id]);
    node.textContent = name;
    node.selected = level === view.level && id === view.id;
    return node;
  };
  const group = (name, nodes) => { const node = document.createElement("optgroup"); node.label = name; node.append(...nodes); return node; };
  const key = JSON.stringify([live.scopes, view, getLanguage()]);
  const select = $("scope");
  if (select.dataset.key === key || document.activeElement === select && select.dataset.key && select.matches(":open")) return;
  select.dataset.key = key;
  select.replaceChildren(option("company", "", word("company")),
    group(word("teams"), live.scopes.teams.map((team) => option("team", team, team))),
    group(word("managers"), live.scopes.managers.map((m) => option("manager", m.id, m.name || m.id))));
}

function tick() {
  const now = Date.now() / 1000 + skew;
  $("clock").textContent = new Intl.DateTimeFormat(getLanguage(), { hourCycle: "h23", hour: "2-digit", minute: "2-digit", second: "2-digit", timeZone: live?.zone }).format(now * 1000);
  if (live) tickWaiting($("waiting"), live, now);
}

function choose(level, id) {
  Object.assign(view, { level, id });
  remember();
  refresh();
}

function setWindow(name) {
  view.window = name;
  remember();
  for (const node of $("windows").children) node.setAttribute("aria-checked", String(node.dataset.window === name));
  refresh();
}

function words() {
  document.documentElement.lang = getLanguage();
  for (const node of document.querySelectorAll("[data-t]")) node.textContent = word(node.dataset.t);
  for (const node of document.querySelectorAll("[data-t-title]")) { node.title = word(node.dataset.tTitle); node.setAttribute("aria-label", word(node.dataset.tTitle)); }
  for (const node of $("windows").children) node.textContent = word(node.dataset.window);
  $("language").textContent = getLanguage() === "ru" ? "EN" : "RU";
  state($("live").dataset.state);
  if (live) draw();
}

const actions = {
  language() { setLanguage(getLanguage() === "ru" ? "en" : "ru"); store("language", getLanguage()); words(); },
  theme() {
    const dark = getComputedStyle(document.documentElement).colorScheme.trim() === "dark";
    document.documentElement.dataset.theme = dark ? "light" : "dark";
    store("theme", document.documentElement.dataset.theme);
  },
  full() { if (document.fullscreenElement) document.exitFullscreen(); else document.documentElement.requestFullscreen().catch(() => {}); },
  rotate() {
    if (rotating) { clearInterval(rotating); rotating = 0; } else rotating = setInterval(next, ROTATE_MS);
    $("rotate").setAttribute("aria-pressed", String(Boolean(rotating)));
  },
};

function next() {
  if (!live || $("explain").open) return;
  const stops = [["company", ""], ...live.scopes.teams.map((team) => ["team", team])];
  const here = stops.findIndex(([level, id]) => level === view.level && id === view.id);
  choose(...stops[(here + 1) % stops.length]);
}

function follow() {
  const source = new EventSource("api/v1/stream");
  source.addEventListener("changed", soon);
  source.addEventListener("open", soon);
}

function start() {
  setLanguage(stored("language", navigator.language.startsWith("ru") ? "ru" : "en"));
  document.documentElement.dataset.theme = stored("theme", "auto");
  $("windows").replaceChildren(...WINDOWS.map((name) => {
    const node = document.createElement("button");
    node.dataset.window = name;
    node.setAttribute("role", "radio");
    node.setAttribute("aria-checked", String(name === view.window));
    node.addEventListener("click", () => setWindow(name));
    return node;
  }));
  buildTiles($("kpis"), (tile) => {
    const record = live?.kpis.find((k) => k.id === tile.main.id);
    if (record) explain($("explain"), record, view);
  });
  $("scope").addEventListener("change", (event) => choose(...JSON.parse(event.target.value)));
  for (const name of Object.keys(actions)) $(name).addEventListener("click", actions[name]);
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || /SELECT|INPUT/.test(event.target.tagName)) return;
    const action = { r: "rotate", l: "language", t: "theme", f: "full" }[event.key.toLowerCase()];
    if (action) actions[action]();
    else if (event.key >= "1" && event.key <= "5") setWindow(WINDOWS[Number(event.key) - 1]);
    else if (event.key === "ArrowRight") next();
  });
  words();
  follow();
  refresh();
  setInterval(tick, 1000);
  setInterval(() => { if (Date.now() - lastAsked > POLL_MS) soon(); }, 1000);
}

start();
