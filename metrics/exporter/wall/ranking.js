// Teams or people side by side: every KPI with its change, in any order; all people, not the first nine.
import { against } from "./chart.js";
import { show } from "./format.js";
import { ANSWERS, TILES } from "./layout.js";
import { nameOf, pick, unitOf } from "./tiles.js";
import { word, wordOf } from "./words.js";

/** Columns: the KPI of the page, then those of the wall that have a history of any days. */
export function columns(catalogue, state) {
  const wall = [...TILES, ...ANSWERS].filter((tile) => !tile.now && !tile.main.labels.window);
  const mine = { main: { id: state.kpi, labels: state.labels } };
  const isMine = (tile) => tile.main.id === state.kpi && JSON.stringify(tile.main.labels) === JSON.stringify(state.labels);
  return [wall.find(isMine) ?? mine, ...wall.filter((tile) => !isMine(tile))].filter((tile) => catalogue.has(tile.main.id)).map((tile) => ({ ...tile, record: catalogue.get(tile.main.id), key: [tile.main.id, ...Object.values(tile.main.labels)].join(" ") }));
}

/** Of one value of a label alone, a column says of which, unless its tile does. */
const named = (tile) => [nameOf(tile, tile.record), ...(tile.about ? [] : Object.entries(tile.main.labels).map(([label, value]) => wordOf(label, value)))].join(" · ");

/** Numbers of one row by column. */
const cells = (row, shown) => {
  const byId = new Map(row.kpis.map((record) => [record.id, record]));
  return shown.map((tile) => pick(byId, tile.main) ?? { current: null, previous: null });
};

const isSomebody = (row) => Boolean(row.id) && row.id !== "unknown";

/** Rows in order: by a column's number or by name; who has no number stands last, whichever way. */
export function sorted(rows, shown, state) {
  const index = Math.max(0, shown.findIndex((tile) => tile.key === state.sort)), sign = state.up ? 1 : -1;
  const byName = (a, b) => a.name.localeCompare(b.name);
  // What is credited to nobody is a row where the page's own number has some of it.
  const found = rows.map((row) => ({ ...row, cells: cells(row, shown) })).filter((row) => isSomebody(row) || row.cells[0].current != null);
  if (state.sort === "name") return found.sort((a, b) => (state.up ? -1 : 1) * byName(a, b));
  const value = (row) => row.cells[index].current;
  return found.sort((a, b) => (value(a) == null) - (value(b) == null) || sign * (value(a) - value(b)) || byName(a, b));
}

/** Draw the table. sort(key): a heading was pressed; linkOf(row): page of a team or person; total: the row of all. isCompared: whether numbers go back as far as what they would be compared with. */
export function drawTable(table, rows, total, shown, state, { sort, linkOf, isCompared }) {
  const at = state.sort || shown[0].key, head = document.createElement("tr");
  const heading = (key, label, isChosen) => {
    const cell = document.createElement("th"), button = document.createElement("button");
    cell.scope = "col";
    if (at === key) cell.setAttribute("aria-sort", (key === "name") !== state.up ? "ascending" : "descending");
    if (isChosen) cell.className = "chosen";
    button.type = "button";
    button.dataset.key = key;
    button.textContent = label;
    button.addEventListener("click", () => sort(key));
    cell.append(button);
    return cell;
  };
  head.append(heading("name", word(state.by === "team" ? "teamOne" : "managerOne")), ...shown.map((tile, index) => heading(tile.key, named(tile), index === 0)));
  const body = document.createElement("tbody"), foot = document.createElement("tfoot");
  body.append(...sorted(rows, shown, state).map((row) => line(row, shown, who(row, state, linkOf), isCompared)));
  if (total) foot.append(line({ ...total, cells: cells(total, shown) }, shown, document.createTextNode(word("together")), isCompared));
  const top = document.createElement("thead");
  top.append(head);
  table.replaceChildren(top, body, foot);
}

function who(row, state, linkOf) {
  const isKnown = isSomebody(row), node = document.createElement(isKnown ? "a" : "span"), box = document.createElement("span");
  node.textContent = isKnown ? row.name || row.id : word("unassigned");
  if (isKnown) node.href = linkOf(row);
  box.append(node);
  if (state.by === "manager" && row.team && row.team !== "unknown") {
    const team = document.createElement("small");
    team.textContent = row.team;
    box.append(team);
  }
  return box;
}

function line(row, shown, name, isCompared) {
  const node = document.createElement("tr"), first = document.createElement("td");
  node.dataset.id = row.id;
  first.append(name);
  node.append(first, ...shown.map((tile, index) => {
    const cell = document.createElement("td"), { current, previous } = row.cells[index], trend = document.createElement("small");
    const [text, is] = against(tile.record, current, isCompared ? previous : null);
    cell.append(show(current, unitOf(tile.record)), trend);
    if (current != null) cell.dataset.value = current;
    if (index === 0) cell.className = "chosen";
    trend.textContent = text;
    trend.dataset.is = is;
    return cell;
  }));
  return node;
}
