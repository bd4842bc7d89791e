"""Chats: when waiting starts and ends, and what is due."""

import pytest

from metrics import measure
from tests.support.folding import Log, everything, fold, total, us

START = "2026-11-23T10:00:"


def _chat(*steps: tuple[int, str]) -> Log:
    """Steps are (seconds, what): client, manager, bot, system, hand-off, close."""
    log = Log()
    for second, what in steps:
        time = f"2026-11-23T10:{second // 60:02}:{second % 60:02}Z"
        if what == "close":
            log.add("chat.closed", time, chat_id="h")
        elif what == "hand-off":
            log.add("chat.handed_off", time, chat_id="h")
        else:
            extra = {"manager_id": "m-1", "team_id": "north"} if what == "manager" else {}
            log.add("chat.message", time, chat_id="h", author=what, **extra)
    return log


@pytest.mark.parametrize(
    ("steps", "first", "following", "due"),
    [
        ([(0, "client"), (45, "manager")], [45], [], 1),
        ([(0, "client"), (10, "client"), (45, "manager")], [45], [], 1),
        ([(0, "manager"), (10, "manager")], [], [], 0),
        ([(0, "client"), (45, "manager"), (50, "client"), (52, "manager")], [45], [2], 2),
        ([(0, "client"), (5, "bot"), (9, "system"), (45, "manager")], [45], [], 1),
        ([(0, "client"), (5, "bot"), (20, "hand-off"), (45, "manager")], [25], [], 1),
        ([(0, "client"), (20, "hand-off"), (45, "manager")], [45], [], 1),
        ([(0, "client"), (5, "bot"), (20, "hand-off"), (30, "hand-off"), (45, "manager")], [25], [], 1),
        ([(0, "bot"), (5, "hand-off"), (45, "manager")], [], [], 0),
        ([(0, "bot"), (1, "manager"), (5, "client"), (20, "hand-off"), (45, "manager")], [40], [], 1),
        ([(0, "bot"), (1, "close"), (5, "client"), (20, "hand-off"), (45, "manager")], [40], [], 1),
        ([(0, "client"), (45, "close")], [], [], 1),
        ([(0, "client"), (45, "close"), (50, "manager")], [], [], 1),
        ([(0, "close")], [], [], 0),
        ([(0, "client"), (5, "manager"), (6, "close"), (10, "client"), (14, "manager")], [5, 4], [], 2),
        ([(30, "client"), (10, "manager")], [0], [], 1),
        ([(30, "client"), (40, "close"), (10, "client"), (20, "manager")], [0], [], 2),
    ],
)
def test_what_a_chat_adds(steps, first, following, due):
    """Responses run from the client's first unanswered message (or the hand-off after a bot) to the manager's."""
    sums = total(everything(fold(_chat(*steps))), "d")
    assert sums.get(("d", "chat"), 0) == due
    for kind, expected in (("first", first), ("next", following)):
        count = sum(n for name, n in sums.items() if name[:3] == ("r", "chat", kind) and name[3] != "s")
        assert (count, sums.get(("r", "chat", kind, "s"), 0)) == (len(expected), sum(expected) * 1_000_000)


def test_a_chat_closed_while_waiting_is_owed_by_the_last_writer():
    """Credit goes to the manager who last wrote, else to unknown."""
    held = everything(fold(_chat((0, "client"), (5, "manager"), (10, "client"), (20, "close"))))
    assert held["d", 739943]["m-1", "north"][measure.key("d", "chat")] == 2
    held = everything(fold(_chat((0, "client"), (20, "close"))))
    assert held["d", 739943]["unknown", ""] == {measure.key("d", "chat"): 1}


def test_who_waits():
    """From the start of waiting, credited to the last writer, until answered or closed; for ever otherwise."""
    partition = fold(_chat((0, "client"), (5, "manager"), (10, "client"), (12, "client")))
    assert partition.view().waiting == [("chat", "m-1", "north", us("2026-11-23T10:00:10+00:00"))]
    assert partition.view().waiting is None
    assert fold(_chat((0, "client"), (5, "close"))).view().waiting == []


def test_repeated_events_are_recognised_among_the_last_256():
    """The same (source, id) counts once, also after closing; another source is another event."""
    log = _chat((0, "client"), (5, "manager"), (6, "close"))
    for i in range(250):
        log.add("chat.message", "2026-11-23T10:00:07Z", chat_id="h", author="system", id=f"s-{i}")
    for record in log.records[:3]:
        log.append(record.value, record.key)
    log.add("chat.message", "2026-11-23T10:01:00Z", chat_id="h", author="client", id="e-0", source="test://two")
    partition = fold(log)
    assert partition.counts.duplicates == 3
    assert total(everything(partition), "d")["d", "chat"] == 1
    assert partition.view().waiting == [("chat", "m-1", "north", us("2026-11-23T10:01:00+00:00"))]
