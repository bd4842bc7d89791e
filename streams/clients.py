"""The clients of one partition: their entities in pages that are decoded while hot, and bytes in a store when cold.

A client is one page, however long known, until the page is too large for a changelog record; then its entities move
into pages below it, four at a time, by the hash of their names. So one busy client never makes one huge record.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

import msgspec
from xxhash import xxh3_64_intdigest

from metrics.view import Waiting
from streams.fold.state import Ready

LARGEST = 4096
"""Bytes of a page above which it is split."""
HOT_PAGES = 16_384
"""Pages that stay decoded after a cut, at most."""
HOT_BYTES = 8 << 20
"""Encoded bytes of the pages that stay decoded after a cut, at most; decoded they take about five times as many."""

_State = tuple[dict[str, Waiting], bool, tuple[int, str] | None, dict[str, Ready], dict[str, bytes]]
"""Who waits in it; whether entities are in pages below; first win; readiness; entities."""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_State).decode
_NOBODY_WAITS = 0x80
"""The second byte of a page in which nobody waits: an empty map."""
_NOTHING: dict[Any, Any] = {}
"""Who waits, is ready or is listed in most pages: one dict for all of them, replaced and never written."""


class ClientStore(Protocol):
    """Where cold pages are. What was put is seen by `get` at once, whenever it becomes durable."""

    def get(self, key: bytes) -> bytes | None:
        """A page, or None."""

    def put_many(self, pairs: Iterable[tuple[bytes, bytes | None]]) -> None:
        """Replace pages; None removes one."""

    def keys(self) -> Iterator[bytes]:
        """All keys, as of the start; pages may be put meanwhile."""


class InMemoryClientStore:
    """A dict: for tests, and where memory is enough."""

    def __init__(self) -> None:
        self.pages: dict[bytes, bytes] = {}

    def get(self, key: bytes) -> bytes | None:
        """A page, or None."""
        return self.pages.get(key)

    def put_many(self, pairs: Iterable[tuple[bytes, bytes | None]]) -> None:
        """Replace pages; None removes one."""
        for key, value in pairs:
            if value is None:
                self.pages.pop(key, None)
            else:
                self.pages[key] = value

    def keys(self) -> Iterator[bytes]:
        """All keys, as of the start."""
        return iter(list(self.pages))


class Page:
    """The entities of a client, or a quarter of them. The root page is the `Client` that fold functions see."""

    __slots__ = (
        "_listed", "dirty", "entities", "first", "key", "name", "path", "pool", "ready", "root", "size", "split",
        "waits",
    )  # fmt: skip

    def __init__(self, pool: "Clients", root: bytes, path: bytes, key: bytes, raw: bytes | None) -> None:
        self.pool = pool
        self.root = root
        self.path = path
        self.key = key
        self.name = root[1:].decode()
        self.size = 0 if raw is None else len(raw)
        self.dirty = False
        self.waits: dict[str, Waiting] = _NOTHING
        self.split = False
        self.first: tuple[int, str] | None = None
        self.ready: dict[str, Ready] = _NOTHING
        self._listed: dict[str, dict[str, bytes]] = _NOTHING
        self.entities: dict[str, bytes]
        if raw is None:
            self.entities = {}
        else:
            waits, self.split, self.first, ready, self.entities = _decode(raw)
            self.waits = waits or _NOTHING
            self.ready = ready or _NOTHING

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
            if self._listed and name[0] in self._listed:
                del self._listed[name[0]][name]

    def touch(self) -> None:
        """Say that the page changed."""
        if not self.dirty:
            self.dirty = True
            self.pool.dirty.append(self)

    def named(self, letter: str) -> Iterator[tuple[str, bytes]]:
        """All entities of a kind, as (id, entity). A split client's are listed once: its pages may be thousands."""
        if self.split and letter not in self._listed:
            self._listed = {**self._listed, letter: dict(self.kept(letter))}
        for name, entity in self._listed[letter].items() if self.split else self.kept(letter):
            yield name[1:], entity

    def kept(self, letter: str) -> Iterator[tuple[str, bytes]]:
        """The same as (name, entity), page by page."""
        for name, entity in self.entities.items():
            if name[0] == letter:
                yield name, entity
        if self.split:
            for digit in range(4):
                yield from self.pool.below(self, digit).kept(letter)

    def wait(self, name: str, wait: Waiting | None) -> None:
        """Say that an entity waits, or no longer does."""
        page = self._leaf(name) if self.split else self
        if wait is None:
            if page.waits.pop(name, None) is None:
                return
            page.waits = page.waits or _NOTHING
        else:
            page.keep_waiting(name, wait)
        self.pool.wait(self.root, name, wait)
        page.touch()

    def keep_waiting(self, name: str, wait: Waiting) -> None:
        """Note that an entity of this very page waits."""
        self.waits = self.waits or {}
        self.waits[name] = wait

    def credit(self, owner: str, ready: Ready | None) -> None:
        """Say which deal the client's readiness is credited by to an owner; None: it is not."""
        if ready is None:
            self.ready.pop(owner, None)
            self.ready = self.ready or _NOTHING
        else:
            self.ready = self.ready or {}
            self.ready[owner] = ready
        self.touch()

    def _leaf(self, name: str) -> "Page":
        hashed = _hash(name)
        page = self
        while page.split:
            page = self.pool.below(page, hashed & 3)
            hashed >>= 2
        return page

    def encode(self) -> bytes | None:
        """The page as stored; None when nothing is left in it."""
        if not (self.entities or self.split or self.first or self.ready):
            return None
        return _encode((self.waits, self.split, self.first, self.ready, self.entities))

    def halve(self) -> None:
        """Move the entities into pages below."""
        self.split = True
        depth = 2 * len(self.path)
        for name, entity in self.entities.items():
            page = self.pool.below(self, _hash(name) >> depth & 3)
            page.entities[name] = entity
            if name in self.waits:
                page.keep_waiting(name, self.waits[name])
            page.touch()
        self.entities = {}
        self.waits = _NOTHING


