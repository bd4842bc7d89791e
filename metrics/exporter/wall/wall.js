// The live wall: one view of the numbers, redrawn whenever they change; what a person or a kiosk can do with it.
import { WINDOWS, readAddress, view, writeAddress } from "./address.js";
import { historyOf } from "./place.js";
import { Connection } from "./connection.js";
import { explain } from "./explain.js";
import { clock, duration, setCurrency } from "./format.js";
import { ANSWERS, TILES } from "./layout.js";
import { remeasure } from "./lists.js";
import { drawLeaders, drawPlan, drawWaiting, tickWaiting } from "./panels.js";
import { EXPLAINED, drawReturns, tickReturns } from "./returns.js";
import { Sparks } from "./spark.js";
import { store, stored } from "./stored.js";
import { buildTiles, drawSparks, drawTiles, pick, text } from "./tiles.js";
import { getLanguage, setLanguage, word } from "./words.js";

const $ = (id) => document.getElementById(id);
const ROTATE_SECONDS = 20;

const FRESH_SECONDS = 5;
const WITHHELD = { kpis: [], waiting: [], unanswered: {}, plan: [], leaders: [], teams: [] };
const NOTHING = { ...WITHHELD, scopes: { company: true, teams: [], managers: [] }, age: null };
let live = null, told = 0, drawn = "", skew = 0, rotating = 0, board = stored("board", "managers");

export const connection = new Connection({
  url: () => `api/v1/live?${new URLSearchParams(view)}`,
  take(found) {
    live = found;
    told = Date.now();
    skew = live.now - told / 1000;
    draw();
    judge();
  },
  tell(found) {
    if (live && !live.refused) {
      const isNew = Boolean(live.problem) !== Boolean(found.problem);
      // What is withheld leaves the screen at once; what is shown again is withheld until its numbers are there.
      if (isNew) connection.soon();
      if (isNew && live.problem) return;
      Object.assign(live, found, isNew ? WITHHELD : {});
      if (isNew) draw();
    }
    told = Date.now();
    judge();
  },
  refused(found) {
    // Who may see some teams only begins with the first of them.
    const [first, ...others] = found.teams ?? [];
    if (first && view.level === "company") return void show({ level: "team", id: first });
    // A team that is no more, or a name that never was: nothing to show, and the way back.
    live = { ...live, ...NOTHING, refused: true };
    if (first) live.scopes = { company: false, teams: [first, ...others], managers: [] };
    draw();
    state("refused");
  },
  lost: () => state("lost"),
});

const sparks = new Sparks([...TILES, ...ANSWERS].filter((tile) => !tile.now).map((tile) => tile.main.id), (found) => {
  drawSparks($("kpis"), TILES, found);
  drawSparks($("answers"), ANSWERS, found);
});

/** Seconds since what is shown was so: the age that the exporter told, and the time since; no less than the screen is behind. */
const age = () => (live?.age == null ? null : Math.max(live.age + (Date.now() - told) / 1000, connection.behind / 1000));

/** Say what the numbers on the screen are worth now. */
function judge() {
  if (live?.refused) return state("refused");
  if (!live || $("live").dataset.state === "lost" && connection.isLost) return;
  state(live.problem ? "stale" : live.cause || age() > FRESH_SECONDS ? "aged" : "live");
}

/** live; refused: there is no such team or manager; stale: numbers are withheld; aged: they are of some time ago; lost: no exporter; connecting. */
function state(name) {
  const node = $("live"), notice = $("notice"), bad = ["stale", "aged", "lost", "refused"].includes(name);
  const cause = live?.cause || (connection.behind > FRESH_SECONDS * 1000 ? "slow" : "worker");
  const reason = name === "aged" ? `${cause}Notice` : name === "stale" && /Redis lacks/.test(live?.problem) ? "lackingNotice" : `${name}Notice`;
  node.dataset.state = name;
  text(node.lastElementChild, word(name));
  document.body.dataset.old = name === "lost" || name === "aged" ? "1" : "0";
  notice.dataset.state = name;
  notice.hidden = !bad;
  text(notice, bad ? word(reason) : "");
  drawProved();
  tickAge();
}

