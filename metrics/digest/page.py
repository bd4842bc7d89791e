"""The digest as a page for mail programs: tables and inline styles alone, no script, nothing that is fetched.

Bars are cells of tables, because mail programs leave out SVG and many do not show pictures until asked.
"""

from collections.abc import Iterable, Sequence
from html import escape
from xml.etree.ElementTree import Element, SubElement, tostring

from metrics.digest.told import Digest, DigestChange, DigestLine, DigestPlan
from metrics.digest.wall import colours

WIDTH = 680
"""CSS pixels."""
_HIGH, _CHART_HIGH = 26, 110
_FONT = "-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif"


def page(digest: Digest) -> str:
    """The whole page."""
    root = _table("100%", background=colours()["bg"])
    box = SubElement(SubElement(root, "tr"), "td", align="center", style="padding:16px 8px")
    inner = _table(str(WIDTH), style=f"max-width:{WIDTH}px;width:100%")
    box.append(inner)
    for part in _parts(digest):
        SubElement(SubElement(inner, "tr"), "td", style="padding:0 0 12px").append(part)
    head = (
        f'<!doctype html>\n<html lang="{escape(digest.language)}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light">'
        f"<title>{escape(subject(digest))}</title></head>"
    )
    body = Element("body", style=f"margin:0;padding:0;background:{colours()['bg']};font-family:{_FONT}")
    body.append(root)
    return f"{head}{tostring(body, encoding='unicode', method='html')}</html>\n"


def subject(digest: Digest) -> str:
    """One line that says what it is."""
    return f"Sales Pulse · {digest.scope} · {digest.title}"


def _parts(digest: Digest) -> Iterable[Element]:
    words = digest.words
    yield _head(digest)
    if any(bar.value is not None for bar in digest.chart):
        yield _panel(digest.chart_title, [_chart(digest)])
    yield _panel(words["kpis"], [_lines(digest.lines, words["now"])], digest.compared)
    if digest.plans:
        yield _panel(words["plan"], [_plan(one) for one in digest.plans])
    yield _panel(words["leaders"], [_leaders(digest)])
    yield _panel(words["notCalledBack"], [_missed(digest)])
    foot = Element("div", style=f"color:{colours()['soft']};font-size:12px;padding:0 4px;text-align:center")
    foot.text = digest.as_of
    yield foot


def _head(digest: Digest) -> Element:
    table = _table("100%")
    row = SubElement(table, "tr")
    left = SubElement(row, "td", style="padding:4px")
    _text(left, "Sales Pulse", f"color:{colours()['accent']};font-size:13px;font-weight:bold;letter-spacing:.04em")
    _text(left, digest.title, f"color:{colours()['text']};font-size:24px;font-weight:bold;line-height:1.3")
    _text(left, digest.scope, f"color:{colours()['soft']};font-size:15px")
    right = SubElement(row, "td", align="right", valign="bottom", style="padding:4px")
    link = SubElement(
        right, "a", href=digest.link,
        style=f"background:{colours()['accent']};border-radius:6px;color:{colours()['on-accent']};display:inline-block;"
        "font-size:14px;padding:8px 14px;text-decoration:none",
    )  # fmt: skip
    link.text = digest.words["openWall"]
    return table


def _panel(title: str, inside: Sequence[Element], note: str = "") -> Element:
    table = _table(
        "100%", background=colours()["panel"], style=f"border:1px solid {colours()['line']};border-radius:8px"
    )
    cell = SubElement(SubElement(table, "tr"), "td", style="padding:14px 16px")
    head = SubElement(cell, "div", style=f"color:{colours()['text']};font-size:16px;font-weight:bold;padding:0 0 8px")
    head.text = title
    if note:
        more = SubElement(head, "span", style=f"color:{colours()['soft']};font-size:13px;font-weight:normal")
        more.text = f" · {note}"
    cell.extend(inside)
    return table


def _lines(lines: Sequence[DigestLine], now: str) -> Element:
    table = _table("100%")
    for number, line in enumerate(lines):
        edge = f"border-top:1px solid {colours()['line']};" if number else ""
        row = SubElement(table, "tr")
        name = SubElement(row, "td", style=f"{edge}padding:7px 8px 7px 0")
        _text(name, line.name + (f" · {now}" if line.is_now else ""), f"color:{colours()['text']};font-size:14px")
        if line.facts:
            _text(name, " · ".join(f"{a} {b}" for a, b in line.facts), f"color:{colours()['soft']};font-size:12px")
        course = SubElement(row, "td", width="100", valign="middle", style=f"{edge}padding:7px 8px")
        if any(line.course):
            course.append(_spark(line.course))
        value = SubElement(row, "td", align="right", style=f"{edge}padding:7px 0;white-space:nowrap")
        _text(value, line.value, f"color:{colours()['text']};font-size:17px;font-weight:bold")
        if line.change.text or line.before:
            small = SubElement(value, "div", style=f"color:{colours()['soft']};font-size:12px")
            small.append(_changed(line.change))
            small[0].tail = f" {line.before}"
    return table


def _spark(values: Sequence[float | None]) -> Element:
    """Bars without words: what is below nothing hangs from the line."""
    high, low = max(0.0, *(v or 0 for v in values)), min(0.0, *(v or 0 for v in values))
    return _bars(values, high, low, _HIGH, 5)


