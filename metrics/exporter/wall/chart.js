// Bars of a KPI by period, each with what it is compared with and its plan; every bar can be reached by keyboard.
import { axis, long, shape, short, ticks } from "./drawing.js";
import { arrow, change, mark as markOf, points as inPoints, show } from "./format.js";
import { judge, unitOf } from "./tiles.js";
import { word } from "./words.js";

/** Digits of a change on a page that is read closely. */
const DIGITS = 1;
const HIGH = 340, TOP = 24, BOTTOM = 30, RIGHT = 8, LETTER = 8.2, WIDEST = 90, LETTERS_HIGH = 20;

/** A number against an older one: [text, good or bad]; empty where there is nothing to compare. */
export function against(record, now, old) {
  if (now == null || old == null) return ["", ""];
  if (record.unit === "percentunit") return [`${arrow(now - old, DIGITS)} ${inPoints(now - old, DIGITS)}`, judge(now - old, record.better, DIGITS)];
  if (old <= 0) return [arrow(now - old), judge(now - old, record.better)];
  return [`${arrow(now / old - 1, DIGITS)} ${change(now / old - 1, DIGITS)}`, judge(now / old - 1, record.better, DIGITS)];
}

/** One bar in words: its period, number, what it was, its plan. bar: {from, to, complete, value, old, target}. */
export function told(bar, record, step, oldName) {
  const unit = unitOf(record), parts = [`${long(bar.from, bar.to, step)}${bar.complete ? "" : ` (${word("soFar")})`}: ${show(bar.value, unit)}`];
  if (bar.old != null) parts.push(`${oldName} ${show(bar.old, unit)} ${against(record, bar.value, bar.old)[0]}`.trim());
  if (bar.target != null) parts.push(`${word("target")} ${show(bar.target, unit)}`);
  return parts.join(" · ");
}

/** Where a bar's number stands: on its top, or on the lines that would run through it. */
function free(top, lines) {
  for (const line of lines.sort((a, b) => b - a)) if (line < top + 2 && line > top - LETTERS_HIGH) top = line;
  return top;
}

/** Draw bars into a box. open(bar): one was chosen; tell(text): one is looked at. */
export function drawBars(box, bars, record, step, oldName, { open, tell, name }) {
  const unit = unitOf(record), values = bars.flatMap((bar) => [bar.value, bar.old, bar.target]).filter((value) => value != null);
  if (!values.length) {
    const empty = document.createElement("p");
    empty.className = "empty";
    empty.textContent = word("noNumbers");
    box.replaceChildren(empty);
    return;
  }
  const width = Math.max(280, box.clientWidth), marks = ticks(values, unit);
  const left = Math.max(...marks.map((mark) => markOf(mark, unit).length)) * LETTER + 12;
  const svg = shape("svg", { viewBox: `0 0 ${width} ${HIGH}`, height: HIGH, role: "group", "aria-label": name });
  svg.append(shape("defs", {}, shape("pattern", { id: "hatch", width: 8, height: 8, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" }, shape("path", { d: "M2 0V8" }))));
  const y = axis(svg, marks, unit, { left, right: width - RIGHT, top: TOP, bottom: HIGH - BOTTOM });
  const each = (width - RIGHT - left) / bars.length, thick = Math.min(WIDEST, Math.max(1.5, each * 0.72));
  const labels = bars.map((bar) => short(bar.from, step)), every = Math.ceil(((Math.max(...labels.map((label) => label.length)) + 1.5) * LETTER) / each);
  // The last label ends with its bar where it is wider than one: beside it the page ends.
  const isWide = labels.at(-1).length * LETTER > each;
  const isNamed = bars.every((bar) => show(bar.value, unit).length * LETTER < each);
  bars.forEach((bar, index) => {
    const middle = left + each * (index + 0.5), x = middle - thick / 2, group = shape("g", { class: `bar${bar.complete ? "" : " running"}`, role: "button", tabindex: index === bars.length - 1 ? 0 : -1, "aria-label": told(bar, record, step, oldName), "data-from": bar.from });
    group.append(shape("rect", { class: "hit", x: left + each * index, y: TOP - 18, width: each, height: HIGH - BOTTOM - TOP + 18 }));
    if (bar.value != null) {
      const top = Math.min(y(bar.value), y(0));
      group.append(shape("rect", { class: "now", x, y: top, width: thick, height: Math.max(bar.value ? 1 : 0, Math.abs(y(bar.value) - y(0))), rx: Math.min(3, thick / 4) }));
    }
    if (bar.old != null) group.append(shape("line", { class: "old", x1: middle - Math.min(each, thick + 6) / 2, x2: middle + Math.min(each, thick + 6) / 2, y1: y(bar.old), y2: y(bar.old) }));
    if (bar.target != null) group.append(shape("line", { class: "target", x1: left + each * index, x2: left + each * (index + 1), y1: y(bar.target), y2: y(bar.target) }));
    if (bar.value != null && isNamed) group.append(shape("text", { x: middle, y: free(Math.min(y(bar.value), y(0)), [bar.old, bar.target].filter((other) => other != null).map(y)) - 6, "text-anchor": "middle" }, show(bar.value, unit)));
    if ((bars.length - 1 - index) % every === 0) svg.append(shape("text", { x: middle, y: HIGH - 8, ...(isWide && index === bars.length - 1 ? { x: Math.min(width, middle + each / 2), "text-anchor": "end" } : { "text-anchor": "middle" }) }, labels[index]));
    for (const event of ["pointerenter", "focus"]) group.addEventListener(event, () => tell(told(bar, record, step, oldName)));
    group.addEventListener("click", () => open(bar));
    svg.append(group);
  });
  svg.addEventListener("keydown", (event) => onKey(event, svg));
  box.replaceChildren(svg);
}

/** Arrows, Home and End go from bar to bar, Enter and space open one. */
function onKey(event, svg) {
  const bars = [...svg.querySelectorAll(".bar")], here = bars.indexOf(event.target.closest(".bar"));
  if (here < 0) return;
  if (event.key === "Enter" || event.key === " ") {
    event.preventDefault();
    bars[here].dispatchEvent(new MouseEvent("click"));
    return;
  }
  const next = { ArrowRight: here + 1, ArrowLeft: here - 1, Home: 0, End: bars.length - 1 }[event.key];
  if (next === undefined || !bars[next]) return;
  event.preventDefault();
  bars[here].setAttribute("tabindex", "-1");
  bars[next].setAttribute("tabindex", "0");
  bars[next].focus();
}
