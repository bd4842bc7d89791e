// The tiles: fifteen KPIs, and what becomes of whom nobody answered; how a tile is drawn without moving its neighbours.
import { arrow, brief, change, isLevel, points, show } from "./format.js";
import { drawSpark } from "./spark.js";
import { widthOf } from "./width.js";
import { helpOf, title, word } from "./words.js";

const FACTS = 3, FLASH_MS = 1200;
/** Shares of a tile's width, by how many facts it has; the change, where there is one, comes first and is longest, above all in points. */
const SHARES = [[], [1], [0.5, 0.5], [0.38, 0.31, 0.31]], THIRDS = [0.33, 0.33, 0.33], POINTS = [0.42, 0.29, 0.29];

export const matches = (labels, wanted) => Object.entries(wanted).every(([name, value]) => labels[name] === value);

/** Value of a KPI: its one series that carries the wanted labels; their sum where it is a sum. Null without the KPI. */
export function pick(byId, { id, labels }) {
  const record = byId.get(id);
  if (!record) return null;
  const found = record.values.filter((value) => matches(value.labels, labels));
  if (found.length === 1) return { record, ...found[0] };
  if (!found.length || !id.endsWith(":sum")) return { record, current: null, previous: null, trend: null };
  const add = (key) => found.reduce((sum, value) => (value[key] == null ? sum : (sum ?? 0) + value[key]), null);
  const current = add("current"), previous = add("previous");
  return { record, current, previous, trend: current != null && previous > 0 ? current / previous - 1 : null };
}

/** Whether a change is "good" or "bad"; "" when it is neither, and when it is none with so many digits. */
export function judge(trend, better, digits = 0) {
  if (trend == null || isLevel(trend, digits) || !better) return "";
  return (trend > 0) === (better === "up") ? "good" : "bad";
}

const COUNTED = ["sum", "left", "forecast"];
/** How a KPI's number is written: of what is no money, time or share, whether it is counted or divided decides. */
export function unitOf({ id, unit }) {
  const operation = id.split(":").at(-1);
  return operation === "growth" ? "growth" : unit === "short" && !COUNTED.includes(operation) ? "mean" : unit;
}

/** What a tile is called. The plan's tiles are all of booked sales: there the title says what of the plan it is. */
export function nameOf(tile, record) {
  const short = tile.about === "inMonth" ? title(record).split(": ").at(-1) : title(record);
  return short[0].toUpperCase() + short.slice(1) + (tile.about ? ` · ${word(tile.about)}` : "");
}

/** [label, change, good or bad] against the period before: of shares in points; of a loss only better or worse. */
function trendOf(main) {
  const { record, current, previous, trend } = main;
  const before = `${word("before")} ${brief(previous, unitOf(record))}`;
  if (previous == null) return [before, "", ""];
  if (trend != null && record.unit === "percentunit") return [before, `${arrow(trend)} ${points(trend)}`, judge(trend, record.better)];
  if (current != null && previous < 0) return [before, arrow(current - previous), judge(current - previous, record.better)];
  if (trend == null || current == null) return [before, "–", ""];
  return [before, `${arrow(trend)} ${change(trend)}`, judge(trend, record.better)];
}

/** Text, and its width for CSS, which makes long text smaller rather than cutting it. */
export function text(node, value) {
  if (node.textContent === value) return false;
  node.textContent = value;
  node.style.setProperty("--n", Math.max(1, widthOf(node)).toFixed(2));
  return true;
}

/** A tile leads to its history, or opens what `open` gives where it is about now; `open` is also its button "why". */
export function buildTiles(root, tiles, open) {
  root.replaceChildren(...tiles.map((tile) => {
    const box = document.createElement("div"), node = document.createElement(tile.now ? "button" : "a");
    box.className = "box";
    if (tile.now) node.type = "button";
    if (tile.still) node.dataset.still = "";
    node.className = "tile";
    node.dataset.number = tile.number;
    const fact = '<span class="fact"><small></small><b></b></span>';
    node.innerHTML = `<span class="title"></span><span class="value">–</span><svg class="spark" aria-hidden="true" preserveAspectRatio="none"></svg><span class="more">${fact.repeat(FACTS)}</span>`;
    // Of the tile, not of what is in it: nothing moves when a number changes.
    node.lastElementChild.style.setProperty("--columns", sharesOf(tile).map((share) => `minmax(0, ${share}fr)`).join(" ") || "none");
    node.lastElementChild.dataset.facts = sharesOf(tile).length;
    box.append(node);
    if (tile.now) node.addEventListener("click", () => open(tile));
    else {
      const why = document.createElement("button");
      Object.assign(why, { type: "button", className: "why", textContent: "?" });
      why.addEventListener("click", () => open(tile));
      box.append(why);
    }
    return box;
  }));
}

