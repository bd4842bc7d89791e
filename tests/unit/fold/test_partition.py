"""The state machine: what it refuses, skips, keeps and forgets, and what it hands out."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from metrics.measure import key
from metrics.view import decode_part
from streams.errors import RulesChanged, StateError
from streams.state.clients import InMemoryClientStore
from streams.state.partition import PARTITION_KEY, Partition
from tests.support.folding import Log, LogRecord, client_on, everything, fold, rules, sums, total, us

MEETING = {"meeting_id": "x", "manager_id": "m-1"}


def _meeting(log: Log, time: str, **more: str) -> LogRecord:
    return log.add("meeting.held", time, **{**MEETING, "meeting_id": f"x-{len(log.records)}", **more})


def test_bad_input_is_given_back_with_its_reason_and_the_log_goes_on():
    """Every reason that the fold finds, in the order of the contract's checks."""
    log = Log(number=0, partitions=2)
    here, there = client_on(0, 2), client_on(1, 2)
    good = _meeting(log, "2026-11-23T09:00:00Z", client_id=here)
    copied = (("forwarded-partition", b"1"), ("forwarded-offset", b"7"))
    log.append(None, b"x")
    log.append(b"{", b"x")
    log.append(b"[]", b"x")
    log.append(b" " * 300_000, b"x")
    log.append(good.value.replace(b'"data"', b'"partitionkey":"x","data"'), good.key)
    log.append(good.value.replace(b"held.v1", b"held.v2"), good.key)
    log.append(good.value.replace(b'"m-1"', b"7"), good.key)
    log.append(good.value, good.key, timestamp=0)
    log.append(good.value.replace(here.encode(), there.encode()), there.encode(), headers=copied)
    _meeting(log, "2026-11-23T09:01:00Z", client_id=here)
    partition = Partition(0, 2, rules())
    refused = partition.fold(log.records)
    assert [one.reason for one in refused] == [
        "not_json",
        "not_json",
        "not_cloudevents",
        "too_large",
        "wrong_key",
        "unknown_type",
        "invalid_data",
        "time_out_of_range",
        "wrong_partition",
    ]
    assert all(one.record in log.records and one.detail for one in refused)
    assert total(everything(partition), "d") == {("m",): 2}
    assert partition.fence == len(log.records) - 1
    assert partition.counts.folded == {"sales.meeting.held.v1": 2}
    assert sum(partition.counts.refused.values()) == 9


def test_records_at_or_below_the_fence_are_skipped():
    """Delivered again, nothing counts twice."""
    log = Log()
    _meeting(log, "2026-11-23T09:00:00Z")
    partition = fold(log)
    partition.fold(log.records)
    assert partition.counts.skipped == 1
    assert total(everything(partition), "d") == {("m",): 1}


def test_restored_from_its_cuts_a_partition_goes_on_as_before():
    """Cells, clients, fence, time and who waits come back; what was folded is skipped."""
    log = Log()
    log.add("call.started", "2026-11-23T09:00:00Z", call_id="c", direction="inbound")
    _meeting(log, "2026-11-23T09:00:01Z")
    partition = fold(log)
    cut = partition.cut()
    other = Partition(0, 1, rules())
    other.restore_clients(cut.clients)
    other.restore_cells(cut.cells)
    other.fold(log.records)
    assert other.counts.skipped == 2
    assert (other.fence, other.time) == (partition.fence, partition.time)
    assert everything(other) == everything(partition)
    assert other.view().waiting == partition.view().waiting != []


def test_a_cut_holds_what_changed_since_the_cut_before():
    """An unchanged partition has nothing to write but its own record."""
    log = Log()
    _meeting(log, "2026-11-23T09:00:00Z")
    partition = fold(log)
    assert {key[:1] for key, _ in partition.cut().cells} == {b"m", b"h", b"d"}
    again = partition.cut()
    assert (again.cells, [key for key, _ in again.clients]) == ([], [PARTITION_KEY])


def test_the_view_and_the_cut_do_not_take_from_each_other():
    """Each has its own marks of what changed."""
    log = Log()
    _meeting(log, "2026-11-23T09:00:00Z")
    partition = fold(log)
    first = partition.view()
    assert sums([first]) == everything(partition)
    assert {decode_part(value)["m"] for _, value in partition.cut().cells} == {1}
    assert partition.view().cells == {}


def test_taking_the_last_back_removes_the_part():
    """A part without measures is None in view and changelog, and gone after a restart."""
    log = Log()
    log.add("rating.given", "2026-11-23T09:00:00Z", rating_id="r", manager_id="m-1", score=5)
    partition = fold(log)
    view = sums([partition.view()])
    records = dict(partition.cut().cells)
    log.add("rating.given", "2026-11-23T09:00:00Z", rating_id="r", manager_id="m-2", score=5)
    partition.fold(log.records)
    view = sums([partition.view()], view)
    records.update(partition.cut().cells)
    assert view == everything(partition)
    assert all({*parts} == {("m-2", "")} for parts in view.values())
    assert sum(value is None for value in records.values()) == 3


