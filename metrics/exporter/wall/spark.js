// Small lines in the tiles: the last thirty days or twelve months, all of them by one request a minute.
import { matches } from "./tiles.js";

const AGAIN_MS = 60_000, WIDE = 100, HIGH = 24, TIMEOUT_MS = 20_000;
/** Of fewer points a line says nothing: it would be a stroke in a corner. */
const LEAST = 3;

/** What one point of a KPI is worth: the one value with the labels wanted; of a sum, all of them. Null where there is none. */
export function valueOf(values, { id, labels }) {
  const wanted = Object.fromEntries(Object.entries(labels).filter(([name]) => name !== "window"));
  const found = values.filter((value) => matches(value.labels, wanted));
  if (found.length === 1) return found[0].value;
  return found.length && id.endsWith(":sum") ? found.reduce((sum, one) => sum + one.value, 0) : null;
}

/** found: the KPI's points. A gap where there is no number. */
export function drawSpark(svg, found, kpi) {
  const values = (found?.points ?? []).map((point) => valueOf(point, kpi)), known = values.filter((value) => value !== null);
  const key = JSON.stringify(values);
  if (svg.dataset.key === key) return;
  svg.dataset.key = key;
  svg.setAttribute("viewBox", `0 0 ${WIDE} ${HIGH}`);
  if (known.length < LEAST) { svg.innerHTML = ""; return; }
  const low = Math.min(0, ...known), high = Math.max(0, ...known), y = (value) => HIGH - 1 - (HIGH - 2) * (high > low ? (value - low) / (high - low) : 0);
  const x = (index) => (index * WIDE) / (values.length - 1);
  let line = "", area = "";
  values.forEach((value, index) => {
    if (value === null) return;
    const begins = index === 0 || values[index - 1] === null;
    line += `${begins ? "M" : "L"}${x(index).toFixed(2)} ${y(value).toFixed(2)}`;
    if (begins) { area += `M${x(index).toFixed(2)} ${y(0).toFixed(2)}`; }
    area += `L${x(index).toFixed(2)} ${y(value).toFixed(2)}`;
    // One day alone is a short stroke.
    if (begins && (index + 1 === values.length || values[index + 1] === null)) line += "h.8";
    if (index + 1 === values.length || values[index + 1] === null) area += `L${x(index).toFixed(2)} ${y(0).toFixed(2)}Z`;
  });
  svg.innerHTML = `<path class="area" d="${area}"/><path d="${line}"/>`;
}

/** Asks for the lines of a view: at once when it is another one, else once a minute. draw(found): KPI → points, null for none. */
export class Sparks {
  constructor(kpis, draw) {
    Object.assign(this, { kpis, draw });
    this.key = this.shown = "";
    this.asked = 0;
  }

  /** isShown: whether numbers may be shown at all. */
  follow(view, isShown) {
    const step = view.window === "quarter" || view.window === "year" ? "month" : "day";
    const query = { kpis: this.kpis.join(), level: view.level, step };
    if (view.id) query.id = view.id;
    const key = isShown ? `api/v1/sparks?${new URLSearchParams(query)}` : "";
    if (key !== this.key) {
      this.key = key;
      this.asked = 0;
      this.draw(null);
    }
    if (key && Date.now() - this.asked > AGAIN_MS) this.ask(key);
  }

  async ask(key) {
    this.asked = Date.now();
    try {
      const answer = await fetch(key, { signal: AbortSignal.timeout(TIMEOUT_MS) });
      const found = answer.ok ? await answer.json() : null;
      // Another view was chosen meanwhile: its own answer is under way.
      if (key === this.key && found) this.draw(found.kpis);
    } catch { /* The numbers say that nothing answers; the lines come with the next try. */ }
  }
}
