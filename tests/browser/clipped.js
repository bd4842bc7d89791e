// Texts that lie outside a box that should hold them, as far as the page goes now. Names may end in dots.
() => {
  const BOXES = ".tile, .panel, .fact, li, .counts > *, .bar, header, body", found = [];
  const counts = (node) => node.checkVisibility() && !node.closest(".sr, option, optgroup, dialog, .name, noscript");
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    if (!node.data.trim() || !counts(node.parentElement)) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    const text = range.getBoundingClientRect();
    for (let box = node.parentElement.closest(BOXES); box; box = box.parentElement?.closest(BOXES)) {
      const edge = box.getBoundingClientRect(), low = box.matches(".tile, .panel") ? edge.bottom : Infinity;
      if (text.right > edge.right + 1 || text.left < edge.left - 1 || text.bottom > low + 1) {
        found.push(`"${node.data}" [${text.left} ${text.right}] outside ${box.tagName}.${box.className} [${edge.left} ${edge.right}]`);
      }
    }
  }
  const width = document.documentElement.scrollWidth;
  return width > innerWidth ? [...found, `the page is ${width} wide, the window ${innerWidth}`] : found;
}
