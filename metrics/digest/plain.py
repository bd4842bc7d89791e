"""The digest as text, for mail programs that show no pages, and for chats: what matters most, in a few lines."""

from collections.abc import Callable, Iterator

from metrics.digest.told import Digest

Strong = Callable[[str], str]
"""Writes text so that it stands out, and escapes it."""


def plain(digest: Digest) -> str:
    """All of it as plain text."""
    return "\n".join([*lines(digest, str, str), "", digest.as_of, digest.link])


def lines(digest: Digest, strong: Strong, escaped: Strong) -> Iterator[str]:
    """Line by line. escaped: what makes text of others safe in the language of a chat."""
    words = digest.words
    yield strong(f"Sales Pulse · {digest.scope} · {digest.title}")
    yield escaped(digest.compared)
    yield ""
    for line in digest.lines:
        change = f"  {line.change.text}" if line.change.text else ""
        yield f"{escaped(line.name)}: {strong(line.value)}{escaped(change)}"
    if digest.plans:
        yield ""
        yield strong(words["plan"])
        yield from (escaped(f"{one.name}: {one.percent} · {one.done}") for one in digest.plans)
    if digest.leaders:
        yield ""
        yield strong(words["leaders"])
        for number, one in enumerate(digest.leaders, 1):
            yield escaped(f"{number}. {one.name} · {one.won} {one.change.text}".rstrip())
    yield ""
    yield strong(words["notCalledBack"])
    yield escaped(" · ".join(f"{name} {number}" for name, number in digest.missed))
    yield from (escaped(f"{one.client} · {one.who} · {one.since}") for one in digest.open)
    if digest.open_more:
        yield escaped(f"+ {digest.open_more} {words['more']}")