function sharesOf(tile) {
  const count = tile.more.length + (tile.still ? 0 : 1);
  return count < FACTS ? SHARES[count] : tile.still ? THIRDS : tile.main.id.endsWith(":ratio") ? POINTS : SHARES[FACTS];
}

/** `flash`: whether a number that changed lights up; not when another view was chosen. `linkOf`: address of a tile's history. */
export function drawTiles(root, tiles, live, flash, linkOf) {
  const byId = new Map(live.kpis.map((record) => [record.id, record]));
  tiles.forEach((tile, index) => {
    const [node, why] = root.children[index].children;
    drawTile(node, tile, byId, flash);
    if (!why) return;
    const href = linkOf(tile), label = `${word("explain")} ${node.firstElementChild.textContent}`;
    if (node.getAttribute("href") !== href) node.setAttribute("href", href);
    if (why.getAttribute("aria-label") !== label) why.setAttribute("aria-label", label);
  });
}

/** Lines of the last weeks or months; none while numbers are withheld. found: KPI → its points. */
export function drawSparks(root, tiles, found) {
  tiles.forEach((tile, index) => drawSpark(root.children[index].querySelector(".spark"), found?.[tile.main.id], tile.main));
}

function drawTile(node, tile, byId, flash) {
  const [name, value, , more] = node.children, main = pick(byId, tile.main), record = main?.record;
  if (record) text(name, nameOf(tile, record));
  const shown = record ? show(main.current, unitOf(record)) : show(null);
  if (text(value, shown) && flash) light(node);
  value.dataset.is = record && unitOf(record) === "growth" ? judge(main.current, record.better, 1) : "";
  const facts = [];
  if (!tile.still) facts.push(main ? trendOf(main) : ["", "", ""]);
  for (const extra of tile.more) {
    const found = pick(byId, extra), isOver = extra.name === "left" && found?.current < 0;
    const name = isOver ? word("overPlan") : extra.name ? word(extra.name) : found ? title(found.record).toLowerCase() : "";
    // Beyond a plan nothing is left of it, and nothing is needed.
    const number = isOver ? -found.current : extra.name === "need" && found?.current < 0 ? 0 : found?.current;
    facts.push([name, found ? brief(number, unitOf(found.record)) : "–", isOver ? "good" : ""]);
  }
  for (let i = 0; i < FACTS; i++) {
    const [label, number, is] = facts[i] ?? ["", "", ""], cell = more.children[i];
    text(cell.children[0], label);
    text(cell.children[1], number);
    cell.dataset.is = is;
  }
  alike(more, sharesOf(tile));
  const label = [`${name.textContent}: ${shown}`, ...facts.filter((fact) => fact[1] !== "–" && fact[1] !== "").map(([a, b]) => `${a} ${b}`)].join(", ");
  if (node.getAttribute("aria-label") !== label) node.setAttribute("aria-label", label);
  const tip = record ? `${helpOf(record)}\n${word(tile.now ? "explain" : "follow")}`.trim() : "";
  if (node.title !== tip) node.title = tip;
}

/** The facts of a tile are written in one size, and so are their labels: CSS is told what share of a tile one em may take. */
function alike(more, shares) {
  for (const [part, name] of [["small", "--label"], ["b", "--fact"]]) {
    const least = Math.min(...shares.map((share, i) => share / Math.max(1, Number(more.children[i].querySelector(part).style.getPropertyValue("--n"))))).toFixed(4);
    if (shares.length && more.style.getPropertyValue(name) !== least) more.style.setProperty(name, least);
  }
}

function light(node) {
  node.dataset.flash = "";
  clearTimeout(node.flashTimer);
  node.flashTimer = setTimeout(() => delete node.dataset.flash, FLASH_MS);
}
