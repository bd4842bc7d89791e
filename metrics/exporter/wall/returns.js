// Whom to call: clients nobody answered and leads nobody touched, each with the working time left until its target.
import { clock, remaining } from "./format.js";
import { alike, fill, seats } from "./lists.js";
import { named, teamed } from "./panels.js";
import { text } from "./tiles.js";
import { word } from "./words.js";

const SIGNS = { miss: "☎", lead: "★" }, NONE = { open: 0, late: 0, unsure: 0, target: 0, rows: [] };
/** From this share of the target on there is little time left: what alerts go by, too. */
const URGENT = 0.5;
/** Explained by these KPIs. */
export const EXPLAINED = { miss: "sales_unreturned_clients:sum", lead: "sales_untouched_leads:sum" };

const listOf = (live, kind) => live.unanswered?.[kind] ?? NONE;

/** The same moment's day is left out: what is of today says its time alone. */
function since(seconds, now, zone) {
  const day = { day: "2-digit", month: "2-digit" }, time = { hour: "2-digit", minute: "2-digit" };
  const isToday = clock(seconds, zone, day) === clock(now, zone, day);
  return clock(seconds, zone, isToday ? time : { ...day, ...time });
}

/** Rows of both kinds: each gets half of the room, and what the other one leaves. */
function shared(list, live) {
  const [misses, leads] = Object.keys(SIGNS).map((kind) => listOf(live, kind)), total = misses.open + leads.open;
  const room = seats(list, total), first = Math.min(misses.rows.length, Math.max(Math.ceil(room / 2), room - leads.rows.length));
  const of = (kind, rows, most) => rows.slice(0, Math.max(0, most)).map((row) => ({ kind, ...row }));
  return [[...of("miss", misses.rows, first), ...of("lead", leads.rows, room - first)], total];
}

export function drawReturns(root, live) {
  for (const node of root.querySelectorAll(".counts [data-what]")) {
    text(node.children[0], live.problem ? "–" : String(listOf(live, node.dataset.what).open));
    text(node.children[1], word(node.dataset.what));
    node.title = word("explain");
  }
  const list = root.querySelector("ol"), [rows, total] = shared(list, live);
  const html = '<button type="button"><span class="sign" role="img"></span><b class="name"></b><time></time><small class="name"></small><small class="since"></small></button>';
  fill(list, rows, word(live.problem ? "nothing" : "nobodyMissed"), html, (node, row) => {
    const [sign, client, , who, when] = node.firstElementChild.children;
    Object.assign(node.dataset, { what: row.kind, entity: row.entity, left: row.left, at: live.now, target: listOf(live, row.kind).target, working: row.working ? "1" : "0", known: row.known === false ? "0" : "1" });
    text(sign, SIGNS[row.kind]);
    sign.setAttribute("aria-label", word(`${row.kind}One`));
    text(client, row.client);
    text(who, named(row) + teamed(row));
    text(when, since(row.since, live.now, live.zone));
  }, total);
  alike(list, "small.name", "--longest");
}

/** Each second: the working time left, by the server's clock. `isOld`: the numbers are not those of now; see `tickWaiting`. */
export function tickReturns(root, live, now, isOld) {
  const passed = {};
  for (const row of root.querySelectorAll("li[data-left]")) {
    const sure = !isOld && row.dataset.known === "1", runs = row.dataset.working === "1", before = Number(row.dataset.left);
    const left = before - (runs ? Math.max(0, now - Number(row.dataset.at)) : 0), time = row.querySelector("time");
    row.dataset.unsure = sure ? "0" : "1";
    row.dataset.over = sure && left < 0 ? "1" : "0";
    row.dataset.soon = sure && left >= 0 && left < URGENT * Number(row.dataset.target) ? "1" : "0";
    row.dataset.paused = sure && !runs ? "1" : "0";
    text(time, sure ? remaining(left) : "?");
    const said = sure ? (runs ? "" : `${remaining(left)}, ${word("paused")}`) : word("unsure");
    if (said) time.setAttribute("aria-label", said); else time.removeAttribute("aria-label");
    if (time.title !== (sure && !runs ? word("paused") : "")) time.title = sure && !runs ? word("paused") : "";
    if (sure && before >= 0 && left < 0) passed[row.dataset.what] = (passed[row.dataset.what] ?? 0) + 1;
  }
  for (const node of root.querySelectorAll(".counts [data-what]")) {
    const list = listOf(live, node.dataset.what), late = isOld ? 0 : list.late + (passed[node.dataset.what] ?? 0);
    const unsure = isOld ? list.open > 0 : list.unsure > 0;
    node.dataset.over = late ? "1" : "0";
    node.dataset.unsure = unsure ? "1" : "0";
    text(node.children[2], late ? `${late} ${word("late")}` : unsure ? word("unsure") : "");
  }
}
