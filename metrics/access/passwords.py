"""Passwords against bcrypt hashes: off the event loop, once for each password, and never so many that others starve."""

import asyncio
import hashlib
import secrets
from collections import Counter, OrderedDict
from concurrent.futures import ThreadPoolExecutor

import bcrypt

from metrics.access.reader import AccessRefusal

_WAITING = 16
"""Checks that may wait, each some 50 ms of a core."""
_WAITING_OF_ONE = 4
"""Of one address."""
_KEPT = 1024
_LONGEST = 72
"""Bytes: bcrypt sees no more, so nothing longer was ever set."""


class Passwords:
    """Says whether a password is a user's. Keeps keyed hashes of what it has seen; no password.

    What was right is remembered apart from what was wrong: guesses push nobody out.
    """

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._right: OrderedDict[bytes, None] = OrderedDict()
        self._wrong: OrderedDict[bytes, None] = OrderedDict()
        self._waiting: Counter[str] = Counter()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="passwords")
        self.checked = 0
        """How many were worked out, which is what costs."""

    async def fits(self, peer: str, hashes: dict[str, str], user: str, password: bytes) -> bool:
        """Whether it is the user's. Raises Refusal (503) while too many others are looked at.

        Of a user that there is not, a hash is worked out all the same: how long it takes tells no names.
        """
        hashed = hashes.get(user)
        key = self._digest(user.encode(), (hashed or "").encode(), password)
        if key in self._right:
            self._right.move_to_end(key)
            return True
        if key in self._wrong:
            return False
        if self._waiting.total() >= _WAITING or self._waiting[peer] >= _WAITING_OF_ONE:
            raise AccessRefusal(503, "too many passwords are being checked; ask again in a second")
        self._waiting[peer] += 1
        try:
            known = hashed.encode() if hashed is not None else self._of_nobody(hashes)
            fits = await asyncio.get_running_loop().run_in_executor(self._thread, _check, password, known)
        finally:
            self._waiting[peer] -= 1
            if not self._waiting[peer]:
                del self._waiting[peer]
        self.checked += 1
        fits = fits and hashed is not None
        kept = self._right if fits else self._wrong
        kept[key] = None
        while len(kept) > _KEPT:
            kept.popitem(last=False)
        return fits

    def _digest(self, *parts: bytes) -> bytes:
        found = hashlib.blake2b(key=self._key)
        for part in parts:
            found.update(len(part).to_bytes(8) + part)
        return found.digest()

    @staticmethod
    def _of_nobody(hashes: dict[str, str]) -> bytes:
        """A hash that no password fits, as hard as those of the users."""
        cost = max((hashed.split("$")[2] for hashed in hashes.values()), default="10").encode()
        return b"$2b$" + cost + b"$" + b"." * 53


def _check(password: bytes, hashed: bytes) -> bool:
    if len(password) > _LONGEST or b"\0" in password:
        bcrypt.checkpw(b"", hashed)
        return False
    return bcrypt.checkpw(password, hashed)