def _bars(values: Sequence[float | None], high: float, low: float, height: int, width: int) -> Element:
    span = (high - low) or 1.0
    above = round(height * high / span)
    table = _table("", style="border-collapse:collapse")
    row = SubElement(table, "tr")
    for number, value in enumerate(values):
        is_last = number == len(values) - 1
        colour = colours()["accent"] if is_last else colours()["soft"]
        cell = SubElement(row, "td", valign="top", style=f"height:{height}px;padding:0 1px;width:{width}px")
        size = 0 if value is None else max(1, round(height * abs(value) / span)) if value else 1
        size = min(size, above if (value or 0) >= 0 else height - above) or (1 if value is not None else 0)
        gap = max(0, above - size) if (value or 0) >= 0 else above
        for style in (f"height:{gap}px", f"background:{colour};height:{size}px"):
            one = SubElement(cell, "div", style=f"{style};font-size:0;line-height:0;width:{width}px")
            one.text = ""
    return table


def _chart(digest: Digest) -> Element:
    values = [bar.value for bar in digest.chart]
    high, low = max(0.0, *(v or 0 for v in values)), min(0.0, *(v or 0 for v in values))
    width = (WIDTH - 60) // max(1, len(values)) - 2
    holder = Element("div")
    holder.append(_bars(values, high, low, _CHART_HIGH, width))
    table = SubElement(holder, "table", cellpadding="0", cellspacing="0", border="0", role="presentation")
    row = SubElement(table, "tr")
    for bar in digest.chart:
        cell = SubElement(row, "td", align="center", style=f"padding:4px 1px 0;width:{width}px;overflow:hidden")
        _text(cell, bar.text.replace("\u00a0", " "), f"color:{colours()['text']};font-size:10px")
        _text(cell, bar.label, f"color:{colours()['soft']};font-size:10px")
    return holder


def _plan(plan: DigestPlan) -> Element:
    table = _table("100%", style="margin:0 0 8px")
    row = SubElement(table, "tr")
    name = SubElement(row, "td", style=f"color:{colours()['text']};font-size:14px")
    name.text = f"{plan.name} · {plan.percent}"
    done = SubElement(row, "td", align="right", style=f"color:{colours()['soft']};font-size:13px")
    done.text = plan.done + (f" · {plan.forecast}" if plan.forecast else "")
    track = SubElement(SubElement(table, "tr"), "td", colspan="2", style="padding:4px 0 0")
    behind = plan.pace is not None and plan.share < plan.pace
    share = max(0, min(100, round(100 * plan.share)))
    bar = _table("100%", background=colours()["track"], style="border-collapse:collapse;border-radius:4px")
    cells = SubElement(bar, "tr")
    for width, colour in ((share, colours()["fill-warn" if behind else "fill-good"]), (100 - share, "")):
        if width:
            filled = f";background:{colour};border-radius:4px" if colour else ""
            style = f"font-size:0;height:10px;line-height:0{filled}"
            SubElement(cells, "td", width=f"{width}%", style=style).text = "\u00a0"
    track.append(bar)
    return table


def _leaders(digest: Digest) -> Element:
    if not digest.leaders:
        return _text(None, digest.words["nosales"], f"color:{colours()['soft']};font-size:14px")
    table = _table("100%")
    for number, one in enumerate(digest.leaders, 1):
        row = SubElement(table, "tr")
        for text, style in (
            (str(number), f"color:{colours()['soft']};width:24px"),
            (one.name + (f" · {one.team}" if one.team else ""), f"color:{colours()['text']}"),
        ):
            SubElement(row, "td", style=f"{style};font-size:14px;padding:4px 0").text = text
        won = SubElement(
            row, "td", align="right", style=f"color:{colours()['text']};font-size:14px;padding:4px 0;white-space:nowrap"
        )
        strong = SubElement(won, "b")
        strong.text = one.won
        strong.tail = " "
        won.append(_changed(one.change))
    return table


def _missed(digest: Digest) -> Element:
    holder = Element("div")
    _text(
        holder, " · ".join(f"{name} {number}" for name, number in digest.missed),
        f"color:{colours()['text']};font-size:14px;padding:0 0 6px",
    )  # fmt: skip
    if not digest.open:
        _text(holder, digest.words["nobodyOpen"], f"color:{colours()['soft']};font-size:14px")
        return holder
    table = SubElement(holder, "table", width="100%", cellpadding="0", cellspacing="0", border="0", role="presentation")
    for one in digest.open:
        row = SubElement(table, "tr")
        cells = ((one.client, "text", "left"), (one.who, "soft", "left"), (one.since, "soft", "right"))
        for text, colour, align in cells:
            style = f"border-top:1px solid {colours()['line']};color:{colours()[colour]};font-size:13px;padding:4px 0"
            SubElement(row, "td", align=align, style=style).text = text
    if digest.open_more:
        _text(holder, f"+ {digest.open_more} {digest.words['more']}", f"color:{colours()['soft']};font-size:13px")
    return holder


def _changed(change: DigestChange) -> Element:
    node = Element("span", style=f"color:{colours()[change.judged or 'soft']};font-size:12px")
    node.text = change.text
    return node


def _text(parent: Element | None, text: str, style: str) -> Element:
    node = Element("div", style=style) if parent is None else SubElement(parent, "div", style=style)
    node.text = text
    return node


def _table(width: str, *, background: str = "", style: str = "") -> Element:
    """A table that is for layout alone."""
    table = Element("table", cellpadding="0", cellspacing="0", border="0", role="presentation")
    if width:
        table.set("width", width)
    if background:
        table.set("bgcolor", background)
        style = f"background:{background};{style}"
    if style:
        table.set("style", style)
    return table
