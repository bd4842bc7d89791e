"""Laws of the fold that hold for any log."""

import json
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streams.fold import calls, chats, deals, invoices, leads, payments
from streams.fold.encoding import encode
from streams.fold.rules import Rules
from streams.state.partition import Partition
from tests.laws.mixtures import ZONES, mixtures
from tests.support.folding import LogRecord, Sums, everything, rules, sums

LAW = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
BERLIN = rules(ZoneInfo("Europe/Berlin"))


def _records(events: list[dict]) -> list[LogRecord]:
    return [
        LogRecord(i, (e["data"].get("client_id") or e["data"]["cost_id"]).encode(), json.dumps(e).encode())
        for i, e in enumerate(events)
    ]


def _folded(records: list[LogRecord], law: Rules = BERLIN) -> Partition:
    partition = Partition(0, 1, law)
    assert partition.fold(records) == []
    return partition


@LAW
@given(
    mixtures(),
    st.lists(st.tuples(st.integers(1, 8), st.sampled_from(["view", "cut", "restart"])), max_size=8),
    st.sampled_from(ZONES),
)
def test_where_views_cuts_and_restarts_fall_does_not_matter(events, steps, zone):
    """Shown and cut anywhere, restored from what was cut: the same cells, view, state and waiting clients."""
    law = rules(ZoneInfo(zone))
    records = _records(events)
    whole = _folded(records, law)
    partition, at = Partition(0, 1, law), 0
    cells: dict[bytes, bytes | None] = {}
    clients: dict[bytes, bytes | None] = {}
    view: Sums = {}
    for length, step in steps:
        partition.fold(records[at : at + length])
        at += length
        if step == "view":
            sums([partition.view()], view)
            continue
        cut = partition.cut()
        cells.update(cut.cells)
        clients.update(cut.clients)
        if step == "restart":
            sums([partition.view()], view)
            partition = Partition(0, 1, law)
            partition.restore_clients(clients.items())
            partition.restore_cells(cells.items())
    partition.fold(records)
    sums([partition.view()], view)
    assert everything(partition) == view == everything(whole)
    assert [sorted(one) for one in partition._lists.everything(partition.time)] == [
        sorted(one) for one in whole._lists.everything(whole.time)
    ]
    cut = partition.cut()
    assert cut.clients[-1] == whole.cut().clients[-1]
    cells.update(cut.cells)
    other = Partition(0, 1, law)
    other.restore_cells(cells.items())
    assert everything(other) == everything(whole)


@LAW
@given(mixtures())
def test_folding_every_event_twice_changes_nothing(events):
    """The same event again, at a later offset, is a duplicate or stale."""
    once = _folded(_records(events))
    twice = _folded(_records([event for event in events for _ in range(2)]))
    assert everything(once) == everything(twice)


@LAW
@given(mixtures(), st.randoms(use_true_random=False))
def test_order_between_clients_does_not_matter(events, random):
    """Logs of clients may be interleaved in any way, as long as partition time forgets nothing."""
    recent = [event for event in events if event["time"] < "2027-06"]
    by_client: dict[str, list[dict]] = {}
    for event in recent:
        by_client.setdefault(event["data"].get("client_id", "cost"), []).append(event)
    queues = {client: list(reversed(own)) for client, own in by_client.items()}
    shuffled = []
    while queues:
        client = random.choice(sorted(queues))
        shuffled.append(queues[client].pop())
        if not queues[client]:
            del queues[client]
    one, other = _folded(_records(recent)), _folded(_records(shuffled))
    assert everything(one) == everything(other)


@LAW
@given(mixtures())
def test_encoded_state_is_read_back_as_it_was(events):
    """Encode then decode is the identity, for every entity that a log leaves behind."""
    decoders = {
        "c": calls.decode_call,
        "r": calls.decode_ringing,
        "h": chats.decode_chat,
        "l": leads.decode_lead,
        "d": deals.decode_deal,
        "i": invoices.decode_invoice,
        "p": payments.decode_payment,
        "f": payments.decode_payment,
    }
    partition = _folded(_records(events))
    for page in partition._clients.pages.values():
        for name, entity in page.entities.items():
            if name[0] in decoders:
                assert encode(decoders[name[0]](entity)) == entity
