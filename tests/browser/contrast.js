// [number of texts looked at, those with too little contrast to what is behind them, and pairs of colours with too little].
() => {
  const PAIRS = [
    ["text", "bg", 4.5], ["soft", "bg", 4.5], ["text", "panel", 4.5], ["soft", "panel", 4.5], ["good", "panel", 4.5], ["bad", "panel", 4.5],
    ["accent", "panel", 4.5], ["on-accent", "accent", 4.5], ["on-alarm", "alarm", 4.5], ["fill-good", "panel", 3], ["fill-warn", "panel", 3],
    ["fill-bad", "bg", 3], ["mark", "track", 3], ["focus", "bg", 3], ["focus", "panel", 3],
  ];
  // A number that has just changed is lit up for a moment, in colours between two.
  for (const animation of document.getAnimations()) animation.cancel();
  const parse = (text) => {
    if (!text.startsWith("rgb")) throw new Error(`cannot measure the colour ${text}`);
    return text.match(/[\d.]+/g).map(Number);
  };
  const linear = (v) => (v / 255 <= 0.03928 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4);
  const luminance = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
  const ratio = (one, two) => {
    const [lighter, darker] = [luminance(one), luminance(two)].sort((a, b) => b - a);
    return (lighter + 0.05) / (darker + 0.05);
  };
  const behind = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if (colour.length < 4 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const speaks = (node) => node.checkVisibility() && !node.closest(".sr, svg, option, noscript")
    && [...node.childNodes].some((child) => child.nodeType === Node.TEXT_NODE && child.data.trim());
  const low = [], texts = [...document.querySelectorAll("body *")].filter(speaks);
  for (const node of texts) {
    const style = getComputedStyle(node), size = parseFloat(style.fontSize);
    const least = size >= 24 || (Number(style.fontWeight) >= 700 && size >= 18.66) ? 3 : 4.5, has = ratio(parse(style.color), behind(node));
    if (has < least) low.push(`${node.textContent.slice(0, 20)}: ${has.toFixed(2)} < ${least}`);
  }
  const probe = document.body.appendChild(document.createElement("i"));
  const colour = (name) => {
    probe.style.color = `var(--${name})`;
    return parse(getComputedStyle(probe).color);
  };
  for (const [front, back, least] of PAIRS) {
    const has = ratio(colour(front), colour(back));
    if (has < least) low.push(`--${front} on --${back}: ${has.toFixed(2)} < ${least}`);
  }
  probe.remove();
  return [texts.length, low];
}
