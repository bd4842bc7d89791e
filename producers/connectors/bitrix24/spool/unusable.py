"""What the portal told and nobody can use: a dead letter with its JSON, closed once the entity can be used again."""

import json
import re
from collections.abc import Mapping
from typing import Any, Protocol

import structlog

from producers.connectors.bitrix24.spool.ledger import VersionLedger
from producers.connectors.bitrix24.spool.store import Spool
from producers.errors import PublisherError
from producers.lanes import Headers
from producers.letters import Unusable, closing

log = structlog.get_logger(__name__)
_SYSTEM = "bitrix24"
_LETTER = "letter"
"""Kind of the looks that name the open letters."""
_PRIVATE = re.compile("PHONE|MOBILE|EMAIL|PERSONAL|CALLER|^WEB$|^IM$", re.IGNORECASE)
"""Names of fields that say how to reach somebody."""


class Letters(Protocol):
    """Where dead letters go."""

    async def publish_letters(self, letters: list[tuple[bytes, bytes | None, Headers]]) -> None:
        """Send keys, values and headers and wait for the brokers. Raises PublisherError."""


async def tell(ledger: VersionLedger, store: Spool, publisher: Letters, now: float) -> None:
    """Write letters of what a batch could not use and that have none, and close those of what it could.

    Best effort: whoever may not write letters still has the log and the count.
    """
    letters = {
        name: Unusable.of(_SYSTEM, ledger.identity.source, name, _json(said), detail)
        for name, said, detail in ledger.unusable
    }
    known = store.looks(_LETTER, letters.keys() | ledger.usable)
    sending: list[tuple[bytes, bytes | None, Headers]] = []
    looks: dict[str, str] = {}
    for name, number in known.items():
        if number and (name not in letters or str(letters[name].number) != number):
            sending.append((name.encode(), None, closing(_SYSTEM, int(number))))
            looks[name] = ""
    for name, letter in letters.items():
        if known.get(name) != str(letter.number):
            sending.append((letter.key, letter.value, letter.headers(int(now * 1000))))
            looks[name] = str(letter.number)
    if not sending:
        return
    try:
        await publisher.publish_letters(sending)
    except PublisherError as error:
        log.warning("dead letters of the portal's data cannot be written", why=str(error))
        return
    store.save((), looks=[(_LETTER, name, number) for name, number in looks.items()])


def _json(said: Any) -> bytes:
    return json.dumps(_reduced(said), ensure_ascii=False, sort_keys=True, default=str).encode()


def _reduced(said: Any) -> Any:
    """What was said, without what says how to reach somebody."""
    if isinstance(said, Mapping):
        return {name: "…" if value and _PRIVATE.search(str(name)) else _reduced(value) for name, value in said.items()}
    return [_reduced(one) for one in said] if isinstance(said, list) else said