def test_other_rules_or_another_version_are_refused_on_restore():
    """Numbers counted by other rules must not be mixed."""
    log = Log()
    _meeting(log, "2026-11-23T09:00:00Z")
    cut = fold(log).cut()
    other = Partition(0, 1, rules(call_target=1))
    other.restore_clients(cut.clients)
    with pytest.raises(RulesChanged, match="SALES_APP_ID"):
        other.check_restored()
    broken = Partition(0, 1, rules())
    broken.restore_clients([(PARTITION_KEY, b"\x00")])
    with pytest.raises(StateError, match="cannot be read"):
        broken.check_restored()
    with pytest.raises(StateError, match="cannot be read"):
        Partition(0, 1, rules()).restore_cells([(b"m", b"\x80")])


@pytest.mark.parametrize(
    ("kind", "kept", "past"),
    [
        ("m", "2026-11-23T11:59:59.999999Z", "2026-11-23T12:00:00Z"),
        ("h", "2026-12-09T10:59:59.999999Z", "2026-12-09T11:00:00Z"),
        ("d", "2029-01-31T23:59:59Z", "2029-02-01T00:00:00Z"),
    ],
)
def test_buckets_leave_by_partition_time(kind, kept, past):
    """A minute after 3 hours, an hour after 16 days, a day after 800 days; with a tombstone and out of the view."""
    log = Log()
    log.add("call.ended", "2026-11-23T09:00:30Z", call_id="c", direction="outbound", outcome="busy",
            started_at="2026-11-23T09:00:00Z", manager_id="early")  # fmt: skip
    partition = fold(log)
    records = dict(partition.cut().cells)
    view = sums([partition.view()])
    for time, expected in ((kept, True), (past, False)):
        _meeting(log, time)
        partition.fold(log.records)
        view = sums([partition.view()], view)
        records.update(partition.cut().cells)
        held = {where for where, parts in view.items() if ("early", "") in parts}
        assert (kind in {where[0] for where in held}) is expected
        assert view == everything(partition)
    expired = [value for key, value in records.items() if key[:1] == kind.encode() and b"early" in key]
    assert expired == [None]


@pytest.mark.parametrize(
    ("later", "kinds"),
    [
        (timedelta(hours=28, minutes=59, seconds=59.999), "mhd"),
        (timedelta(hours=29), "hd"),
        (timedelta(days=17, hours=3, minutes=59, seconds=59.999), "hd"),
        (timedelta(days=17, hours=4), "d"),
        (timedelta(days=900), "d"),
    ],
)
def test_what_nobody_can_ask_for_is_not_kept(later, kinds):
    """An event that reaches the broker late counts in what a clock may still show: days go by partition time."""
    log = Log()
    happened = datetime(2026, 11, 23, 9, tzinfo=UTC)
    event = _meeting(log, happened.isoformat())
    partition = fold(Log(records=[replace(event, timestamp=round((happened + later).timestamp() * 1000))]))
    assert {kind for kind, _ in everything(partition)} == set(kinds)
    assert {key[:1].decode() for key, value in partition.cut().cells if value} == set(kinds)


