"""The clients of one partition: their entities in pages that are decoded while hot, and bytes in a store when cold.

A client is one page, however long known, until the page is too large for a changelog record; then its entities move
into pages below it, four at a time, by the hash of their names. So one busy client never makes one huge record. An
entity that outgrows a record by itself (an invoice with tens of thousands of payments) is stored in chunks.
"""

import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, Protocol

from mypy_extensions import mypyc_attr

from metrics.view import Waiting
from producers.events import wire
from streams.fold.page import NOBODY_WAITS, Page, Pool, decode_page
from streams.state.own import KEY

LARGEST: Final = 4096
"""Bytes of a page above which it is split."""
CHUNK: Final = 512 << 10
"""Bytes of a page that is not split any more above which it is stored in chunks of that size."""
HOT_PAGES: Final = 16_384
"""Pages that stay decoded after a cut, at most."""
HOT_BYTES: Final = 8 << 20
"""Encoded bytes of the pages that stay decoded after a cut, at most; decoded they take about five times as many."""
_HOT_BYTES_OF_ALL: Final = 80 << 20
"""The same of all partitions, where these are so few that each may have more than `HOT_BYTES`."""

CLIENTS: Final = b"c"
COSTS: Final = b"k"
"""Name spaces of root pages' keys: of clients by id, and of what costs are booked by."""

Keep = Callable[[Page, str, bytes], bytes | None]
"""What is still to be remembered of an entity: (client, name, entity) → all, a shorter form, or nothing."""
Tidy = Callable[[Page, dict[str, Waiting]], None]
"""Takes from a client, and from who waits in one of his pages, what nothing needs any more: (client, who waits)."""
_CHUNK: Final = b"x"
_CHUNKED: Final = 0xC1
"""The first byte of what stands for a page in chunks; no page begins with it."""
_marker: Final = struct.Struct(">BH")
_number: Final = struct.Struct(">H")


class ClientStore(Protocol):
    """Where cold pages are. What was put is seen by `get` at once, whenever it becomes durable."""

    def get(self, key: bytes) -> bytes | None:
        """A page, or None."""

    def put_many(self, pairs: Iterable[tuple[bytes, bytes | None]]) -> None:
        """Replace pages; None removes one."""

    def keys(self, after: bytes = b"") -> Iterator[bytes]:
        """Of pages that were durable at the start, in order, and of no other record; pages may be put meanwhile."""


@mypyc_attr(allow_interpreted_subclasses=True)
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

    def keys(self, after: bytes = b"") -> Iterator[bytes]:
        """Of all pages, as of the start."""
        return iter(sorted(key for key in self.pages if key > after and key != KEY))


