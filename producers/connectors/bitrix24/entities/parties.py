"""Whose the portal's entities are: its companies, contacts, leads and callers as clients, as the identities have them.

Without identities each company, contact, lead and number is a client of its own.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import structlog

from producers.connectors.bitrix24.meaning.mapping import Mapping as Meaning
from producers.connectors.bitrix24.meaning.values import number
from producers.connectors.bitrix24.metrics import Metrics
from producers.connectors.bitrix24.portal.rest import Portal, RestCall, items
from producers.connectors.bitrix24.spool.identity import Identity
from producers.connectors.bitrix24.spool.store import Spool
from producers.identities import Member, Resolver, anonymous

log = structlog.get_logger(__name__)
Party = tuple[str, str]
"""company, contact or lead, and its number."""
Row = Mapping[str, Any]
_NUMBERS: Final = ("PHONE", "EMAIL")
FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "company": ("ID", "LEAD_ID", *_NUMBERS),
    "contact": ("ID", "COMPANY_ID", "LEAD_ID", *_NUMBERS),
    "lead": ("ID", *_NUMBERS),
}
"""What is asked of each, in lists that give numbers and addresses where they are named."""
_IDS = 50
_BEGUN = "identities"
_AT_ONCE = 5000


class Parties:
    """The clients of one portal. `meet` first, then `client`, which asks nobody."""

    def __init__(
        self,
        portal: Portal,
        store: Spool,
        identity: Identity,
        meaning: Meaning,
        metrics: Metrics,
        resolver: Resolver | None = None,
    ) -> None:
        self._portal, self._store, self._identity, self._metrics = portal, store, identity, metrics
        self._order = ("companyId", "contactId") if meaning.client == "company" else ("contactId", "companyId")
        self._resolver = resolver
        self._told: set[str] = set()

    @property
    def are_known(self) -> bool:
        """Whether there are identities that contacts and companies can claim their numbers with."""
        return self._resolver is not None

    def client(self, kind: str, party: str) -> str:
        """The client of a company, a contact, a lead, or of whatever else has an id in the portal."""
        own = self._identity.client(kind, party)
        return self._resolver.listed(own) if self._resolver is not None else own

    def of(self, item: Row) -> list[Party]:
        """Whom a CRM item names, the one whose it is first."""
        found = ((field.removesuffix("Id"), number(item, field)) for field in (*self._order, "leadId"))
        return [(kind, str(party)) for kind, party in found if party]

    def owner(self, item: Row, otherwise: Party) -> str:
        """The client of a CRM item; of one that names nobody the client is `otherwise`."""
        return self.client(*(self.of(item) or [otherwise])[0])

    async def meet(self, groups: Iterable[Sequence[Party]]) -> None:
        """Settle for ever who they are, before something is published about them; a group belongs together."""
        if self._resolver is None:
            return
        await self._begin(self._resolver)
        wanted = [group for group in groups if not all(map(self._is_settled, group))]
        if not wanted:
            return
        rows = await self._rows({party for group in wanted for party in group})
        linked = [self._linked(group, rows) for group in wanted]
        rows |= await self._rows({party for group in linked for party in group} - rows.keys())
        await self._resolver.unite([self._members(group, rows) for group in linked])

    async def feed(self, kind: str, found: Sequence[Row]) -> None:
        """Have contacts or companies claim their numbers, so that who calls or writes next is known."""
        if self._resolver is None:
            return
        await self._begin(self._resolver)
        rows = {(kind, str(row["ID"])): row for row in found if row.get("ID")}
        groups = [self._members(self._linked([party], rows), rows) for party in rows]
        await self._resolver.unite(groups, for_ever=False)

    async def by_id(self, kind: str, ids: Iterable[str]) -> list[Row]:
        """Contacts or companies with their numbers, as far as they may be read."""
        return list((await self._rows({(kind, one) for one in ids})).values())

    def caller(self, call: str, phone: str) -> dict[str, str]:
        """What is remembered of a caller: never the number. `client`: whom it is where nobody has claimed it."""
        own = self._identity.phone(phone)
        if own is None:
            return {"client": anonymous(call)}
        hashes = self._resolver.hashes([phone]) if self._resolver is not None else []
        return {"client": own} | ({"phone": hashes[0]} if hashes else {})

    async def callers(self, facts: Sequence[Row]) -> list[str]:
        """The client of each call, by its facts; empty where they do not say it."""
        if self._resolver is None:
            return [str(known.get("client", "")) for known in facts]
        named = [known for known in facts if "phone" in known and "client" in known]
        found = await self._resolver.resolve([[one["phone"]] for one in named], [one["client"] for one in named])
        for match in found:
            self._metrics.clients.labels("known" if match.known else "new").inc()
        resolved = {one["phone"]: match.client for one, match in zip(named, found, strict=True)}
        return [resolved.get(known.get("phone", ""), str(known.get("client", ""))) for known in facts]

    def _is_settled(self, party: Party) -> bool:
        return self._resolver is not None and self._resolver.is_listed(self._identity.client(*party))

    def _linked(self, group: Sequence[Party], rows: Mapping[Party, Row]) -> list[Party]:
        """A group with those whom its contacts and companies belong to, without who belongs to another company."""
        found = list(group)
        company = next((party for party in group if party[0] == "company"), None)
        for party in group:
            row = rows.get(party, {})
            if party[0] == "contact" and (own := number(row, "COMPANY_ID")):
                if company is None and self._order[0] == "companyId":
                    found.insert(0, ("company", str(own)))
                elif company is not None and company[1] != str(own) and group[0] != party:
                    found.remove(party)
                    continue
            if lead := number(row, "LEAD_ID"):
                found.append(("lead", str(lead)))
        return list(dict.fromkeys(found))

    def _members(self, group: Sequence[Party], rows: Mapping[Party, Row]) -> list[Member]:
        return [Member(self._identity.client(*party), self._hashes(rows.get(party, {}))) for party in group]

    def _hashes(self, row: Row) -> list[str]:
        phones, emails = ([*_values(row.get(name))] for name in _NUMBERS)
        return self._resolver.hashes(phones, emails) if self._resolver is not None else []

    async def _rows(self, parties: Iterable[Party]) -> dict[Party, Row]:
        """Those of them that the portal shows, with their numbers. Who is settled already is not asked for."""
        by_kind: dict[str, list[str]] = {}
        for kind, party in sorted(parties):
            by_kind.setdefault(kind, []).append(party)
        calls = [
            (kind, RestCall(f"crm.{kind}.list", query(kind) | {"filter": {"@ID": ids[at : at + _IDS]}, "start": -1}))
            for kind, ids in by_kind.items()
            for at in range(0, len(ids), _IDS)
        ]
        pages = await self._portal.batch([call for _, call in calls], tolerant=True)
        for (kind, _), page in zip(calls, pages, strict=True):
            if page is None and kind not in self._told:
                self._told.add(kind)
                log.warning("may not be read, so that who calls is not known by it; check the rights", kind=kind)
        return {
            (kind, str(row["ID"])): row
            for (kind, _), page in zip(calls, pages, strict=True)
            for row in items(page)
            if row.get("ID")
        }

    async def _begin(self, resolver: Resolver) -> None:
        """Who had a client before there were identities keeps it."""
        if self._store.cursor(_BEGUN) is not None:
            return
        clients = self._store.clients()
        for at in range(0, len(clients), _AT_ONCE):
            await resolver.unite([[Member(client)] for client in clients[at : at + _AT_ONCE]])
        self._store.save((), {_BEGUN: "1"})


def query(kind: str) -> dict[str, Any]:
    """Parameters that all lists of contacts, companies and leads share."""
    return {"select": list(FIELDS[kind]), "order": {"ID": "ASC"}}


def _values(entries: Any) -> Iterator[str]:
    """The numbers or addresses of a multiple field."""
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, dict) and entry.get("VALUE"):
            yield str(entry["VALUE"])
