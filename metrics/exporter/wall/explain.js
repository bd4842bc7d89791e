// One click from any number: the entities that make it up, from /api/v1/explain.
import { title, word } from "./words.js";

const escape = (value) => String(value ?? "").replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
let asked = 0;

export async function explain(dialog, record, view) {
  const mine = ++asked;
  dialog.querySelector("h2").textContent = `${word("explain")} ${title(record)}`;
  dialog.querySelector(".help").textContent = record.help;
  if (!dialog.open) dialog.showModal();
  await load(dialog, record, view, record.families[0], mine);
}

async function load(dialog, record, view, family, mine) {
  const facts = dialog.querySelector(".facts"), head = dialog.querySelector("thead"), body = dialog.querySelector("tbody");
  const chooser = record.families.length > 1
    ? `<label>${word("choose")} <select>${record.families.map((f) => `<option${f === family ? " selected" : ""}>${f}</option>`).join("")}</select></label>` : `<code>${family}</code>`;
  facts.innerHTML = `${chooser}<span>${word("loading")}</span>`;
  head.innerHTML = body.innerHTML = "";
  facts.querySelector("select")?.addEventListener("change", (event) => load(dialog, record, view, event.target.value, mine));
  const query = new URLSearchParams({ family, window: view.window });
  if (view.level !== "company") query.set(view.level, view.id);
  try {
    const answer = await fetch(`api/v1/explain?${query}`);
    const found = await answer.json();
    if (mine !== asked) return;
    if (!answer.ok) throw new Error(found.detail ?? found.error ?? answer.statusText);
    facts.lastElementChild.innerHTML = `${word("sum")} <b>${escape(found.total)}</b> · ${found.count} ${word("rows")}${found.truncated ? " …" : ""}`;
    head.innerHTML = `<tr><th>${word("entity")}</th><th>${word("client")}</th><th>${word("manager")}</th><th>${word("time")}</th><th>${word("contribution")}</th></tr>`;
    body.innerHTML = found.entities.map((r) => `<tr><td>${escape(r.kind)} ${escape(r.id)}</td><td>${escape(r.client)}</td><td>${escape(r.manager)}</td><td>${escape(r.time?.slice(0, 19).replace("T", " "))}</td><td>${escape(r.contribution)}</td></tr>`).join("");
  } catch (error) {
    if (mine === asked) facts.lastElementChild.textContent = `${word("failed")}: ${error.message}`;
  }
}

