"""Who is who outside the portal: keyed hashes of clients, and event ids that every way of finding a change derives.

Ids of deals, invoices and payments end with a piece of their client's id: when one moves to another client,
it gets the new id that the contract asks for, without anybody having to remember which ids were used.
"""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

_PIECE = 8


class Identity:
    """Hashes of one portal. `portal` is its member_id or domain and must never change, nor must `key`."""

    def __init__(self, portal: str, domain: str, key: str) -> None:
        self.source = f"bitrix24://{domain}"
        self._portal = portal
        self._key = key.encode()

    def client(self, kind: str, number: str | int) -> str:
        """The opaque id of a client; `kind` is company, contact, lead, deal, phone, …."""
        text = f"{self._portal}\0{kind}\0{number}"
        return hmac.new(self._key, text.encode(), hashlib.sha256).hexdigest()[:32]

    def phone(self, number: str) -> str:
        """The client behind a phone number, however it is written."""
        digits = "".join(character for character in number if character.isdigit())
        return self.client("phone", digits or "hidden")

    def event(self, kind: str, number: str, version: str, content: str) -> str:
        """The id of an event: the same change gives the same id by webhook, reconciliation and backfill."""
        text = f"{self._portal}\0{kind}\0{number}\0{version}\0{content}"
        return hashlib.sha256(text.encode()).hexdigest()[:32]


def entity_id(number: str | int, client: str) -> str:
    """The contract's id of a deal, an invoice or a payment under a client."""
    return f"{number}-{client[:_PIECE]}"


def owner_client(item: Mapping[str, Any], fallback: tuple[str, str], identity: Identity, *, first: str) -> str:
    """The client of a CRM item: its company, else its contact (or the other way round), else its lead, else itself."""
    order = ("companyId", "contactId") if first == "company" else ("contactId", "companyId")
    for field in (*order, "leadId"):
        if number := int(item.get(field) or 0):
            return identity.client(field.removesuffix("Id"), number)
    return identity.client(*fallback)
