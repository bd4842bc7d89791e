"""The pages of one client, whatever is put and dropped."""

import random

import pytest

from streams.clients import Clients, InMemoryClientStore


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
