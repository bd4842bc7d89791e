// How a plan fills up: done day by day beside the plan, and the band in which the period will end.
import { axis, days, shape, short, ticks } from "./drawing.js";
import { mark as markOf, range, show } from "./format.js";
import { word } from "./words.js";

const HIGH = 300, TOP = 16, BOTTOM = 30, RIGHT = 14, LETTER = 8.2;

/** Why there is no range, and from which day on there will be one, if this period has any. */
export const unsaid = (withheld) => word("fewPeriods") + (withheld.from ? ` ${word("rangeFrom")} ${short(withheld.from, "day")}` : "");
/** The same where there is little room. */
export const brief = (withheld) => (withheld.from ? `${word("rangeSince")} ${short(withheld.from, "day")}` : word("noRange"));

/** In words: done, target, share, what it will come to. */
export function toldPlan(found, unit) {
  const done = found.days.findLast((day) => day.done != null)?.done ?? 0, planned = found.days.findLast((day) => day.done != null)?.plan;
  const parts = [`${days(found.from, found.to)}: ${show(done, unit)} ${word("of")} ${show(found.target, unit)} (${show(done / found.target, "percentunit")})`];
  if (planned != null && !found.complete) parts.push(`${word("byToday")} ${show(planned, unit)}`);
  if (found.expected != null) parts.push(`${word("forecast")} ${show(found.expected, unit)} (${range(found.low, found.high, unit)})`);
  if (found.withheld) parts.push(unsaid(found.withheld));
  return parts.join(" · ");
}

export function drawPlan(box, found, unit) {
  const width = Math.max(280, box.clientWidth), shown = found.days, last = shown.findLastIndex((day) => day.done != null);
  const values = [...shown.flatMap((day) => [day.done, day.plan]), found.target, found.high].filter((value) => value != null), marks = ticks(values, unit);
  const left = Math.max(...marks.map((mark) => markOf(mark, unit).length)) * LETTER + 12;
  const svg = shape("svg", { viewBox: `0 0 ${width} ${HIGH}`, height: HIGH, role: "img", "aria-label": toldPlan(found, unit) });
  const y = axis(svg, marks, unit, { left, right: width - RIGHT, top: TOP, bottom: HIGH - BOTTOM });
  const x = (index) => left + ((width - RIGHT - left) * (index + 1)) / shown.length, begin = `M${x(-1)} ${y(0)}`;
  const line = (key) => begin + shown.map((day, index) => (day[key] == null ? "" : `L${x(index).toFixed(1)} ${y(day[key]).toFixed(1)}`)).join("");
  if (found.expected != null && last >= 0) {
    const [from, to] = [`${x(last)} ${y(shown[last].done)}`, x(shown.length - 1)];
    svg.append(shape("path", { class: "band", d: `M${from}L${to} ${y(found.low)}L${to} ${y(found.high)}Z` }));
    svg.append(shape("path", { class: "expected", d: `M${from}L${to} ${y(found.expected)}` }));
  }
  svg.append(shape("line", { class: "goal", x1: left, x2: width - RIGHT, y1: y(found.target), y2: y(found.target) }));
  svg.append(shape("path", { class: "planned", d: line("plan") }), shape("path", { class: "done", d: line("done") }));
  const every = Math.ceil((shown.length * 7 * LETTER) / (width - RIGHT - left));
  shown.forEach((day, index) => { if (index % every === 0 && x(index) < width - 30) svg.append(shape("text", { x: x(index), y: HIGH - 8, "text-anchor": "middle" }, short(day.day, "day"))); });
  box.replaceChildren(svg, key([["done", "done"], ["planned", "planToDay"], ...(found.expected == null ? [] : [["band", "between"]])]));
}

/** What the lines mean: class and word of each. */
export function key(kinds) {
  const list = document.createElement("ul");
  list.className = "key";
  list.append(...kinds.map(([kind, name]) => {
    const row = document.createElement("li"), sign = shape("svg", { viewBox: "0 0 24 14", "aria-hidden": "true", class: kind === "old" || kind === "target" ? "bar" : "" });
    sign.append(kind === "band" || kind === "now" ? shape("rect", { class: kind, width: 24, height: 14 }) : shape("path", { class: kind, d: "M0 7H24" }));
    if (kind === "now") sign.setAttribute("class", "bar");
    row.append(sign, word(name));
    return row;
  }));
  return list;
}
