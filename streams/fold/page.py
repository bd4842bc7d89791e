"""One page of a client: its entities as encoded, who of them waits, and, in the root page, what spans them all."""

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from metrics.view import Waiting
from streams.fold.encoding import decoder, encode
from streams.fold.lead_index import Leads
from streams.fold.line import Line
from streams.fold.spread import digit, quick
from streams.fold.state import READY, ReadyDeal, Trail

_State = tuple[dict[str, Waiting], bool, tuple[int, str] | None, Trail | int | dict[str, Any], dict[str, bytes]]
"""Who waits in it; whether entities are in pages below; first win; trail, or `until`; entities.

Before version 5 of the state there was a map in the trail's place: who waits is read before the version is.
"""

_encode: Final = msgspec.msgpack.Encoder().encode
decode_page: Final = msgspec.msgpack.Decoder(_State).decode
_decode_ready: Final = decoder(ReadyDeal)
_BITS: Final = 2
_IN_LINE: Final = "cm"
"""Kinds that a line has: calls and meetings."""
_LEAD: Final = "l"
_CALL: Final = "c"
"""What waits by the name of a call is a miss: it waits in the root page, where the next call looks for it."""
_QUICK_LEVELS: Final = 32
_MANY: Final = 64
"""Entities of a page that are looked through at each question; pages are split when they are written, not before."""
NOBODY_WAITS: Final = 0x80
"""The second byte of a page in which nobody waits: an empty map."""
_NOTHING: Final[dict[Any, Any]] = {}
"""Who waits or is listed in most pages: one dict for all of them, replaced and never written."""


class Pool:
    """What holds the pages of a partition, as far as a page needs it. A protocol's calls would cost more compiled."""

    def __init__(self) -> None:
        self.dirty: list[Page] = []
        self.moved: list[Page] = []

    def below(self, page: "Page", digit: int) -> "Page":
        """One of the four pages below a split one."""
        raise NotImplementedError


