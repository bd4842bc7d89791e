"""Finds the client behind a number or an address, and claims what nobody has claimed.

`client` is quick and asks nobody; `settle` brings new claims to the topic before anything is published under them.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

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
        self._read: dict[int, int] = {}

    async def read(self, claims: Claims) -> None:
        """Bring all that is new to `claims`."""
        for hashed, client, at in self.entries[self._read.get(id(claims), 0) :]:
            claims.take(hashed, client, at)
        self._read[id(claims)] = len(self.entries)

    async def write(self, entries: Sequence[Entry]) -> None:
        """Append."""
        self.entries.extend(entries)


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
        self.known = self.claimed = 0

    async def start(self) -> None:
        """Read the topic. Raises WrongKey, and KafkaUnavailable or KafkaRejected."""
        await self._log.read(self.claims)
        if self.claims.check is None:
            await self._log.write([(CHECK, fingerprint(self._key), self._now_ms())])
            await self._log.read(self.claims)
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
        hashes = self.hashes(phone, email)
        return self.match(hashes, own) if hashes else None

    def hashes(self, phone: str = "", email: str = "") -> list[str]:
        """What a number and an address are known by."""
        found = []
        if number := phone and (normalise(phone, self._region) or local(phone)):
            found.append(keyed_hash(f"phone:{number}", self._key))
        if address := email and normalise_email(email):
            found.append(keyed_hash(f"email:{address}", self._key))
        return found

    def match(self, hashes: Sequence[str], own: str = "") -> Match:
        """The same for what `hashes` gave, of as many numbers and addresses as the client has."""
        held = [claim for hashed in hashes if (claim := self.claims.get(hashed)) is not None]
        mine = [claim for hashed in hashes if (claim := self._mine.get(hashed)) is not None]
        standing = min(held, default=None) or min(mine, default=None)
        client = standing.client if standing else own or hashes[0]
        for hashed in hashes:
            if self.claims.get(hashed) is None and hashed not in self._mine:
                self._mine[hashed] = Claim(self._now_ms(), client)
        self.known += bool(held)
        self.claimed += not held
        return Match(client, bool(held))

    async def settle(self) -> Mapping[str, str]:
        """Bring new claims to the topic; return whose claims came too late: client as given → client as it stands."""
        if not self._mine:
            return {}
        await self._log.read(self.claims)
        mine, self._mine = self._mine, {}
        await self._log.write([(h, claim.client, claim.at) for h, claim in mine.items() if self.claims.get(h) is None])
        await self._log.read(self.claims)
        await self.mend()
        lost = {}
        for hashed, claim in mine.items():
            standing = self.claims.get(hashed)
            if standing is not None and standing.client != claim.client:
                lost[claim.client] = standing.client
        return lost

    async def follow(self) -> None:
        """Take what others claimed since."""
        await self._log.read(self.claims)

    async def mend(self) -> None:
        """Write first claims again behind later ones, so that compaction keeps them."""
        entries = [(h, claim.client, claim.at) for h in sorted(self.claims.disputed) if (claim := self.claims.get(h))]
        if entries:
            await self._log.write(entries)
            await self._log.read(self.claims)

    async def forget(self, client: str) -> int:
        """Remove a client's claims; return how many."""
        await self._log.read(self.claims)
        hashes = list(self.claims.of_client(client))
        await self._log.write([(hashed, None, self._now_ms()) for hashed in hashes])
        await self._log.read(self.claims)
        return len(hashes)
