// How the wall writes numbers, money, shares and durations in the language chosen. What is no number is a dash.
// A kind of number always has the same digits, so that nothing but its value changes, and neighbours in a list look alike:
// money three digits (98.3K, 102K, 1.02M; below 1,000 as it is), shares, minutes, hours and days one after the point, means
// two, counts, seconds and changes none.
import { getLanguage, word } from "./words.js";

const NONE = "–";
const MOST_PERCENT = 9.99, BIG_DIGITS = 3;
/** What rounds to a thousand is written as one. */
const BIG_MONEY = 999.5;
let currency = "RUB";
const formats = new Map();

export const setCurrency = (code) => { currency = code; };

/** Intl formats are costly to make, and a wall runs for days: each is made once. What rounds to nothing has no sign. */
function number(value, options) {
  const key = getLanguage() + JSON.stringify(options);
  if (!formats.has(key)) formats.set(key, new Intl.NumberFormat(getLanguage(), options));
  const text = formats.get(key).format(value);
  return /[1-9]/.test(text) ? text.replace("-", "−") : text.replace(/[-+]/, "");
}

/** So many digits after the point: no more, and of what `isRound` no zeros at its end. */
const places = (digits, isRound = false) => ({ minimumFractionDigits: isRound ? 0 : digits, maximumFractionDigits: digits });
const short = (isRound) => ({ notation: "compact", minimumSignificantDigits: isRound ? 1 : BIG_DIGITS, maximumSignificantDigits: BIG_DIGITS });

/** Wall clock of the business; `options` as of Intl.DateTimeFormat. */
export function clock(seconds, zone, options) {
  const key = getLanguage() + zone + JSON.stringify(options);
  if (!formats.has(key)) formats.set(key, new Intl.DateTimeFormat(getLanguage() === "en" ? "en-GB" : "ru", { ...options, timeZone: zone, hourCycle: "h23" }));
  return formats.get(key).format(seconds * 1000);
}

export function duration(seconds, isRound = false) {
  const s = Math.abs(seconds), sign = seconds < 0 ? "−" : "";
  const [value, unit, digits] = s < 89.5 ? [s, "s", 0] : s < 5400 ? [s / 60, "m", 1] : s < 172800 ? [s / 3600, "h", 1] : [s / 86400, "d", 1];
  return `${sign}${number(value, places(digits, isRound))} ${word(unit)}`;
}

const SPANS = [["d", 86400n], ["h", 3600n], ["m", 60n]];

/** An exact number of seconds, sent as text, as people say it and with none of it lost: 1 min 30.5 s. */
export function lasting(text) {
  const [, sign, whole, rest] = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text) ?? [];
  if (whole === undefined) return text;
  let left = BigInt(whole);
  const parts = [];
  for (const [unit, seconds] of SPANS) {
    if (left >= seconds) parts.push(`${exact(String(left / seconds))} ${word(unit)}`);
    left %= seconds;
  }
  const seconds = rest && Number(rest) ? `${left}.${rest}` : String(left);
  if (Number(seconds) || !parts.length) parts.push(`${exact(seconds)} ${word("s")}`);
  return (sign ? "−" : "") + parts.join(" ");
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

export function show(value, unit, isRound = false, sign = currency) {
  if (value === null || value === undefined || !Number.isFinite(value)) return NONE;
  switch (unit) {
    case "currency": return number(value, { ...(sign && { style: "currency", currency: sign, currencyDisplay: "narrowSymbol" }), ...(Math.abs(value) >= BIG_MONEY ? short(isRound) : places(0)) });
    case "percentunit": return number(value, { style: "percent", ...places(1, isRound) });
    case "growth": return number(value, { style: "percent", signDisplay: "exceptZero", ...places(1, isRound) });
    case "s": return duration(value, isRound);
    case "d": return `${number(value, places(1, isRound))} ${word("d")}`;
    case "mean": return number(value, places(2, isRound));
    default: return number(value, places(0));
  }
}

/** A number where there is little room: money without its sign in languages that write it behind the number. */
export const brief = (value, unit) => show(value, unit, false, getLanguage() === "ru" ? "" : currency);

/** From one number to another: what both are counted in is said once. */
export function range(low, high, unit) {
  const ends = [low, high].map((value) => show(value, unit)), [from, to] = ends.map((text) => /^([^\d−]*)([\d.,\s]*\d)(\D*)$/.exec(text));
  return from && to && from[1] === to[1] && from[3] === to[3] ? `${from[1]}${from[2]}–${to[2]}${to[3]}` : ends.join(" – ");
}

/** A number that a scale is marked with: round, so that zeros at its end say nothing. */
export const mark = (value, unit) => show(value, unit, true);

/** A change as a share with its sign; beyond tenfold the digits say nothing. */
export function change(value, digits = 0) {
  if (value === null || value === undefined || !Number.isFinite(value)) return NONE;
  const signed = (share, after) => number(share, { style: "percent", signDisplay: "exceptZero", ...places(after) });
  if (Math.abs(value) > MOST_PERCENT) return value > 0 ? `>${signed(MOST_PERCENT, 0)}` : `<${signed(-MOST_PERCENT, 0)}`;
  return signed(value, digits);
}

/** A difference of two shares: 0.05 is 5 points. */
export function points(value, digits = 0) {
  if (value === null || value === undefined || !Number.isFinite(value)) return NONE;
  return `${number(value * 100, { signDisplay: "exceptZero", ...places(digits) })} ${word("points")}`;
}

/** Which way a share went, seen with so many digits: what rounds to nothing is level. */
export const arrow = (value, digits = 0) => (isLevel(value, digits) ? "■" : value > 0 ? "▲" : "▼");
export const isLevel = (value, digits = 0) => Math.abs(value) < 0.005 / 10 ** digits;

/** An exact number, sent as text, with its digits grouped and none lost. */
export function exact(text) {
  if (!/^-?\d+(\.\d+)?$/.test(text)) return text;
  return number(text, { maximumFractionDigits: 12 });
}
