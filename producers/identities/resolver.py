"""Finds the client behind a number or an address, and claims what nobody has claimed.

`client` is quick and asks nobody; `settle` brings new claims to the topic before anything is published under them.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import zip_longest
from typing import NamedTuple, Protocol
from weakref import WeakKeyDictionary

from producers.errors import ProducersError
from producers.identities.claims import CHECK, Claim, Claims, fingerprint
from producers.identities.numbers import local, normalise, normalise_email
from producers.identities.settings import keyed_hash

Entry = tuple[str, str | None, int]
"""Hash, client (None: the claim is removed), and when it was claimed (ms)."""


class WrongKey(ProducersError):  # noqa: N818 - what is wrong
    """The secret is not the one that the topic was begun with."""


class ClaimsLog(Protocol):
    """The identities topic."""

    async def read(self, claims: Claims) -> None:
        """Bring all that is new up to the present end."""

    async def write(self, entries: Sequence[Entry]) -> None:
        """Append; when it returns, Kafka has them."""


class InMemoryClaimsLog:
    """A log for tests, for dry runs, and for resolvers that share nothing with others."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self._read: WeakKeyDictionary[Claims, int] = WeakKeyDictionary()

    async def read(self, claims: Claims) -> None:
        """Bring all that is new to `claims`."""
        for hashed, client, at in self.entries[self._read.get(claims, 0) :]:
            claims.take(hashed, client, at)
        self._read[claims] = len(self.entries)

    async def write(self, entries: Sequence[Entry]) -> None:
        """Append."""
        self.entries.extend(entries)


class Member(NamedTuple):
    """Somebody whom a way in knows by the id `own`, and by numbers and addresses, as `hashes` gave them."""

    own: str
    hashes: Sequence[str] = ()


class Match(NamedTuple):
    """`known`: somebody had claimed it before; else the claim is made with the next `settle`."""

    client: str
    known: bool


def anonymous(call_id: str) -> str:
    """The client of a call whose number is withheld."""
    return f"anonymous:{call_id}"


