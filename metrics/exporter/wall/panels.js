// The right-hand column: who waits (ticking), the plan with its pace, the leaderboard.
import { judge } from "./tiles.js";
import { percent, show, ticking, word } from "./words.js";

const escape = (value) => String(value).replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
const put = (node, html) => { if (node.dataset.html !== html) { node.dataset.html = html; node.innerHTML = html; } };
const ROWS = 8;

export function drawWaiting(root, live) {
  const targets = live.targets;
  const of = (channel) => live.waiting.filter((w) => w.channel === channel);
  const rows = live.waiting.slice(0, ROWS).map((w) =>
    `<li data-since="${w.since}" data-target="${targets[w.channel]}"><span aria-hidden="true">${w.channel === "call" ? "☎" : "✉"}</span><span class="name">${escape(w.name || w.manager)}${w.team && w.team !== "unknown" ? ` · ${escape(w.team)}` : ""}</span><time></time></li>`);
  put(root.querySelector(".counts"), ["call", "chat"].map((channel) => `<div data-channel="${channel}"><b>${of(channel).length}</b>${word(`${channel}s`)}</div>`).join(""));
  put(root.querySelector("ol"), rows.length ? rows.join("") : `<li class="empty" style="display:block">${word("nobody")}</li>`);
}

/** Each second: how long each client has waited, by the server's clock. */
export function tickWaiting(root, live, now) {
  for (const row of root.querySelectorAll("li[data-since]")) {
    const waited = now - Number(row.dataset.since);
    row.querySelector("time").textContent = ticking(waited);
    row.dataset.over = waited > Number(row.dataset.target) ? "1" : "0";
  }
  for (const count of root.querySelectorAll(".counts [data-channel]")) {
    const late = live.waiting.some((w) => w.channel === count.dataset.channel && now - w.since > live.targets[w.channel]);
    count.dataset.over = late ? "1" : "0";
  }
}

export function drawPlan(root, live) {
  const rows = live.plan.filter((p) => p.measure === "won_amount" && p.target > 0).map((p) => {
    const actual = p.actual ?? 0, share = actual / p.target, pace = (p.to_date ?? 0) / p.target;
    const forecast = p.to_date ? (actual / p.to_date) * p.target : null;
    return `<div class="bar" data-behind="${share < pace ? 1 : 0}"><span>${word(p.window)}</span><span class="track"><i style="width:${Math.min(100, share * 100).toFixed(2)}%"></i><u style="left:${Math.min(99.5, pace * 100).toFixed(2)}%"></u></span><b>${show(share, "percentunit")}</b>` +
      `<small>${show(actual, "currency")} / ${show(p.target, "currency")}${forecast === null ? "" : ` · ${word("forecast")} ${show(forecast, "currency")}`}</small></div>`;
  });
  put(root.querySelector(".bars"), rows.join("") || `<p class="empty">${word("noplan")}</p>`);
}

export function drawLeaders(root, live) {
  const rows = live.leaders.slice(0, 10).map((l, i) =>
    `<li><i>${i + 1}</i><span class="name">${escape(l.name || l.id)}</span><b>${show(l.won ?? 0, "currency")}</b><span class="trend" data-is="${judge(l.trend, "up")}">${l.trend == null ? "" : percent(l.trend)}</span></li>`);
  put(root.querySelector("ol"), rows.join("") || `<li class="empty" style="display:block">${word("nosales")}</li>`);
}
