"""Who waits after a restart is what the changelog says last, however many fetches it came in."""

import pytest

from metrics.view import Waiting
from streams.state.clients import Clients, InMemoryClientStore

WAIT = Waiting("chat", "m-1", "", 5)
ROOT = b"cclient"


def history() -> list[tuple[bytes, bytes | None]]:
    """The client's page as cut three times: known, waiting, answered."""
    clients = Clients(InMemoryClientStore())
    page = clients.create(ROOT)
    page.put("hchat", b"\x90")
    cuts = clients.cut()
    page.wait("hchat", WAIT)
    cuts += clients.cut()
    page.wait("hchat", None)
    return cuts + clients.cut()


@pytest.mark.parametrize(("upto", "expected"), [(1, {}), (2, {ROOT: {"hchat": WAIT}}), (3, {})])
@pytest.mark.parametrize("at_once", [1, 2, 3])
def test_last_word_counts(upto: int, expected: dict[bytes, dict[str, Waiting]], at_once: int) -> None:
    pairs = history()[:upto]
    restored = Clients(InMemoryClientStore())
    for start in range(0, len(pairs), at_once):
        restored.restore(pairs[start : start + at_once], stored=False)
    assert restored.take_moved() == expected
    assert restored.take_moved() == {}