/** As of when all that is shown was found to be what the log says, or plainly that it was not. */
function drawProved() {
  const found = live?.proved, node = $("proved");
  node.hidden = !found;
  if (!found) return;
  const at = found.at ? clock(found.at, live.zone, { hour: "2-digit", minute: "2-digit" }) : "";
  node.dataset.cause = found.cause;
  text(node, found.cause === "differs" ? `${word("differs")}: ${found.differs}` : found.cause ? word(`unproved_${found.cause}`) : `${word("proved")} ${at}`);
  node.title = found.cause && at ? `${word("provedLast")} ${at}` : word("provedMeans");
}

/** How old the numbers are. Beside what is read aloud: a screen reader must not count the seconds. */
function tickAge() {
  const seconds = age(), node = $("age"), shown = seconds != null && !live.problem;
  node.hidden = !shown;
  if (shown) text(node, seconds < 1.5 ? word("now") : `${word("ago")} ${duration(Math.floor(seconds))}`);
}

function draw() {
  if (!live) return;
  setCurrency(live.currency);
  const key = JSON.stringify([view, getLanguage()]);
  const linkOf = (tile) => historyOf(tile, view);
  drawTiles($("kpis"), TILES, live, drawn === key, linkOf);
  drawTiles($("answers"), ANSWERS, live, drawn === key, linkOf);
  sparks.follow(view, !live.problem && !live.refused);
  drawn = key;
  drawWaiting($("waiting"), live);
  drawReturns($("returns"), live);
  drawPlan($("plan"), live);
  drawBoard();
  drawScope();
  tick();
}

function drawBoard() {
  $("boards").hidden = !live.teams?.length;
  for (const node of $("boards").children) node.setAttribute("aria-pressed", String(node.dataset.board === board));
  drawLeaders($("leaders"), live, board);
}

function drawScope() {
  const key = JSON.stringify([live.scopes, view, getLanguage()]), select = $("scope");
  if (select.dataset.key === key) return;
  select.dataset.key = key;
  let chosen = false;
  const option = (level, id, name) => {
    const mine = level === view.level && id === view.id;
    chosen ||= mine;
    return new Option(name, JSON.stringify([level, id]), mine, mine);
  };
  const group = (name, nodes) => { const node = document.createElement("optgroup"); node.label = name; node.append(...nodes); return node; };
  const nodes = [...(live.scopes.company ? [option("company", "", word("company"))] : []),
    group(word("teams"), live.scopes.teams.map((team) => option("team", team, team))),
    group(word("managers"), live.scopes.managers.map((m) => option("manager", m.id, m.name || m.id)))];
  // Somebody who left, or a name that never was: the list says whom it was asked for.
  if (!chosen) nodes.push(option(view.level, view.id, view.id));
  select.replaceChildren(...nodes);
  document.title = `${select.selectedOptions[0].text} · Sales Pulse`;
}

function tick() {
  const now = Date.now() / 1000 + skew, zone = live?.zone;
  text($("clock").firstElementChild, clock(now, zone, { weekday: "short", day: "numeric", month: "short" }));
  text($("clock").lastElementChild, clock(now, zone, { hour: "2-digit", minute: "2-digit", second: "2-digit" }));
  if (!live) return;
  const isOld = Boolean(live.problem) || $("live").dataset.state !== "live";
  tickWaiting($("waiting"), live, now, isOld);
  tickReturns($("returns"), live, now, isOld);
  judge();
  tickAge();
}

function everySecond() {
  if (!document.hidden) tick();
  setTimeout(everySecond, 1000 - ((Date.now() + skew * 1000) % 1000 + 1000) % 1000);
}

function show(changes) {
  Object.assign(view, changes);
  writeAddress();
  drawWindows();
  return connection.refresh();
}

function drawWindows() {
  for (const node of $("windows").children) {
    const mine = node.dataset.window === view.window;
    node.setAttribute("aria-checked", String(mine));
    node.tabIndex = mine ? 0 : -1;
  }
}

/** The company, then each team, and again. */
function step(by) {
  if (!live) return;
  const stops = [...(live.scopes.company ? [["company", ""]] : []), ...live.scopes.teams.map((team) => ["team", team])];
  const here = stops.findIndex(([level, id]) => level === view.level && id === view.id);
  if (!stops.length) return;
  const [level, id] = stops[(Math.max(here, 0) + by + stops.length) % stops.length];
  show({ level, id });
}

function turn() {
  if (document.hidden || $("explain").open) return;
  board = board === "teams" ? "managers" : "teams";
  step(1);
}

