// The fifteen tiles: which numbers each shows, and how a tile is drawn without moving its neighbours.
import { percent, show, title, word } from "./words.js";

const kpi = (id, labels = {}, name = "") => ({ id, labels, name });
const MONTH = { window: "month" };

export const TILES = [
  { number: 1, main: kpi("sales_calls:sum"), more: [kpi("sales_meetings:sum", {}, "meetings"), kpi("sales_deals_closed:sum", { outcome: "won" }, "won")] },
  { number: 2, main: kpi("sales_response_seconds:p50", { channel: "call" }), more: [kpi("sales_response_seconds:p50", { channel: "chat" }, "chat"), kpi("sales_service_level:ratio", { channel: "call" }, "level")] },
  { number: 3, main: kpi("sales_win:ratio"), more: [kpi("sales_deals_closed:sum", { outcome: "won" }, "won"), kpi("sales_deals_closed:sum", { outcome: "lost" }, "lostDeals")] },
  { number: 4, main: kpi("sales_won_amount:per_manager"), more: [kpi("sales_won_amount:sum", {}, "total"), kpi("sales_revenue_amount:sum", {}, "cash")] },
  { number: 5, main: kpi("sales_clients_ready:sum"), more: [] },
  { number: 6, main: kpi("sales_leads_warmed:ratio"), more: [] },
  { number: 7, main: kpi("sales_repeat_deals:sum"), more: [kpi("sales_repeat_amount:sum", {}, "volume"), kpi("sales_repeat_deals:ratio", {}, "share")] },
  { number: 8, main: kpi("sales_rating_score:mean"), more: [] },
  { number: 9, main: kpi("sales_average_check:mean"), more: [] },
  { number: 10, main: kpi("sales_payback:ratio"), more: [] },
  { number: 11, main: kpi("sales_receivable_amount:sum"), more: [kpi("sales_receivable_overdue:ratio", {}, "overdue"), kpi("sales_receivable:dso_days", {}, "dso")] },
  { number: 12, main: kpi("sales_deal_duration_seconds:mean"), more: [kpi("sales_deal_duration_seconds:p50", {}, "median"), kpi("sales_deal_duration_seconds:p90", {}, "p90")] },
  { number: 13, main: kpi("sales_margin:ratio"), more: [kpi("sales_revenue_profit:ratio", {}, "ratio")] },
  { number: 14, main: kpi("sales_plan_won_amount:growth", MONTH), more: [kpi("sales_plan_won_amount:growth", { window: "quarter" }, "quarter"), kpi("sales_plan_won_amount:growth", { window: "year" }, "year")] },
  { number: 15, main: kpi("sales_plan_won_amount:ratio", MONTH), more: [kpi("sales_plan_won_amount:left", MONTH, "left"), kpi("sales_plan_won_amount:needed_per_day", MONTH, "need")] },
];

const matches = (labels, wanted) => Object.entries(wanted).every(([name, value]) => labels[name] === value);

/** Value of a KPI: its one series that carries the wanted labels; the sum when several do and its operation is a sum. */
export function pick(byId, { id, labels }) {
  const record = byId.get(id);
  if (!record) return null;
  const found = record.values.filter((value) => matches(value.labels, labels));
  if (!found.length) return { record, current: null, previous: null, trend: null };
  if (found.length === 1) return { record, ...found[0] };
  if (!id.endsWith(":sum")) return { record, ...found[0] };
  const add = (key) => found.reduce((sum, value) => (value[key] == null ? sum : (sum ?? 0) + value[key]), null);
  const current = add("current"), previous = add("previous");
  return { record, current, previous, trend: current != null && previous ? current / previous - 1 : null };
}

export function judge(trend, better) {
  if (trend == null || Math.abs(trend) < 0.0005 || !better) return "";
  return (trend > 0) === (better === "up") ? "good" : "bad";
}

const text = (node, value) => { if (node.textContent !== value) node.textContent = value; };

export function buildTiles(root, open) {
  root.replaceChildren(...TILES.map((tile) => {
    const node = document.createElement("button");
    node.className = "tile";
    node.dataset.number = tile.number;
    node.innerHTML = '<h2></h2><div class="value"></div><div class="more"></div>';
    node.addEventListener("click", () => open(tile));
    return node;
  }));
}

export function drawTiles(root, live) {
  const byId = new Map(live.kpis.map((record) => [record.id, record]));
  TILES.forEach((tile, index) => {
    const node = root.children[index], main = pick(byId, tile.main);
    if (!main) { text(node.children[0], `${tile.number}`); text(node.children[1], "–"); return; }
    text(node.children[0], title(main.record));
    const shown = show(main.current, main.record.unit);
    if (node.children[1].dataset.shown !== shown) {
      if (node.children[1].dataset.shown !== undefined) { node.dataset.flash = ""; setTimeout(() => delete node.dataset.flash, 1200); }
      node.children[1].dataset.shown = shown;
      node.children[1].textContent = shown;
    }
    const rows = [];
    if (main.trend != null) rows.push(`<span class="trend" data-is="${judge(main.trend, main.record.better)}">${main.trend > 0 ? "▲" : main.trend < 0 ? "▼" : "■"} ${percent(main.trend)}</span>`);
    for (const extra of tile.more) {
      const value = pick(byId, extra);
      if (value && value.current != null) rows.push(`<span>${word(extra.name)} <b>${show(value.current, value.record.unit)}</b></span>`);
    }
    const more = rows.join("");
    if (node.children[2].dataset.html !== more) { node.children[2].dataset.html = more; node.children[2].innerHTML = more; }
    const label = `${title(main.record)}: ${shown}${main.trend != null ? `, ${percent(main.trend)}` : ""}`;
    if (node.getAttribute("aria-label") !== label) node.setAttribute("aria-label", label);
    node.title = main.record.help;
  });
}
