"""Who is who outside the portal: keyed hashes of clients, and event ids that every way of finding a change derives.

Ids of deals, invoices and payments end with a piece of their client's id: when one moves to another client,
it gets the new id that the contract asks for, without anybody having to remember which ids were used.
"""

import hashlib
import hmac

from producers.identities.numbers import local, normalise

_PIECE = 8


class Identity:
    """Hashes of one portal. `portal` is its member_id or domain and must never change, nor must `key`.

    region: where numbers without a country code belong.
    """

    def __init__(self, portal: str, domain: str, key: str, region: str = "RU") -> None:
        self.source = f"bitrix24://{domain}"
        self._portal = portal
        self._key = key.encode()
        self._region = region

    def client(self, kind: str, number: str | int) -> str:
        """The opaque id of a client; `kind` is company, contact, lead, deal, phone, …."""
        text = f"{self._portal}\0{kind}\0{number}"
        return hmac.new(self._key, text.encode(), hashlib.sha256).hexdigest()[:32]

    def phone(self, number: str) -> str | None:
        """The client behind a phone number, however it is written; None for a withheld one."""
        found = normalise(number, self._region) or local(number)
        return self.client("phone", found.removeprefix("+")) if found else None

    def event(self, kind: str, number: str, version: str, content: str) -> str:
        """The id of an event: the same change gives the same id by webhook, reconciliation and backfill."""
        text = f"{self._portal}\0{kind}\0{number}\0{version}\0{content}"
        return hashlib.sha256(text.encode()).hexdigest()[:32]


def entity_id(number: str | int, client: str) -> str:
    """The contract's id of a deal, an invoice or a payment under a client."""
    return f"{number}-{client[:_PIECE]}"