class Clients:
    """All pages of a partition.

    waiting: (root key, entity) → who waits.
    waits_changed: whether that is new; who reads it sets it back.
    """

    def __init__(self, store: ClientStore, hot: int = HOT_PAGES, hot_bytes: int = HOT_BYTES) -> None:
        self.store = store
        self.pages: dict[bytes, Page] = {}
        self.dirty: list[Page] = []
        self.waiting: dict[tuple[bytes, str], Waiting] = {}
        self.waits_changed = False
        self._restored_waiting: dict[bytes, bytes] = {}
        self._hot = hot
        self._hot_bytes = hot_bytes
        self._bytes = 0

    def find(self, key: bytes) -> Page | None:
        """The root page of a known client. `key`: a letter for the name space, then the record's key."""
        page = self.pages.get(key)
        if page is None:
            raw = self.store.get(key)
            if raw is None:
                return None
            page = self._keep(Page(self, key, b"", key, raw))
        return page

    def create(self, key: bytes) -> Page:
        """A new client."""
        return self._keep(Page(self, key, b"", key, None))

    def below(self, page: Page, digit: int) -> Page:
        """One of the four pages below a split one."""
        path = page.path + bytes((digit,))
        key = b"s%c%b%b" % (len(path), path, page.root)
        found = self.pages.get(key)
        if found is None:
            found = self._keep(Page(self, page.root, path, key, self.store.get(key)))
        return found

    def _keep(self, page: Page) -> Page:
        self.pages[page.key] = page
        self._bytes += page.size
        return page

    def wait(self, root: bytes, name: str, wait: Waiting | None) -> None:
        """Keep the list of who waits."""
        self.waits_changed = True
        if wait is None:
            self.waiting.pop((root, name), None)
        else:
            self.waiting[root, name] = wait

    def cut(self) -> list[tuple[bytes, bytes | None]]:
        """Encode what changed since the last cut, put it into the store, and let go of the coldest pages."""
        dirty, pages = self.dirty, self.pages
        result: list[tuple[bytes, bytes | None]] = []
        for page in dirty:  # grows while pages are split
            raw = page.encode()
            if raw is not None and len(raw) > LARGEST and len(page.entities) > 1:
                page.halve()
                raw = page.encode()
            page.dirty = False
            size = 0 if raw is None else len(raw)
            self._bytes += size - page.size
            page.size = size
            result.append((page.key, raw))
            pages.pop(page.key, None)
            pages[page.key] = page
            if page.path and page.root in pages:  # a split client is found, and its deals are listed, through its root
                pages[page.root] = pages.pop(page.root)
        self.dirty = []
        self.store.put_many(result)
        self._cool()
        return result

    def _cool(self) -> None:
        """Let go of the coldest pages, until what stays decoded is few enough and small enough."""
        pages, size = self.pages, self._bytes
        cold: list[bytes] = []
        for page in pages.values():
            if len(pages) - len(cold) <= self._hot and size <= self._hot_bytes:
                break
            size -= page.size
            cold.append(page.key)
        for key in cold:
            del pages[key]
        self._bytes = size

    def sweep(self, key: bytes, keep: Callable[[Page, str, bytes], bytes | None]) -> None:
        """Replace each entity of a page by what `keep(client, name, entity)` says is still to be remembered."""
        page = root = self.find(_root_of(key))
        if root is None or page is None:
            return
        for digit in key[2 : 2 + key[1]] if key[:1] == b"s" else b"":
            if not page.split:
                return
            page = self.below(page, digit)
        for name, entity in list(page.entities.items()):
            kept = keep(root, name, entity)
            if kept is None:
                root.wait(name, None)
                root.drop(name)
            elif kept != entity:
                root.put(name, kept)

    def restore(self, pairs: Iterable[tuple[bytes, bytes | None]], *, stored: bool) -> None:
        """Take over pages as `cut` gave them, in any number of calls; `stored`: the store has them already."""
        chunk: list[tuple[bytes, bytes | None]] = []
        # What an earlier call took over may be out of date by now.
        waiting = self._restored_waiting
        for key, raw in pairs:
            chunk.append((key, raw))
            if raw is not None and raw[1] != _NOBODY_WAITS:
                waiting[key] = raw
            elif waiting:
                waiting.pop(key, None)
            if len(chunk) >= 4096 and not stored:
                self.store.put_many(chunk)
                chunk = []
        if not stored:
            self.store.put_many(chunk)
        self.waiting.clear()
        self.waits_changed = True
        for key, raw in waiting.items():
            root = _root_of(key)
            for name, wait in _decode(raw)[0].items():
                self.wait(root, name, wait)


def _hash(name: str) -> int:
    return xxh3_64_intdigest(name.encode())


def _root_of(key: bytes) -> bytes:
    """The root page's key of any page's key."""
    return key[2 + key[1] :] if key[:1] == b"s" else key
