// How wide a text is drawn in the typeface that this screen has, so that text that needs the room gets smaller, and no other.
let pen = null, family = "";
const weights = new WeakMap();

/** Width of a node's text in ems. Every digit counts as the widest one: a number that changes keeps its size. */
export function widthOf(node) {
  pen ??= document.createElement("canvas").getContext("2d");
  family ||= getComputedStyle(document.body).fontFamily;
  if (!weights.has(node)) weights.set(node, getComputedStyle(node).fontWeight);
  pen.font = `${weights.get(node)} 100px ${family}`;
  return pen.measureText(node.textContent.replace(/\d/g, "0")).width / 100;
}
