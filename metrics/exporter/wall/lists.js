// Lists that show as many rows as fit, and count the rest.
import { text } from "./tiles.js";
import { widthOf } from "./width.js";
import { word } from "./words.js";

const ON_A_PHONE = matchMedia("(max-width: 900px)"), ROWS_ON_A_PHONE = 8, ROW_REM = 2;

/** How many rows of a list can be seen whole. A list whose rows are higher than usual says so (`data-rem`). */
export function capacity(list) {
  return list.capacity ??= ON_A_PHONE.matches ? ROWS_ON_A_PHONE : measured(list);
}

function measured(list) {
  const row = Number(list.dataset.rem ?? ROW_REM) * parseFloat(getComputedStyle(document.documentElement).fontSize);
  return Math.max(1, Math.floor((list.clientHeight + 1) / row));
}

/** How many items are shown of so many: one row goes to the count of the rest. */
export const seats = (list, total) => (total > capacity(list) ? Math.max(0, capacity(list) - 1) : total);

/** Fill a list in place, so that neither focus nor anything else moves. `total`: how many there are, where not all are at hand. */
export function fill(list, items, empty, html, draw, total = items.length) {
  const shown = items.slice(0, seats(list, total));
  const kinds = [...shown.map(() => "row"), ...(total > shown.length ? ["rest"] : []), ...(total ? [] : ["empty"])];
  kinds.forEach((kind, index) => {
    let node = list.children[index];
    if (node?.dataset.kind !== kind) {
      const fresh = document.createElement("li");
      fresh.dataset.kind = kind;
      if (kind === "row") fresh.innerHTML = html;
      if (node) node.replaceWith(fresh); else list.append(fresh);
      node = fresh;
    }
    if (kind === "row") draw(node, shown[index], index);
    else text(node, kind === "empty" ? empty : `+ ${total - shown.length} ${word("more")}`);
  });
  while (list.children.length > kinds.length) list.lastElementChild.remove();
}

/** All of a column are written in one size: CSS is told how wide the widest of those shown is. */
export function alike(list, selector, property) {
  const longest = Math.max(1, ...[...list.querySelectorAll(selector)].map(widthOf)).toFixed(2);
  if (list.style.getPropertyValue(property) !== longest) list.style.setProperty(property, longest);
}

/** After the screen's size changed: how much fits is measured again. */
export function remeasure(...roots) {
  for (const root of roots) delete root.querySelector("ol").capacity;
}