def test_a_broker_whose_clock_was_wrong_costs_three_hours():
    """A year ahead for one record: what was gone does not come back half filled, and what comes after it is kept."""
    log = Log()
    for minute in (0, 1, 2):
        _meeting(log, f"2026-11-23T09:0{minute}:00Z")
    _meeting(log, "2026-11-23T08:59:00Z")
    _meeting(log, "2026-11-23T09:30:00Z")
    first, wrong, right, late, next_ = log.records
    wrong = replace(wrong, timestamp=wrong.timestamp + 400 * 86_400_000)
    partition = fold(Log(records=[first, wrong, right, late, next_]))
    minutes = [start for kind, start in everything(partition) if kind == "m"]
    assert minutes == [us("2026-11-23T09:30:00Z") // 1_000_000]
    days = [parts for (kind, _), parts in everything(partition).items() if kind == "d"]
    assert [part[key("m")] for parts in days for part in parts.values()] == [5]


def test_a_late_event_counts_only_where_its_time_is_kept():
    """Yesterday's event corrects the hour and the day, not the minute."""
    log = Log()
    _meeting(log, "2026-11-24T09:00:00Z")
    _meeting(log, "2026-11-23T09:00:00Z", manager_id="late")
    held = everything(fold(log))
    assert {where[0] for where, parts in held.items() if ("late", "") in parts} == {"h", "d"}


def test_what_is_forgotten_frees_memory_and_what_is_kept_for_ever_stays():
    """After 800 days: open deals, issued invoices with payments, waiting chats, and won deals' ids stay."""
    log = Log()
    deal = {"manager_id": "m-1", "pipeline": "p", "stage": "s", "amount": "1", "currency": "RUB",
            "created_at": "2020-01-01T00:00:00Z"}  # fmt: skip
    log.add("deal.changed", "2020-01-02T00:00:00Z", deal_id="open", status="open", **deal)
    log.add(
        "deal.changed", "2020-01-02T00:00:00Z", deal_id="won", status="won", closed_at="2020-01-02T00:00:00Z", **deal
    )
    log.add(
        "deal.changed", "2020-01-02T00:00:00Z", deal_id="lost", status="lost", closed_at="2020-01-02T00:00:00Z", **deal
    )
    log.add("invoice.changed", "2020-01-02T00:00:00Z", invoice_id="i", manager_id="m-1", amount="5", currency="RUB",
            status="issued", issued_at="2020-01-02T00:00:00Z", due_at="2020-02-02T00:00:00Z")  # fmt: skip
    log.add("payment.received", "2020-01-02T00:00:00Z", payment_id="named", manager_id="m-1", amount="2",
            currency="RUB", invoice_id="i")  # fmt: skip
    log.add("payment.received", "2020-01-02T00:00:00Z", payment_id="free", manager_id="m-1", amount="2", currency="RUB")
    log.add("chat.message", "2020-01-02T00:00:00Z", chat_id="h", author="client")
    log.add("chat.message", "2020-01-02T00:00:00Z", chat_id="quiet", author="system")
    _meeting(log, "2020-01-02T00:00:00Z")
    _meeting(log, "2020-01-02T00:00:00Z", client_id="cl-gone")
    store = InMemoryClientStore()
    partition = Partition(0, 1, rules(), store)
    partition.fold(log.records)
    partition.cut()
    before = total(everything(partition), "o")
    _meeting(log, "2026-11-23T09:00:00Z", client_id="cl-2")
    partition.fold(log.records)
    cut = partition.cut()
    assert (b"ccl-gone", None) in cut.clients
    client = partition._clients.find(b"ccl-1")
    assert set(client.entities) == {"dopen", "dwon", "ii", "pnamed", "hh"}
    assert total(everything(partition), "o") == before
    log.add("deal.changed", "2026-11-23T09:00:00Z", deal_id="next", status="won",
            closed_at="2026-11-23T09:00:00Z", **deal)  # fmt: skip
    log.add("payment.received", "2020-01-02T00:00:01Z", payment_id="named", manager_id="m-1", amount="3",
            currency="RUB", invoice_id="i")  # fmt: skip
    partition.fold(log.records)
    sums_now = total(everything(partition), "d")
    assert sums_now["rd", "p"] == 1
    assert total(everything(partition), "o")["rc", "737457", "RUB"] == 20_000


def test_a_busy_client_is_split_into_pages_and_stays_exact():
    """No record of the changelog grows with the client; the sums and repeats are as of any other."""
    log = Log()
    for i in range(2000):
        log.add("deal.changed", "2026-11-23T09:00:00Z", deal_id=f"d-{i}", manager_id="m-1", pipeline="p", stage="s",
                amount="1", currency="RUB", created_at="2026-11-20T09:00:00Z", status="won",
                closed_at=f"2026-11-{1 + (i * 7) % 22:02}T09:00:00Z")  # fmt: skip
        log.add("chat.message", "2026-11-23T09:00:00Z", chat_id=f"h-{i}", author="client")
    partition = Partition(0, 1, rules())
    records: dict[bytes, bytes | None] = {}
    cells: dict[bytes, bytes | None] = {}
    for start in range(0, 4000, 500):
        partition.fold(log.records[start : start + 500])
        cut = partition.cut()
        records.update(cut.clients)
        cells.update(cut.cells)
    assert max(len(value) for value in records.values() if value) < 10_000
    assert len(records) > 50
    sums_now = total(everything(partition), "d")
    assert (sums_now["dx", "p", "won"], sums_now["rd", "p"]) == (2000, 1999)
    other = Partition(0, 1, rules())
    other.restore_clients(records.items())
    other.restore_cells(cells.items())
    assert everything(other) == everything(partition)
    assert len(other.view().waiting) == 2000
    for i in range(2000):
        log.add("deal.deleted", "2026-11-23T10:00:00Z", deal_id=f"d-{i}")
        log.add("chat.closed", "2026-11-23T10:00:00Z", chat_id=f"h-{i}")
    other.fold(log.records)
    assert total(everything(other), "d") == {("d", "chat"): 2000}
    assert other.view().waiting == []