class Page:
    """The entities of a client, or a quarter of them, by name (key prefix of the kind, then the id).

    The root page is the client that fold functions see. What spans its entities:

    first: the earliest won deal, (closing time, deal id).
    line, leads: its calls and meetings in order, its leads by creation; where something made them, None at any time.
    trail: what is known of its calls, meetings and leads together; None of one who was never missed, and has no leads.
    until: where there is no trail, the latest moment that calls and meetings speak of.
    waits: who waits, misses among them; of a client in several pages, misses alone. To be changed by `wait`.

    `touch` says that `first`, `trail` or `until` changed.
    """

    __slots__ = (
        "_listed", "chunks", "dirty", "entities", "first", "is_moved", "key", "leads", "line", "name", "path", "pool",
        "root", "size", "split", "trail", "until", "waits",
    )  # fmt: skip

    def __init__(self, pool: Pool, root: bytes, path: bytes, key: bytes, raw: bytes | None, chunks: int = 0) -> None:
        self.pool = pool
        self.root = root
        self.path = path
        self.key = key
        self.name = root[1:].decode()
        self.size = 0 if raw is None else len(raw)
        self.dirty = False
        self.is_moved = False
        self.waits: dict[str, Waiting] = _NOTHING
        self.split = False
        self.first: tuple[int, str] | None = None
        self.chunks = chunks
        self._listed: dict[str, dict[str, bytes]] = _NOTHING
        self.line: Line | None = None
        self.leads: Leads | None = None
        self.trail: Trail | None = None
        self.until = 0
        self.entities: dict[str, bytes]
        if raw is None:
            self.entities = {}
        else:
            waits, self.split, self.first, trail, self.entities = decode_page(raw)
            self.waits = waits or _NOTHING
            if isinstance(trail, int):
                self.until = trail
            elif isinstance(trail, Trail):
                self.trail = trail

    def get(self, name: str) -> bytes | None:
        """An entity as encoded."""
        return (self._leaf(name) if self.split else self).entities.get(name)

    def put(self, name: str, entity: bytes) -> None:
        """Remember an entity."""
        page = self._leaf(name) if self.split else self
        page.entities[name] = entity
        if not page.dirty:
            page.touch()
        if self._listed and name[0] in self._listed:
            self._listed[name[0]][name] = entity

    def drop(self, name: str) -> None:
        """Forget an entity, if it is there."""
        page = self._leaf(name) if self.split else self
        if page.entities.pop(name, None) is not None:
            page.touch()
            # `line` and `leads` are made of entities on demand: made again when they are next asked for.
            if name[0] in _IN_LINE:
                self.line = None
            elif name[0] == _LEAD:
                self.leads = None
            if self._listed and name[0] in self._listed:
                del self._listed[name[0]][name]

    def touch(self) -> None:
        """Say that the page changed."""
        if not self.dirty:
            self.dirty = True
            self.pool.dirty.append(self)

    def named(self, prefix: str) -> Iterator[tuple[str, bytes]]:
        """All entities of a kind, as (id, entity). Those of a client who has many are listed once."""
        if prefix not in self._listed and (self.split or len(self.entities) > _MANY):
            self._listed = {**self._listed, prefix: dict(self.kept(prefix))}
        for name, entity in self._listed[prefix].items() if prefix in self._listed else self.kept(prefix):
            yield name[1:], entity

    def kept(self, prefix: str) -> Iterator[tuple[str, bytes]]:
        """The same as (name, entity), page by page."""
        for name, entity in self.entities.items():
            if name[0] == prefix:
                yield name, entity
        if self.split:
            for digit in range(4):
                yield from self.pool.below(self, digit).kept(prefix)

    def wait(self, name: str, wait: Waiting | None) -> None:
        """Say that an entity waits, or no longer does."""
        page = self._leaf(name) if self.split and name[0] != _CALL else self
        if wait is None:
            # Most who are said to wait no longer never did: their page must not become dirty by it.
            if name not in page.waits:
                return
            del page.waits[name]
            page.waits = page.waits or _NOTHING
        else:
            page.keep_waiting(name, wait)
        page.move()
        page.touch()

    def keep_waiting(self, name: str, wait: Waiting) -> None:
        """Note that an entity of this very page waits."""
        self.waits = self.waits or {}
        self.waits[name] = wait

    def move(self) -> None:
        """Say that it changed who waits in the page."""
        if not self.is_moved:
            self.is_moved = True
            self.pool.moved.append(self)

    def credited(self, owner: str) -> ReadyDeal | None:
        """The deal that the client's readiness is credited by to an owner."""
        raw = self.get(READY + owner)
        return None if raw is None else _decode_ready(raw)

    def credit(self, owner: str, ready: ReadyDeal | None) -> None:
        """Say which deal that is; None: there is none."""
        if ready is None:
            self.drop(READY + owner)
        else:
            self.put(READY + owner, encode(ready))

    def _leaf(self, name: str) -> "Page":
        hashed = quick(name)
        page = self
        while page.split:
            level = len(page.path)
            way = hashed >> level * _BITS & 3 if level < _QUICK_LEVELS else digit(name, level, _BITS)
            page = self.pool.below(page, way)
        return page

    def encode(self) -> bytes | None:
        """The page as stored; None when nothing is left in it."""
        trail = self.trail or self.until
        if not (self.entities or self.split or self.first or trail):
            return None
        return _encode((self.waits, self.split, self.first, trail, self.entities))

    def halve(self) -> None:
        """Move the entities into pages below."""
        self.split = True
        for name, entity in self.entities.items():
            page = self.pool.below(self, digit(name, len(self.path), _BITS))
            page.entities[name] = entity
            if name in self.waits and name[0] != _CALL:
                page.keep_waiting(name, self.waits[name])
                page.move()
            page.touch()
        self.entities = {}
        if self.waits:
            self.move()
        self.waits = {name: wait for name, wait in self.waits.items() if name[0] == _CALL} or _NOTHING
