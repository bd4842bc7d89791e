"""Who claimed which number or address: the first claim stands, whatever comes later."""

from collections.abc import Iterator
from typing import NamedTuple

from producers.identities.settings import keyed_hash

CHECK = "key-check"
"""Key of the record that says which secret the topic was begun with."""


class Claim(NamedTuple):
    """`at`: when it was made (ms); the oldest of several is the client."""

    at: int
    client: str


def fingerprint(key: bytes) -> str:
    """What the secret is recognised by, and nothing can be computed from."""
    return keyed_hash("sales-pulse identities", key)


class Claims:
    """The claims of the topic, in the order of its log.

    Compaction keeps the last record of a key, so a later claim that differs has to be followed by the first one
    again: `disputed` are the hashes where that has not happened yet.
    """

    def __init__(self) -> None:
        self._held: dict[str, Claim] = {}
        self.disputed: set[str] = set()
        self.check: str | None = None

    def clear(self) -> None:
        """Know nothing, as of an empty topic."""
        self._held.clear()
        self.disputed.clear()
        self.check = None

    def __len__(self) -> int:
        return len(self._held)

    def get(self, hashed: str) -> Claim | None:
        """The claim that stands."""
        return self._held.get(hashed)

    def take(self, hashed: str, client: str | None, at: int) -> None:
        """Take a record of the topic; without a client the claim is removed."""
        if hashed == CHECK:
            self.check = self.check or client
        elif client is None:
            self._held.pop(hashed, None)
            self.disputed.discard(hashed)
        else:
            held = self._held.setdefault(hashed, Claim(at, client))
            (self.disputed.discard if held.client == client else self.disputed.add)(hashed)

    def of_client(self, client: str) -> Iterator[str]:
        """The hashes that a client is known by."""
        return (hashed for hashed, claim in self._held.items() if claim.client == client)
