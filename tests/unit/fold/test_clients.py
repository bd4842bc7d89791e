"""The pages of one client, whatever is put and dropped."""

import random

import pytest

from metrics.view import Waiting
from streams.fold.state import ReadyDeal
from streams.state.clients import Clients, InMemoryClientStore, root_of
from streams.state.partition import Partition
from tests.support.folding import Log, rules


@pytest.mark.parametrize("seed", range(5))
def test_entities_of_a_kind_are_those_put_and_not_dropped(seed):
    """Of a client small or split into pages, before and after it was let go of."""
    rng, plain = random.Random(seed), {}
    clients = Clients(InMemoryClientStore(), hot=3)
    clients.create(b"cc-1")
    for step in range(3_000):
        client = clients.find(b"cc-1")
        name = f"{rng.choice('dc')}{rng.randrange(400)}"
        if rng.random() < 0.3:
            client.drop(name)
            plain.pop(name, None)
        else:
            plain[name] = rng.randbytes(rng.randrange(1, 60))
            client.put(name, plain[name])
        if rng.random() < 0.02:
            clients.cut()
        if rng.random() < 0.1:
            wanted = {name[1:]: entity for name, entity in plain.items() if name[0] == "d"}
            assert dict(client.named("d")) == wanted, step
    assert clients.find(b"cc-1").split


def test_what_a_page_has_not_is_shared_and_stays_empty():
    """Whoever waits, is ready or is listed in one client is in no other, whatever came and went."""
    rng = random.Random(7)
    clients = Clients(InMemoryClientStore(), hot=2)
    waits, ready = {}, {}
    for _ in range(2_000):
        key = b"cc-%d" % rng.randrange(5)
        client, name, owner = clients.find(key) or clients.create(key), f"h{rng.randrange(60)}", f"m-{rng.randrange(3)}"
        client.put(name, bytes(90))
        wait = Waiting("chat", owner, "", rng.randrange(100)) if rng.random() < 0.5 else None
        client.wait(name, wait)
        deal = ReadyDeal(1, f"d-{rng.randrange(9)}", "") if rng.random() < 0.5 else None
        client.credit(owner, deal)
        for held, where, now in ((waits, (key, name), wait), (ready, (key, owner), deal)):
            held.pop(where, None)
            if now is not None:
                held[where] = now
        if rng.random() < 0.05:
            clients.cut()
        for whose in ("m-0", "m-1", "m-2"):
            assert client.credited(whose) == ready.get((key, whose))
    assert _waiting(clients) == waits
    assert clients.find(b"cc-0").split
    assert dict(clients.create(b"cnew").named("h")) == {}
    restored = Clients(clients.store)
    clients.cut()
    restored.restore(clients.store.pages.items(), stored=True)
    assert _waiting(restored) == waits


def _waiting(clients: Clients) -> dict[tuple[bytes, str], Waiting]:
    """Who waits of the pages that moved or were restored: (root page's key, entity) → what."""
    return {(root_of(key), name): wait for key, waits in clients.take_moved().items() for name, wait in waits.items()}


def test_what_stays_decoded_is_bounded_in_bytes_and_coldest_first():
    """However large pages grow, and however they are loaded, shrink or split."""
    rng = random.Random(3)
    clients = Clients(InMemoryClientStore(), hot_bytes=20_000)
    for _ in range(300):
        keys = [b"cc-%d" % rng.randrange(40) for _ in range(rng.randrange(1, 5))]
        for key in keys:
            client = clients.find(key) or clients.create(key)
            for _ in range(rng.randrange(9)):
                client.put(f"d{rng.randrange(100)}", rng.randbytes(rng.randrange(1, 200)))
                if rng.random() < 0.4:
                    client.drop(f"d{rng.randrange(100)}")
        changed = [key for key, _ in clients.cut()]
        assert sum(len(clients.store.get(key) or b"") for key in clients.pages) <= 20_000
        assert not changed or changed[-1] in clients.pages
    assert len(clients.pages) < len(clients.store.pages) / 2
    assert any(key.startswith(b"s") for key in clients.store.pages)


def test_the_root_of_a_split_client_stays_while_pages_below_it_are_hot():
    """Or its deals, thousands, would be listed again after each cut."""
    clients = Clients(InMemoryClientStore(), hot=20)
    busy = clients.create(b"cbusy")
    for number in range(200):
        busy.put(f"d{number}", bytes(60))
    clients.cut()
    for number in range(300):
        busy.put(f"d{number % 200}", bytes(59))
        clients.create(b"cc-%d" % number).put("d1", bytes(9))
        clients.cut()
        assert clients.find(b"cbusy") is busy
    assert len(clients.pages) == 20


def test_pages_that_are_let_go_of_are_held_by_nothing_until_a_view_asks():
    """In a backlog that is seconds, in which thousands of clients come and go; who waits is listed all the same."""
    partition = Partition(0, 1, rules())
    partition._clients._hot = 2
    log = Log()
    for n in range(9):
        log.add("chat.message", f"2026-11-23T09:00:0{n}Z", chat_id=f"h-{n}", client_id=f"cl-{n}", author="client")
        partition.fold(log.records[n:])
        partition.cut()
    clients = partition._clients
    assert [page.name for page in clients.moved] == [page.name for page in clients.pages.values()] == ["cl-7", "cl-8"]
    waiting = partition.view().waiting
    assert waiting is not None
    assert len(waiting) == 9
