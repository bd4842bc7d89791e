"""The page `/sources`: what became of a sender's events and what to change, readable without any script."""

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from importlib.resources import files
from typing import Any

_STYLE = (files("producers.gateway.sources") / "page.css").read_text()
_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
POLICY = f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
"""Content-Security-Policy: whatever senders have written, nothing on the page runs or loads."""
_SECONDS = 30
_NOBODY = "(no source that could be read)"

Report = Mapping[str, Any]


def render(reports: Sequence[Report]) -> str:
    """The page about these senders."""
    told = "".join(map(_source, reports)) or "<p>Nothing came in the last day.</p>"
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Sources · Sales Pulse</title>'
        f'<meta name="viewport" content="width=device-width"><meta http-equiv="refresh" content="{_SECONDS}">'
        f"<style>{_STYLE}</style></head><body><h1>Sources</h1>"
        f"<p>What became of events in the last 24 hours. Times are UTC.</p>{told}</body></html>"
    )


def _source(report: Report) -> str:
    bad = report["refused"] or report["dead_letters"]
    state = (
        ("bad", "refused events") if bad else ("warn", "forwarded") if report["forwarded"] else ("good", "all taken")
    )
    parts = [
        f'<section><h2>{escape(report["source"] or _NOBODY)} <b class="{state[0]}">{state[1]}</b></h2>',
        f'<p class="missing">{escape(report["missing"])}</p>' if "missing" in report else "",
        "<dl>",
        _number("events a minute, lately", f"{report['per_minute']:,.1f}"),
        _number("taken over HTTP", f"{report['taken']:,}"),
        _number("counted, over HTTP and Kafka", f"{report['counted']:,}"),
        _number("refused", f"{sum(report['refused'].values()):,}"),
        _number("waiting dead letters", _letters(report)),
        "</dl>",
        _course(report["by_hour"]),
        _table(
            "Waiting dead letters", ("reason", "records", "what to change"), _remedies(report["dead_letters"] or {})
        ),
        _table(
            "Forwarded: on another partition than their client's, counted all the same",
            ("reason", "records", "what to set in the client"),
            _remedies(report["forwarded"]),
        ),
        _table("Unknown fields, ignored", ("field", "times"), report["unknown_fields"].items()),
        _table(
            "Last refusals",
            ("last at", "by", "reason", "what is wrong and what to do"),
            ((one["at"], one["way"], one["reason"], one["detail"]) for one in report["refusals"]),
        ),
        _table("Last event of each type, over HTTP", ("type", "at"), report["last"].items()),
        "</section>",
    ]
    return "".join(parts)


def _number(what: str, value: str) -> str:
    return f"<div><dt>{what}</dt><dd>{value}</dd></div>"


def _letters(report: Report) -> str:
    letters = report["dead_letters"]
    return "not known" if letters is None else f"{sum(one['events'] for one in letters.values()):,}"


def _remedies(found: Mapping[str, Mapping[str, Any]]) -> Iterable[tuple[Any, ...]]:
    return ((reason, one["events"], one["remedy"]) for reason, one in found.items())


def _course(hours: Sequence[Mapping[str, Any]]) -> str:
    """A bar for each hour."""
    most = max(hour["events"] for hour in hours) or 1
    bars = "".join(
        f'<rect x="{10 * number}" y="{40 - 40 * hour["events"] / most:.1f}" width="8" '
        f'height="{40 * hour["events"] / most:.1f}"><title>{hour["from"]}: {hour["events"]:,}</title></rect>'
        for number, hour in enumerate(hours)
    )
    words = f"Events by hour, at most {most:,}" if any(hour["events"] for hour in hours) else "No events"
    drawn = f'<svg viewBox="0 0 238 40" preserveAspectRatio="xMinYMid" role="img" aria-label="{words}">{bars}</svg>'
    return f"<figure>{drawn}<figcaption>{words}</figcaption></figure>"


def _table(title: str, heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    made = "".join(f"<tr>{''.join(f'<td>{escape(str(cell))}</td>' for cell in row)}</tr>" for row in rows)
    if not made:
        return ""
    head = "".join(f'<th scope="col">{name}</th>' for name in heads)
    return f'<div class="wide"><table><caption>{title}</caption><tr>{head}</tr>{made}</table></div>'
