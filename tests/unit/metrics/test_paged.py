"""Pages of /metrics on their way: put together while they are read, and no more of them kept than is bounded."""

import gzip
import random

import pytest

from metrics.errors import AwayError
from metrics.exporter.exposition.packed import pack
from metrics.exporter.http.paged import Pages, ScrapedPage

KIND = "text/plain"
LINES = [random.Random(n).randbytes(30_000).hex().encode() for n in range(8)]
TEXT = b"".join(LINES)


def page(pages, lines=LINES, *, packs=False):
    return pages.answer(ScrapedPage([pack(line) for line in lines], KIND, packs=packs))


@pytest.mark.parametrize("packs", [False, True])
async def test_a_page_is_its_pieces(packs):
    """In parts of bounded size, as long as its header says."""
    answer = page(Pages(), packs=packs)
    parts = [part async for part in answer.body_iterator]
    whole = b"".join(parts)
    assert (gzip.decompress(whole) if packs else whole) == TEXT
    assert answer.headers["content-length"] == str(len(whole))
    assert answer.headers.get("content-encoding") == ("gzip" if packs else None)
    assert len(parts) >= 3
    assert max(map(len, parts)) < 130_000


@pytest.mark.parametrize("packs", [False, True])
async def test_all_who_ask_at_a_moment_share_its_text(packs):
    """It counts once, however many read it, and is the exporter's own text but for a few bytes."""
    pieces = [pack(line) for line in LINES]
    pages, shared = Pages(), ScrapedPage(pieces, KIND, packs=packs)
    readers = [pages.answer(shared).body_iterator for _ in range(5)]
    for one in readers:
        await anext(one)
    own = {id(one.deflated) for one in pieces}
    assert sum(len(part) for part in shared.parts if id(part) not in own) < 30
    assert pages._sum == shared.size
    for one in readers:
        assert pages._under_way
        await one.aclose()
    assert not pages._under_way
    assert pages._sum == 0


async def test_the_oldest_is_given_up_where_too_much_waits():
    """Whoever reads it sees that it is broken off; the last ones are sent whole."""
    pages = Pages(3 * len(TEXT) // 2)
    began = [page(pages).body_iterator for _ in range(5)]
    for one in began:
        await anext(one)
    assert pages.given_up > 0
    for one in began[: pages.given_up]:
        with pytest.raises(AwayError, match="read too slowly"):
            _ = [part async for part in one]
    for one in began[pages.given_up :]:
        assert len(b"".join([part async for part in one])) > len(TEXT) // 2
    assert not pages._under_way
    assert pages._sum == 0


async def test_a_single_page_is_never_given_up():
    pages = Pages(1)
    assert b"".join([part async for part in page(pages).body_iterator]) == TEXT
    assert pages.given_up == 0