function setRotation(on, seconds = ROTATE_SECONDS) {
  clearInterval(rotating);
  rotating = on ? setInterval(turn, Math.max(1, seconds) * 1000) : 0;
  $("rotate").setAttribute("aria-pressed", String(on));
}

function words() {
  document.documentElement.lang = getLanguage();
  for (const node of document.querySelectorAll("[data-t]")) node.textContent = word(node.dataset.t);
  for (const node of document.querySelectorAll("[data-t-title]")) { node.title = word(node.dataset.tTitle); node.setAttribute("aria-label", node.title); }
  for (const node of document.querySelectorAll("[data-t-label]")) node.setAttribute("aria-label", word(node.dataset.tLabel));
  [...$("windows").children].forEach((node, index) => { node.textContent = word(node.dataset.window); node.title = String(index + 1); });
  $("language").textContent = getLanguage() === "ru" ? "EN" : "RU";
  state($("live").dataset.state);
  draw();
}

const actions = {
  language() { setLanguage(getLanguage() === "ru" ? "en" : "ru"); store("language", getLanguage()); words(); },
  theme() {
    const dark = getComputedStyle(document.documentElement).colorScheme.trim() === "dark";
    document.documentElement.dataset.theme = dark ? "light" : "dark";
    store("theme", document.documentElement.dataset.theme);
  },
  full() { if (document.fullscreenElement) document.exitFullscreen(); else document.documentElement.requestFullscreen().catch(() => {}); },
  rotate() { setRotation(!rotating); },
};
const KEYS = { r: actions.rotate, l: actions.language, t: actions.theme, f: actions.full, ArrowRight: () => step(1), ArrowLeft: () => step(-1), Escape: () => show({ level: "company", id: "" }) };

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || $("explain").open || /SELECT|INPUT/.test(event.target.tagName)) return;
  const window = WINDOWS[Number(event.key) - 1], sideways = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (sideways && $("windows").contains(event.target)) {
    const next = WINDOWS[(WINDOWS.indexOf(view.window) + sideways + WINDOWS.length) % WINDOWS.length];
    show({ window: next });
    $("windows").querySelector("[aria-checked=true]").focus();
  } else if (window) show({ window });
  else (KEYS[event.key] ?? KEYS[event.key.toLowerCase()])?.();
}

function fromAddress() {
  const kiosk = readAddress();
  drawWindows();
  return kiosk;
}

function listen() {
  $("scope").addEventListener("change", (event) => { const [level, id] = JSON.parse(event.target.value); event.target.blur(); show({ level, id }); });
  for (const name of Object.keys(actions)) $(name).addEventListener("click", actions[name]);
  for (const node of $("boards").children) node.addEventListener("click", () => { board = node.dataset.board; store("board", board); if (live) drawBoard(); });
  $("returns").addEventListener("click", (event) => {
    const asked = event.target.closest("button")?.closest("[data-what]");
    if (asked) why({ main: { id: EXPLAINED[asked.dataset.what], labels: {} } }, asked.dataset.entity);
  });
  document.addEventListener("keydown", onKey);
  addEventListener("hashchange", () => { fromAddress(); connection.refresh(); });
  const lists = ["waiting", "returns", "leaders"];
  const sized = new ResizeObserver(() => { remeasure(...lists.map($)); draw(); });
  for (const id of lists) sized.observe($(id).querySelector("ol"));
}

/** Why is a number so? `entity`: the one that was asked about. */
function why(tile, entity) {
  const main = live && pick(new Map(live.kpis.map((record) => [record.id, record])), tile.main);
  if (main) explain($("explain"), tile, main, live, { ...view }, entity);
}

function start() {
  setLanguage(stored("language", navigator.language.startsWith("ru") ? "ru" : "en"));
  document.documentElement.dataset.theme = stored("theme", "auto");
  $("windows").replaceChildren(...WINDOWS.map((window) => {
    const node = document.createElement("button");
    Object.assign(node, { type: "button", onclick: () => show({ window }) });
    node.dataset.window = window;
    node.setAttribute("role", "radio");
    return node;
  }));
  buildTiles($("kpis"), TILES, (tile) => why(tile));
  buildTiles($("answers"), ANSWERS, (tile) => why(tile));
  const { theme, lang, rotate } = fromAddress();
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  if (lang) setLanguage(lang);
  if (rotate > 0) setRotation(true, Number(rotate));
  words();
  listen();
  everySecond();
  connection.start();
}

start();
