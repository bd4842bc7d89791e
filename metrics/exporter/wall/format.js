// How the wall writes numbers, money, shares and durations in the language chosen. What is no number is a dash.
import { getLanguage, word } from "./words.js";

const NONE = "–";
const MOST_PERCENT = 9.99;
let currency = "RUB";
const formats = new Map();

export const setCurrency = (code) => { currency = code; };

/** Intl formats are costly to make, and a wall runs for days: each is made once. */
function number(value, options) {
  const key = getLanguage() + JSON.stringify(options);
  if (!formats.has(key)) formats.set(key, new Intl.NumberFormat(getLanguage(), options));
  return formats.get(key).format(value).replace("-", "−");
}

/** Wall clock of the business; `options` as of Intl.DateTimeFormat. */
export function clock(seconds, zone, options) {
  const key = getLanguage() + zone + JSON.stringify(options);
  if (!formats.has(key)) formats.set(key, new Intl.DateTimeFormat(getLanguage() === "en" ? "en-GB" : "ru", { ...options, timeZone: zone, hourCycle: "h23" }));
  return formats.get(key).format(seconds * 1000);
}

export function duration(seconds) {
  const s = Math.abs(seconds), sign = seconds < 0 ? "−" : "";
  const [value, unit, digits] = s < 89.5 ? [s, "s", s < 9.95 ? 1 : 0] : s < 5400 ? [s / 60, "m", s < 600 ? 1 : 0] : s < 172800 ? [s / 3600, "h", 1] : [s / 86400, "d", 1];
  return `${sign}${number(value, { maximumFractionDigits: digits })} ${word(unit)}`;
}

/** Minutes and seconds of a wait, as a stopwatch. */
export function ticking(seconds) {
  const s = Math.max(0, Math.floor(seconds)), two = (n) => String(n).padStart(2, "0");
  const minutes = Math.floor((s % 3600) / 60), hours = Math.floor(s / 3600);
  return hours ? `${hours}:${two(minutes)}:${two(s % 60)}` : `${minutes}:${two(s % 60)}`;
}

const LONG_SECONDS = 36000;

/** Working time until a target is over, below 0 after it: a stopwatch, from ten hours on whole hours. */
export function remaining(seconds) {
  const s = Math.abs(seconds), shown = s < LONG_SECONDS ? ticking(s) : `${number(s / 3600, { maximumFractionDigits: 0 })} ${word("h")}`;
  return seconds < 0 ? `−${shown}` : shown;
}

export function show(value, unit) {
  if (value === null || value === undefined || !Number.isFinite(value)) return NONE;
  const big = Math.abs(value) >= 1e5;
  switch (unit) {
    case "currency": return number(value, { style: "currency", currency, currencyDisplay: "narrowSymbol", ...(big ? { notation: "compact", maximumSignificantDigits: 3 } : { maximumFractionDigits: 0 }) });
    case "percentunit": return number(value, { style: "percent", maximumFractionDigits: Math.abs(value) < 1 ? 1 : 0 });
    case "growth": return signed(value);
    case "s": return duration(value);
    case "d": return `${number(value, { maximumFractionDigits: 1 })} ${word("d")}`;
    default: return number(value, { notation: Math.abs(value) >= 1e6 ? "compact" : "standard", maximumFractionDigits: Number.isInteger(value) && !big ? 0 : big ? 1 : 2 });
  }
}

const signed = (value) => number(value, { style: "percent", signDisplay: "exceptZero", maximumFractionDigits: Math.abs(value) < 0.0995 ? 1 : 0 });

/** A change as a share with its sign; beyond tenfold the digits say nothing. */
export function change(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return NONE;
  if (Math.abs(value) > MOST_PERCENT) return value > 0 ? `>${signed(MOST_PERCENT)}` : `<${signed(-MOST_PERCENT)}`;
  return signed(value);
}

/** A difference of two shares: 0.05 is 5 points. */
export function points(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return NONE;
  return `${number(value * 100, { signDisplay: "exceptZero", maximumFractionDigits: Math.abs(value) < 0.0995 ? 1 : 0 })} ${word("points")}`;
}

export const arrow = (value) => (value > 0.0005 ? "▲" : value < -0.0005 ? "▼" : "■");

/** An exact number, sent as text, with its digits grouped and none lost. */
export function exact(text) {
  if (!/^-?\d+(\.\d+)?$/.test(text)) return text;
  return number(text, { maximumFractionDigits: 12 });
}
