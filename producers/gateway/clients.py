"""Clients that senders know by a number or an address: `tel:` and `mailto:` as `client_id` become the client itself.

So no number gets into the log, and a caller that a telephone system tells of is the client that the CRM has.
"""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from producers.errors import Refused
from producers.events.registry import ALL_TYPES, keyed
from producers.gateway.reading import body
from producers.gateway.reading.body import SentRecord
from producers.gateway.series import GatewaySeries
from producers.gateway.verdict import Verdict, tally

_PHONE, _EMAIL = "tel:", "mailto:"
_WITHOUT_CLIENT = {kind for kind, model in ALL_TYPES.items() if keyed(model) != "{client_id}"}
_ADDRESSES = (_PHONE.encode(), _EMAIL.encode())


class IdentityResolver(Protocol):
    """What the gateway needs of a `Resolver`."""

    def hashes(self, phones: Sequence[str] = (), emails: Sequence[str] = ()) -> list[str]:
        """What they are known by; none for what is neither a number nor an address."""

    async def resolve(self, asked: Sequence[Sequence[str]]) -> Sequence[tuple[str, bool]]:
        """The client of each, and whether somebody had claimed it before. Raises PublisherError."""


class ClientResolver:
    """Resolves the events of requests. `identities`: None where the installation has no key for them."""

    def __init__(self, identities: IdentityResolver | None, series: GatewaySeries) -> None:
        self._identities = identities
        self._series = series

    def judge(self, verdict: Verdict) -> None:
        """Move events whose number or address cannot be resolved to the problems."""
        named = [record for record in verdict.good if record.key.startswith(_ADDRESSES) and not record.reference]
        if not named:
            return
        bad = {
            record.place: body.problem(record.place, refused) for record in named if (refused := self._refused(record))
        }
        if not bad:
            return
        whose = [(found.index, found, source) for found, source in zip(verdict.problems, verdict.sources, strict=True)]
        whose += [(record.place, bad[record.place], record.source) for record in named if record.place in bad]
        whose.sort(key=lambda one: one[0])
        verdict.problems, verdict.sources = [one[1] for one in whose], [one[2] for one in whose]
        verdict.good = [record for record in verdict.good if record.place not in bad]
        verdict.counts = tally(verdict.good)

    async def resolve(self, records: Sequence[SentRecord]) -> Sequence[SentRecord]:
        """The events under their clients, once all claims are in Kafka. Raises PublisherError."""
        named = {record.place: self._hashes(record) for record in records if _is_address(record)}
        if not named or self._identities is None:
            return records
        found = dict(zip(named, await self._identities.resolve([*named.values()]), strict=True))
        resolved = []
        for record in records:
            if record.place in found:
                client, is_known = found[record.place]
                self._series.clients(record.source, "known" if is_known else "new")
                resolved.append(_under(record, client))
            else:
                resolved.append(record)
        return resolved

    def _refused(self, record: SentRecord) -> Refused | None:
        if self._identities is None:
            return Refused(
                "invalid_data",
                "data.client_id: is a number or an address, which must not be in an event; this gateway can resolve "
                "it only with SALES_IDENTITY_KEY",
            )
        if not self._hashes(record):
            said = record.key.decode()[:60]
            return Refused(
                "invalid_data",
                f"data.client_id: {said!r} is neither a phone number nor an address; of a withheld number send "
                "anonymous:<call_id>",
            )
        return None

    def _hashes(self, record: SentRecord) -> list[str]:
        address = record.key.decode()
        if self._identities is None:
            return []
        if address.startswith(_PHONE):
            return self._identities.hashes([address.removeprefix(_PHONE)])
        return self._identities.hashes((), [address])


def _is_address(record: SentRecord) -> bool:
    """Whether the record's client is named by an address; a cost has no client."""
    return record.key.startswith(_ADDRESSES) and record.type not in _WITHOUT_CLIENT


def _under(record: SentRecord, client: str) -> SentRecord:
    event = msgspec.json.decode(record.value)
    event["data"]["client_id"] = client
    if event.get("partitionkey") is not None:
        event["partitionkey"] = client
    return record._replace(key=client.encode(), value=msgspec.json.encode(event))
