"""Which function folds which type of event, and which entities can be forgotten when, as each domain says."""

from collections.abc import Mapping
from typing import Final

from metrics.view import MISS, Waiting
from streams.fold import activities, calls, chats, deals, invoices, leads, payments
from streams.fold.context import Context, Handler, Keeper
from streams.fold.page import Page

_DOMAINS: Final = (calls, chats, leads, deals, invoices, payments, activities)

HANDLERS: Final[dict[type, Handler]] = {
    kind: handler for domain in _DOMAINS for kind, handler in domain.HANDLERS.items()
}
_KEEPERS: Final[dict[str, Keeper]] = {
    prefix: keeper for domain in _DOMAINS for prefix, keeper in domain.KEEPERS.items()
}


def keep(client: Page, name: str, entity: bytes, out: Context) -> bytes | None:
    """What is still to be remembered of an entity: all, a shorter form, or nothing.

    Fold functions treat what is past its time as forgotten whether or not it was swept; this only frees memory.
    """
    return _KEEPERS[name[0]](client, entity, out)


def tidy(client: Page, waits: Mapping[str, Waiting], out: Context) -> None:
    """Let go of who waits in a page where no view lists that any more, and of a trail of what is forgotten."""
    trail, rules = client.trail, out.rules
    for name, wait in list(waits.items()):
        match wait.channel:
            case calls.CHANNEL:
                until = wait.start + calls.LISTED
            case chats.CHANNEL:
                continue
            case _:
                until = rules.listed_until(wait.channel, wait.start, wait.team, out.time)
        if until <= out.time:
            client.wait(name, None)
            if wait.channel == MISS and trail is not None:
                trail.gone = max(trail.gone, rules.return_by(wait.start, wait.team))
    if trail is None:
        is_known = client.until >= out.recall or not client.until
    else:
        is_known = trail.last >= out.recall or (trail.gate is not None and trail.gate.last >= out.recall)
    if not is_known:
        client.trail, client.until, client.line, client.leads = None, 0, None, None
        client.touch()