def hot_bytes(partitions: int) -> int:
    """Encoded bytes of the pages of one of so many partitions that stay decoded after a cut."""
    return max(HOT_BYTES, _HOT_BYTES_OF_ALL // partitions)


class Clients(Pool):
    """All pages of a partition.

    pages, by_id: those that are decoded, by key; of these the clients' root pages, by the client's id.
    moved: those of `pages` in which who waits changed since `take_moved`.
    """

    def __init__(
        self,
        store: ClientStore,
        keep: Keep | None = None,
        tidy: Tidy | None = None,
        *,
        hot: int = HOT_PAGES,
        hot_bytes: int = HOT_BYTES,
    ) -> None:
        super().__init__()
        self.store = store
        self.pages: dict[bytes, Page] = {}
        self.by_id: dict[str, Page] = {}
        self._restored: dict[bytes, dict[str, Waiting]] = {}
        self._is_kept = keep
        self._tidy = tidy
        self._hot = hot
        self._hot_bytes = hot_bytes
        self._bytes = 0

    def find(self, key: bytes) -> Page | None:
        """The root page of a known client. `key`: a key prefix for the name space, then the record's key."""
        page = self.pages.get(key)
        if page is None:
            raw = self.store.get(key)
            if raw is None:
                return None
            page = self._keep(Page(self, key, b"", key, *self._whole(key, raw)))
        return page

    def of_each(self, events: Sequence[wire.Event | None]) -> list[Page | None]:
        """Of each event the page of its client, where he is known and the event names no other key.

        All are looked for at once, and before they are needed: they lie some 100 ns away from the processor, which so
        waits for several at a time. With 24 entities a client that is 3 % of the fold.
        """
        cost, by_id = wire.CostBooked, self.by_id
        clients = [
            "" if event is None or type(event) is cost or event.partitionkey is not None
            else event.data.client_id  # type: ignore[union-attr]
            for event in events
        ]  # fmt: skip
        pages = [by_id.get(client) for client in clients]
        for page in pages:
            if page is not None:
                page.entities.get("")  # which nothing is called
        for at, client in enumerate(clients):
            if client and pages[at] is None:
                pages[at] = self.find(CLIENTS + client.encode())
        return pages

    def create(self, key: bytes) -> Page:
        """A new client."""
        return self._keep(Page(self, key, b"", key, None))

    def below(self, page: Page, digit: int) -> Page:
        """One of the four pages below a split one."""
        path = page.path + bytes((digit,))
        key = b"s%c%b%b" % (len(path), path, page.root)
        found = self.pages.get(key)
        if found is None:
            found = self._keep(Page(self, page.root, path, key, *self._whole(key, self.store.get(key))))
        return found

    def _whole(self, key: bytes, raw: bytes | None) -> tuple[bytes | None, int]:
        """A page as encoded, and in how many chunks it is stored."""
        if raw is None or raw[0] != _CHUNKED:
            return raw, 0
        _, count = _marker.unpack(raw)
        return b"".join(self.store.get(_chunk_key(n, key)) or b"" for n in range(count)), count

    def _keep(self, page: Page) -> Page:
        self.pages[page.key] = page
        self._bytes += page.size
        if page.key[:1] == CLIENTS:
            self.by_id[page.name] = page
        return page

    def _let_go(self, page: Page) -> None:
        """Of a page that `pages` no longer has."""
        self._bytes -= page.size
        if page.is_moved:  # until somebody asks, no more of it is kept than that
            page.is_moved = False
            self._restored[page.key] = page.waits
        if page.key[:1] == CLIENTS:
            del self.by_id[page.name]

    def take_moved(self) -> dict[bytes, dict[str, Waiting]]:
        """Who waits, of the pages in which that changed since the last call, or that were restored: by page's key."""
        found, self._restored = self._restored, {}
        moved, self.moved = self.moved, []
        # What one says that is decoded counts, not what it said when it was let go of.
        for page in moved:
            page.is_moved = False
            found[page.key] = page.waits
        return found

    def cut(self) -> list[tuple[bytes, bytes | None]]:
        """Encode what changed since the last cut, put it into the store, and let go of the coldest pages."""
        dirty, pages = self.dirty, self.pages
        result: list[tuple[bytes, bytes | None]] = []
        for page in dirty:  # grows while pages are split
            raw = page.encode()
            if raw is not None and len(raw) > LARGEST and len(page.entities) > 1:
                raw = self._split(page)
            page.dirty = False
            size = 0 if raw is None else len(raw)
            self._bytes += size - page.size
            page.size = size
            if page.chunks or size > CHUNK:
                result += _chunks(page, raw)
            else:
                result.append((page.key, raw))
            # A dict keeps its order: what was touched last stands last, and `_cool` begins at the front.
            pages.pop(page.key, None)
            pages[page.key] = page
            if raw is None and page.path:
                self._join(page)
            if page.path and page.root in pages:  # a split client is found, and its deals are listed, through its root
                pages[page.root] = pages.pop(page.root)
        self.dirty = []
        self.store.put_many(result)
        self._cool()
        return result

    def _split(self, page: Page) -> bytes | None:
        """Move entities into pages below, unless it is enough to forget some. As encoded then.

        A sweep that is under way knows nothing of the new pages: what they would take away from it is looked at here.
        """
        if self._is_kept and (root := self.find(page.root)):
            self._forget(root, page, self._is_kept)
            raw = page.encode()
            if raw is None or len(raw) <= LARGEST or len(page.entities) < 2:
                return raw
        page.halve()
        return page.encode()

    def _join(self, empty: Page) -> None:
        """Make a split page whole again when nothing is left in the four below it, or it would stay for ever."""
        above: Page | None = self.find(empty.root)
        for digit in empty.path[:-1]:
            above = above and self.below(above, digit)
        if above is None or not above.split:
            return
        if all(self.below(above, digit).encode() is None for digit in range(4)):
            above.split = False
            above.touch()

    def _cool(self) -> None:
        """Let go of the coldest pages, until what stays decoded is few enough and small enough."""
        pages, size = self.pages, self._bytes
        cold: list[Page] = []
        for page in pages.values():
            if len(pages) - len(cold) <= self._hot and size <= self._hot_bytes:
                break
            size -= page.size
            cold.append(page)
        for page in cold:
            del pages[page.key]
            self._let_go(page)
        if cold:
            self.moved = [page for page in self.moved if page.is_moved]

    def sweep(self, key: bytes, keep: Keep) -> None:
        """Replace each entity of a page by what is still to be remembered of it."""
        if key[:1] == _CHUNK:
            return
        were = len(self.pages)
        page = root = self.find(root_of(key))
        if root is None or page is None:
            return
        for digit in key[2 : 2 + key[1]] if key[:1] == b"s" else b"":
            if not page.split:
                return
            page = self.below(page, digit)
        self._forget(root, page, keep)
        # What was decoded only to be looked at must not push out what is hot.
        while len(self.pages) > were:
            last, page = self.pages.popitem()
            if page.dirty:
                self.pages[last] = page
                break
            self._let_go(page)

    def _forget(self, root: Page, page: Page, keep: Keep) -> None:
        for name, entity in list(page.entities.items()):
            kept = keep(root, name, entity)
            if kept is None:
                root.wait(name, None)
                root.drop(name)
            elif kept != entity:
                root.put(name, kept)
        if self._tidy is not None:
            self._tidy(root, page.waits)

    def restore(self, pairs: Iterable[tuple[bytes, bytes | None]], *, stored: bool) -> None:
        """Take over pages as `cut` gave them, in any number of calls; `stored`: the store has them already."""
        chunk: list[tuple[bytes, bytes | None]] = []
        # What was taken over before may be out of date by now.
        waiting = self._restored
        for key, raw in pairs:
            chunk.append((key, raw))
            # Nobody waits in what is stored in chunks: it is an invoice.
            if raw is not None and key[:1] != _CHUNK and raw[0] != _CHUNKED and raw[1] != NOBODY_WAITS:
                waiting[key] = decode_page(raw)[0]
            elif waiting:
                waiting.pop(key, None)
            if len(chunk) >= 4096 and not stored:
                self.store.put_many(chunk)
                chunk = []
        if not stored:
            self.store.put_many(chunk)


def _chunk_key(number: int, key: bytes) -> bytes:
    return _CHUNK + _number.pack(number) + key


def _chunks(page: Page, raw: bytes | None) -> Iterator[tuple[bytes, bytes | None]]:
    """The records of a page that is too large for one, or was; chunks that it no longer needs are taken away."""
    whole = raw or b""
    pieces = [whole[at : at + CHUNK] for at in range(0, len(whole), CHUNK)] if len(whole) > CHUNK else []
    for number in range(max(len(pieces), page.chunks)):
        yield _chunk_key(number, page.key), pieces[number] if number < len(pieces) else None
    page.chunks = len(pieces)
    yield page.key, _marker.pack(_CHUNKED, page.chunks) if pieces else raw


def root_of(key: bytes) -> bytes:
    """The root page's key of any page's key."""
    return key[2 + key[1] :] if key[:1] == b"s" else key