class Resolver:
    """Claims as one way in sees them. `known` and `claimed` count what `client` found."""

    def __init__(
        self, log: ClaimsLog, key: bytes, region: str, now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000
    ) -> None:
        self._log = log
        self._key = key
        self._region = region
        self._now_ms = now_ms
        self.claims = Claims()
        self._mine: dict[str, Claim] = {}
        self._turn = asyncio.Lock()
        self.known = self.claimed = 0

    async def start(self) -> None:
        """Read the topic. Raises WrongKey, and KafkaUnavailable or KafkaRejected."""
        await self.follow()
        if self.claims.check != fingerprint(self._key):
            raise WrongKey(
                "SALES_IDENTITY_KEY is not the secret that the identities topic was begun with: clients would be "
                "split in two; set the one that the other ways in have"
            )

    def client(self, *, phone: str = "", email: str = "", own: str = "") -> Match | None:
        """The client behind a number, an address or both; None when neither is usable.

        `own` is the id that this way in has for the client, used where nobody has claimed anything; else it is the
        hash. Of several claims the oldest counts, and what is not claimed yet is claimed for it.
        """
        hashes = self.hashes((phone,), (email,))
        return self.match(hashes, own) if hashes else None

    def hashes(self, phones: Iterable[str] = (), emails: Iterable[str] = ()) -> list[str]:
        """What numbers and addresses are known by; those that are none are left out."""
        numbers = (normalise(phone, self._region) or local(phone) for phone in phones if phone)
        addresses = (normalise_email(email) for email in emails if email)
        found = [f"phone:{number}" for number in numbers if number]
        found += [f"email:{address}" for address in addresses if address]
        return [keyed_hash(value, self._key) for value in dict.fromkeys(found)]

    def listed(self, own: str) -> str:
        """The client behind an id of this way in: the id itself, until `unite` says otherwise."""
        claim = self._standing(self._listing(own))
        return claim.client if claim else own

    def is_listed(self, own: str) -> bool:
        """Whether `unite` has said, here or elsewhere, which client that is."""
        return self.claims.get(self._listing(own)) is not None

    async def unite(self, groups: Sequence[Sequence[Member]], *, for_ever: bool = True) -> None:
        """Make each group (a contact, its company, its lead) one client, which `listed` gives for each of them.

        It is the client of the oldest claim, on a member or on a number of one; else the first member's own id. Who
        has a client keeps it, a number too. Not `for_ever`: members claim their numbers and are left open themselves,
        until something is published about them.
        """
        await self.follow()
        meant: dict[str, Claim] = {}
        for group in groups:
            client = self._whole(group, meant)
            for member in group:
                mine = self._stands(member, meant) or client
                for hashed in member.hashes:
                    if self._standing(hashed) is None:
                        self._mine[hashed] = Claim(self._now_ms(), mine.client)
                meant.setdefault(member.own, client)
        await self.settle()
        if not for_ever:
            return
        # Again, now that all numbers are claimed: somebody else may have been first with one a moment ago.
        for group in groups:
            client = self._whole(group, {})
            for member in group:
                if self._stands(member, {}) is None:
                    self._mine[self._listing(member.own)] = client
        await self.settle()

    def _whole(self, group: Sequence[Member], meant: Mapping[str, Claim]) -> Claim:
        stand = [claim for member in group if (claim := self._stands(member, meant)) is not None]
        open_ = [member for member in group if self._stands(member, meant) is None]
        found = [claim for member in open_ for one in member.hashes if (claim := self._standing(one)) is not None]
        if stand:
            # What members claimed for themselves was before anything was known of the others.
            owns = {member.own for member in group}
            found = stand + [claim for claim in found if claim.client not in owns]
        return Claim(self._now_ms(), min(found).client if found else group[0].own)

    def _stands(self, member: Member, meant: Mapping[str, Claim]) -> Claim | None:
        return self._standing(self._listing(member.own)) or meant.get(member.own)

    def _listing(self, own: str) -> str:
        return keyed_hash(f"client:{own}", self._key)

    def _standing(self, hashed: str) -> Claim | None:
        return self.claims.get(hashed) or self._mine.get(hashed)

    def match(self, hashes: Sequence[str], own: str = "") -> Match:
        """The same for what `hashes` gave, of as many numbers and addresses as the client has."""
        is_known = any(self.claims.get(hashed) is not None for hashed in hashes)
        client = self._whose(hashes) or own or hashes[0]
        for hashed in hashes:
            if self._standing(hashed) is None:
                self._mine[hashed] = Claim(self._now_ms(), client)
        self.known += is_known
        self.claimed += not is_known
        return Match(client, is_known)

    def _whose(self, hashes: Sequence[str]) -> str | None:
        """The client of the oldest claim: of those that stand, else of those that are about to be made."""
        held = [claim for hashed in hashes if (claim := self.claims.get(hashed)) is not None]
        mine = [claim for hashed in hashes if (claim := self._mine.get(hashed)) is not None]
        oldest = min(held, default=None) or min(mine, default=None)
        return oldest.client if oldest else None

    async def resolve(self, asked: Sequence[Sequence[str]], own: Sequence[str] = ()) -> list[Match]:
        """`match` for several clients, once what is claimed for them stands: nothing is claimed too late."""
        if any(self.claims.get(hashed) is None for hashes in asked for hashed in hashes):
            await self.follow()
        first = [self.match(hashes, mine) for hashes, mine in zip_longest(asked, own, fillvalue="")]
        await self.settle()
        return [
            Match(self._whose(hashes) or match.client, match.known) for hashes, match in zip(asked, first, strict=True)
        ]

    async def settle(self) -> Mapping[str, str]:
        """Bring new claims to the topic; return whose claims came too late: client as given → client as it stands.

        When it returns, `match` says for all that it was asked before what stands. Safe for many tasks.
        """
        async with self._turn:
            if not self._mine:
                return {}
            # Read before writing, so that hardly anything is claimed twice, and again after it: of two claims that were
            # written at the same moment the first one in the log stands, for both ways in.
            await self._log.read(self.claims)
            mine = dict(self._mine)
            new = [(h, claim.client, claim.at) for h, claim in mine.items() if self.claims.get(h) is None]
            await self._log.write(new)
            await self._log.read(self.claims)
            await self._mend()
            lost = {}
            for hashed, claim in mine.items():
                standing = self.claims.get(hashed)
                if standing is not None and standing.client != claim.client:
                    lost[claim.client] = standing.client
                del self._mine[hashed]
            return lost

    async def follow(self) -> None:
        """Take what others claimed since."""
        async with self._turn:
            await self._log.read(self.claims)
            await self._mend()

    async def _mend(self) -> None:
        """Write first claims again behind later ones, so that compaction keeps them; say which key a new topic has."""
        entries: list[Entry] = [
            (h, claim.client, claim.at) for h in sorted(self.claims.disputed) if (claim := self.claims.get(h))
        ]
        if self.claims.check is None:
            entries.append((CHECK, fingerprint(self._key), self._now_ms()))
        if entries:
            await self._log.write(entries)
            await self._log.read(self.claims)

    async def forget(self, client: str) -> int:
        """Remove a client's claims; return how many."""
        async with self._turn:
            await self._log.read(self.claims)
            hashes = list(self.claims.of_client(client))
            await self._log.write([(hashed, None, self._now_ms()) for hashed in hashes])
            await self._log.read(self.claims)
        return len(hashes)
