"""What all connections may hold together of answers that nobody reads, of bodies that nobody wants, and of haste."""

import asyncio

import pytest

from deploy import connections
from deploy.connections import AHEAD, Protocol
from deploy.untaken import Untaken
from tests.unit.deploy.test_connections import GET, LARGE, POST, answered, ended, serving

ASKS = GET.replace(b"/ ", b"/large ") + b"\r\n"


class One:
    """A connection."""

    def __init__(self):
        self.is_open = True

    def cut_off(self):
        self.is_open = False


def test_whoever_has_taken_nothing_for_longest_goes():
    """As many as it needs; who has taken something since stays, and so does the one that was counted last."""
    untaken, ones = Untaken(100), [One() for _ in range(4)]
    for one in ones[:3]:
        untaken.note(one, 30, took=True)
    untaken.note(ones[0], 20, took=True)
    untaken.note(ones[3], 60, took=True)
    assert [one.is_open for one in ones] == [True, False, False, True]
    assert untaken.closed == 2
    assert untaken.longest(9) == [ones[0], ones[3]]


def test_one_large_answer_costs_others_nothing():
    untaken, large, others = Untaken(100), One(), [One() for _ in range(3)]
    for one in others:
        untaken.note(one, 4, took=True)
    untaken.note(large, 1000, took=True)
    assert large.is_open
    assert all(one.is_open for one in others)


def test_what_waits_without_being_taken_makes_nobody_younger():
    untaken, first, second = Untaken(100), One(), One()
    untaken.note(first, 10, took=True)
    untaken.note(second, 40, took=True)
    untaken.note(first, 70, took=False)
    assert (first.is_open, second.is_open) == (False, True)


def test_who_has_taken_all_is_forgotten():
    untaken, one = Untaken(100), One()
    untaken.note(one, 90, took=True)
    untaken.note(one, 0, took=False)
    untaken.note(One(), 90, took=True)
    assert one.is_open


async def test_who_reads_has_all_of_it_beside_many_that_do_not(monkeypatch):
    """Each of them asks for 40 MB, and one may wait: never is it the one that reads that is cut off."""
    monkeypatch.setattr(Protocol, "untaken", untaken := Untaken(LARGE + (1 << 20)))
    async with serving() as connect:
        asleep = []
        for _ in range(8):
            reader, writer = await connect()
            writer.write(ASKS)
            writer.transport.pause_reading()
            asleep.append(reader)
        reader, writer = await connect()
        await answered(reader, writer, ASKS)
        await asyncio.wait_for(reader.readexactly(LARGE), 30)
        assert untaken.closed == 8
        assert b" 200 " in await answered(reader, writer, GET + b"\r\n")


async def test_where_all_are_busy_those_that_read_nothing_go(monkeypatch):
    monkeypatch.setattr(Protocol, "most", 3)
    monkeypatch.setattr(Protocol, "untaken", Untaken(1 << 30))
    async with serving() as connect:
        for _ in range(3):
            _, writer = await connect()
            writer.write(ASKS)
            writer.transport.pause_reading()
            await asyncio.sleep(0.1)
        assert b" 200 " in await answered(*await connect(), GET + b"\r\n")


@pytest.mark.parametrize("method", [b"GET", b"HEAD"])
@pytest.mark.parametrize("length", [b"Content-Length: 99999\r\n", b"Transfer-Encoding: chunked\r\n"])
async def test_a_body_where_none_belongs_is_refused(monkeypatch, method, length):
    """In words, and the connection is closed, however slowly it comes."""
    monkeypatch.setattr(connections, "LINGER_SECONDS", 0.3)
    async with serving() as connect:
        reader, writer = await connect()
        writer.write(GET.replace(b"GET", method) + length + b"\r\n1")
        said = await ended(reader)
    assert said.startswith(b"HTTP/1.1 400 ")
    head, _, body = said.partition(b"\r\n\r\n")
    assert b"content-length: %d\r\n" % len(body) in head
    assert b"leave it out" in body


async def test_a_body_of_nothing_is_none():
    async with serving() as connect:
        assert b" 200 " in await answered(*await connect(), GET + b"Content-Length: 0\r\n\r\n")


@pytest.mark.parametrize(("ahead", "answers"), [(AHEAD, AHEAD + 1), (3000, 1)])
async def test_so_many_requests_are_taken_ahead(ahead, answers):
    """Whoever sends more without waiting has the answer that is under way, and no other: he costs no more than one."""
    first = GET.replace(b"/ ", b"/slowly ") + b"Connection: keep-alive\r\n\r\n"
    posts = [POST + b"Content-Length: 4\r\n\r\n%04d" % n for n in range(ahead)]
    posts[-1] = posts[-1].replace(b"Host: x", b"Host: x\r\nConnection: close")
    async with serving() as connect:
        reader, writer = await connect()
        writer.write(first + b"".join(posts))
        said = await ended(reader)
    assert said.count(b"HTTP/1.1 200") == answers
    assert answers == 1 or said.endswith(b"%04d" % (ahead - 1))
