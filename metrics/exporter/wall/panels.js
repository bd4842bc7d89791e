// The right-hand columns: who waits (ticking), the plan with its pace, the leaderboard.
import { hrefOf } from "./address.js";
import { brief } from "./burnup.js";
import { arrow, change, range, show, ticking } from "./format.js";
import { alike, fill } from "./lists.js";
import { judge, text } from "./tiles.js";
import { word } from "./words.js";

const CHANNELS = { call: "☎", chat: "✉" }, UNKNOWN = "unknown";

/** What people call whoever is to act; nobody yet, where that is so. */
export const named = (who) => (who.manager === UNKNOWN || who.id === UNKNOWN ? word("unassigned") : who.name || who.manager || who.id);

/** Whose team it is, behind his name; "" where nobody knows. */
export const teamed = (who) => (who.team && who.team !== UNKNOWN ? ` · ${who.team}` : "");

function link(node, level, id) {
  const href = id === UNKNOWN ? null : hrefOf({ level, id });
  if (node.getAttribute("href") !== href) if (href) node.setAttribute("href", href); else node.removeAttribute("href");
  return node;
}

export function drawWaiting(root, live) {
  for (const node of root.querySelectorAll(".counts [data-channel]")) {
    const mine = live.waiting.filter((w) => w.channel === node.dataset.channel);
    text(node.children[0], live.problem ? "–" : String(mine.length));
    text(node.children[1], word(`${node.dataset.channel}s`));
  }
  const list = root.querySelector("ol");
  fill(list, live.waiting, word(live.problem ? "nothing" : "nobody"), '<span class="sign" role="img"></span><a class="who"><span class="name"></span><small class="name"></small></a><time></time>', (row, w) => {
    row.dataset.since = w.since;
    row.dataset.target = live.targets[w.channel];
    text(row.children[0], CHANNELS[w.channel] ?? "");
    row.children[0].setAttribute("aria-label", word(`${w.channel}s`));
    row.dataset.known = w.known === false ? "0" : "1";
    const who = link(row.children[1], "manager", w.manager);
    text(who.children[0], named(w));
    text(who.children[1], teamed(w));
  });
  alike(list, ".who", "--longest");
}

/** Each second: how long each client has waited, by the server's clock, and how many too long.
 *
 * `isOld`: the numbers are not those of now. Who waited then may have been answered since: such a wait does not go on,
 * and nobody is told that it is late. */
export function tickWaiting(root, live, now, isOld) {
  const known = (w) => !isOld && w.known !== false;
  for (const row of root.querySelectorAll("li[data-since]")) {
    const waited = now - Number(row.dataset.since), sure = !isOld && row.dataset.known === "1";
    row.dataset.unsure = sure ? "0" : "1";
    text(row.lastElementChild, sure ? ticking(waited) : "?");
    if (sure) row.lastElementChild.removeAttribute("aria-label"); else row.lastElementChild.setAttribute("aria-label", word("unsure"));
    row.dataset.over = sure && waited > Number(row.dataset.target) ? "1" : "0";
  }
  for (const node of root.querySelectorAll(".counts [data-channel]")) {
    const mine = live.waiting.filter((w) => w.channel === node.dataset.channel);
    const late = mine.filter((w) => known(w) && now - w.since > live.targets[w.channel]).length, unsure = mine.some((w) => !known(w));
    node.dataset.over = late ? "1" : "0";
    node.dataset.unsure = unsure ? "1" : "0";
    text(node.children[2], late ? `${late} ${word("late")}` : unsure ? word("unsure") : "");
  }
}

export function drawPlan(root, live) {
  const bars = root.querySelector(".bars"), plans = live.plan.filter((p) => p.measure === "won_amount" && p.target > 0);
  if (!plans.length) {
    bars.innerHTML = '<p class="empty"></p>';
    text(bars.firstChild, word(live.problem ? "nothing" : "noplan"));
    return;
  }
  if (bars.querySelectorAll(".bar").length !== plans.length) {
    bars.innerHTML = '<div class="bar" role="img"><span></span><span class="track"><i></i><u></u></span><b></b><small></small><small></small></div>'.repeat(plans.length);
  }
  plans.forEach((p, index) => {
    const bar = bars.children[index], [name, track, percent, done, ahead] = bar.children;
    const actual = p.actual ?? 0, share = actual / p.target, pace = (p.to_date ?? 0) / p.target;
    text(name, word(p.window));
    track.children[0].style.width = `${Math.max(0, Math.min(100, share * 100)).toFixed(2)}%`;
    track.children[1].style.left = `${Math.min(99.5, pace * 100).toFixed(2)}%`;
    text(percent, show(share, "percentunit"));
    text(done, `${show(actual, "currency")} ${word("of")} ${show(p.target, "currency")}`);
    const between = p.withheld ? brief(p.withheld) : p.high == null ? "" : range(p.low, p.high, "currency");
    // Before a period's first working hour it has no pace, and what the past says of it is known.
    const paced = p.to_date ? `${show((actual / p.to_date) * p.target, "currency")}${between && ` (${between})`}` : p.withheld ? "" : between;
    text(ahead, paced && `${word("forecast")} ${paced}`);
    bar.dataset.behind = share < pace ? "1" : "0";
    bar.setAttribute("aria-label", [name, percent, done, ahead].map((node) => node.textContent).join(", "));
  });
}

/** `board`: "managers" or "teams"; teams only where the company is shown. */
export function drawLeaders(root, live, board) {
  const level = board === "teams" && live.teams?.length ? "team" : "manager";
  const rows = level === "team" ? live.teams : live.leaders;
  root.dataset.trends = rows.some((leader) => leader.trend != null) ? "1" : "0";
  const list = root.querySelector("ol");
  fill(list, rows, word(live.problem ? "nothing" : "nosales"), '<i></i><a class="name"></a><b></b><span class="trend"></span>', (row, leader, index) => {
    text(row.children[0], String(index + 1));
    text(link(row.children[1], level, leader.id), named(leader));
    text(row.children[2], show(leader.won, "currency"));
    text(row.children[3], leader.trend == null ? "" : `${arrow(leader.trend)}${change(leader.trend)}`);
    row.children[3].dataset.is = judge(leader.trend, "up");
  });
  alike(list, ".name", "--longest");
  alike(list, "b", "--amount");
  alike(list, ".trend", "--change");
}
