"""The page `/sources`: what became of a sender's events and what to change, readable without any script."""

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from importlib.resources import files
from typing import Any

from producers.gateway.sources.words import RUSSIAN

_STYLE = (files("producers.gateway.sources") / "page.css").read_text()
_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
POLICY = f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
"""Content-Security-Policy: whatever senders have written, nothing on the page runs or loads."""
_SECONDS = 30
_RUSSIAN_NUMBERS = str.maketrans({",": "\N{NO-BREAK SPACE}", ".": ","})

Report = Mapping[str, Any]


def render(reports: Sequence[Report], language: str = "en") -> str:
    """The page about these senders, in English or Russian (`ru`)."""
    return _Page(language).whole(reports)


class _Page:
    def __init__(self, language: str) -> None:
        self._is_russian = language == "ru"

    def _say(self, words: str) -> str:
        """Words of ours in the page's language."""
        return RUSSIAN[words] if self._is_russian else words

    def _count(self, number: float, places: int = 0) -> str:
        written = f"{number:,.{places}f}"
        return written.translate(_RUSSIAN_NUMBERS) if self._is_russian else written

    def whole(self, reports: Sequence[Report]) -> str:
        """The page."""
        say = self._say
        told = "".join(map(self._source, reports)) or f"<p>{say('Nothing came in the last day.')}</p>"
        language, other, name = ("ru", "en", "English") if self._is_russian else ("en", "ru", "Русский")
        return (
            f'<!doctype html><html lang="{language}"><head><meta charset="utf-8">'
            f"<title>{say('Sources')} · Sales Pulse</title>"
            f'<meta name="viewport" content="width=device-width"><meta http-equiv="refresh" content="{_SECONDS}">'
            f"<style>{_STYLE}</style></head><body>"
            f'<nav><a href="?lang={other}" lang="{other}" hreflang="{other}">{name}</a></nav><h1>{say("Sources")}</h1>'
            f"<p>{say('What became of events in the last 24 hours. Times are UTC.')}</p>{told}</body></html>"
        )

    def _source(self, report: Report) -> str:
        bad, say = report["refused"] or report["dead_letters"], self._say
        forwarded = ("warn", "forwarded") if report["forwarded"] else ("good", "all taken")
        kind, state = ("bad", "refused events") if bad else forwarded
        name = escape(report["source"]) or say("(no source that could be read)")
        parts = [
            f'<section><h2>{name} <b class="{kind}">{say(state)}</b></h2>',
            self._missing(report["missing"]) if "missing" in report else "",
            "<dl>",
            self._number("events a minute, lately", self._count(report["per_minute"], 1)),
            self._number("taken over HTTP", self._count(report["taken"])),
            self._number("counted, over HTTP and Kafka", self._count(report["counted"])),
            self._number("refused", self._count(sum(report["refused"].values()))),
            self._number("waiting dead letters", self._letters(report)),
            "</dl>",
            self._course(report["by_hour"]),
            self._table(
                "Waiting dead letters",
                ("reason", "records", "what to change"),
                self._remedies(report["dead_letters"] or {}),
            ),
            self._table(
                "Forwarded: on another partition than their client's, counted all the same",
                ("reason", "records", "what to set in the client"),
                self._remedies(report["forwarded"]),
            ),
            self._table("Unknown fields, ignored", ("field", "times"), report["unknown_fields"].items()),
            self._table(
                "Last refusals",
                ("last at", "by", "reason", "what is wrong and what to do"),
                ((one["at"], one["way"], one["reason"], one["detail"]) for one in report["refusals"]),
            ),
            self._table("Last event of each type, over HTTP", ("type", "at"), report["last"].items()),
            "</section>",
        ]
        return "".join(parts)

    def _missing(self, said: str) -> str:
        what, colon, why = said.partition(": ")
        return f'<p class="missing">{self._say(what)}{colon}{escape(why)}</p>'

    def _number(self, what: str, value: str) -> str:
        return f"<div><dt>{self._say(what)}</dt><dd>{value}</dd></div>"

    def _letters(self, report: Report) -> str:
        letters = report["dead_letters"]
        return (
            self._say("not known") if letters is None else self._count(sum(one["events"] for one in letters.values()))
        )

    def _remedies(self, found: Mapping[str, Mapping[str, Any]]) -> Iterable[tuple[Any, ...]]:
        return (
            (reason, one["events"], self._say(one["remedy"]) if one["remedy"] else "") for reason, one in found.items()
        )

    def _course(self, hours: Sequence[Mapping[str, Any]]) -> str:
        """A bar for each hour."""
        most = max(hour["events"] for hour in hours) or 1
        bars = "".join(
            f'<rect x="{10 * number}" y="{40 - 40 * hour["events"] / most:.1f}" width="8" height="'
            f'{40 * hour["events"] / most:.1f}"><title>{hour["from"]}: {self._count(hour["events"])}</title></rect>'
            for number, hour in enumerate(hours)
        )
        some = any(hour["events"] for hour in hours)
        words = f"{self._say('Events by hour, at most')} {self._count(most)}" if some else self._say("No events")
        drawn = f'<svg viewBox="0 0 238 40" preserveAspectRatio="xMinYMid" role="img" aria-label="{words}">{bars}</svg>'
        return f"<figure>{drawn}<figcaption>{words}</figcaption></figure>"

    def _table(self, title: str, heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
        made = "".join(f"<tr>{''.join(f'<td>{escape(str(cell))}</td>' for cell in row)}</tr>" for row in rows)
        if not made:
            return ""
        head = "".join(f'<th scope="col">{self._say(name)}</th>' for name in heads)
        return f'<div class="wide"><table><caption>{self._say(title)}</caption><tr>{head}</tr>{made}</table></div>'
