// What both drawings of a page stand on: SVG elements, an axis of round numbers, days as people write them.
import { clock, mark as markOf } from "./format.js";
import { word } from "./words.js";

const SVG = "http://www.w3.org/2000/svg";
const SECONDS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400, 172800, 432000, 864000, 1728000];
const TICKS = 5;

export function shape(name, attributes = {}, ...children) {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

/** Round numbers that a scale is marked with; the first and the last are its ends, and 0 lies in it. */
export function ticks(values, unit) {
  const low = Math.min(0, ...values), high = Math.max(0, ...values), span = high - low || 1;
  const raw = span / TICKS, power = 10 ** Math.floor(Math.log10(raw));
  let step = power * [1, 2, 2.5, 5, 10].find((times) => times * power >= raw * 0.999);
  if (unit === "s") step = SECONDS.find((seconds) => seconds >= raw) ?? Math.ceil(raw / 864000) * 864000;
  // What is counted is never halved.
  if (unit === "short" && values.every(Number.isInteger)) step = Math.max(1, Math.ceil(step));
  const found = [];
  for (let n = Math.floor(low / step + 1e-9); n <= Math.ceil(high / step - 1e-9) || found.length < 2; n++) found.push(n * step);
  return found;
}

/** The lines of a scale with their numbers. Returns y of a value. */
export function axis(svg, marks, unit, { left, right, top, bottom }) {
  const low = marks[0], high = marks.at(-1), y = (value) => bottom - ((value - low) / (high - low)) * (bottom - top);
  for (const mark of marks) {
    svg.append(shape("line", { class: mark === 0 ? "zero" : "grid", x1: left, x2: right, y1: y(mark), y2: y(mark) }));
    svg.append(shape("text", { x: left - 8, y: y(mark) + 4, "text-anchor": "end" }, markOf(mark, unit)));
  }
  return y;
}

const at = (day) => Date.parse(`${day}T12:00:00Z`) / 1000;
const say = (day, options) => clock(at(day), "UTC", options);

/** A period as it stands under its bar. */
export function short(day, step) {
  switch (step) {
    case "month": return say(day, day.slice(5, 7) === "01" ? { month: "short", year: "2-digit" } : { month: "short" });
    case "quarter": return `${word("q")}${Math.ceil(Number(day.slice(5, 7)) / 3)} ${day.slice(2, 4)}`;
    case "year": return day.slice(0, 4);
    default: return say(day, { day: "numeric", month: "short" });
  }
}

/** A period in full; `last`: its last day. */
export function long(day, last, step) {
  switch (step) {
    case "day": return say(day, { weekday: "short", day: "numeric", month: "long", year: "numeric" });
    case "month": return say(day, { month: "long", year: "numeric" });
    case "quarter": return `${word("q")}${Math.ceil(Number(day.slice(5, 7)) / 3)} ${day.slice(0, 4)}`;
    case "year": return day.slice(0, 4);
    default: return days(day, last);
  }
}

/** A run of days. */
export function days(first, last) {
  const full = { day: "numeric", month: "short", year: "numeric" };
  if (first === last) return say(first, full);
  return `${say(first, first.slice(0, 4) === last.slice(0, 4) ? { day: "numeric", month: "short" } : full)} – ${say(last, full)}`;
}
