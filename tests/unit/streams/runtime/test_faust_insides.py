"""What we use of Faust's insides is still there under its name: an upgrade fails here, one line per name."""

import inspect
from contextlib import nullcontext
from types import SimpleNamespace

import faust
import pytest
from aiokafka import TopicPartition
from aiokafka.consumer.subscription_state import Assignment
from faust.tables.manager import TableManager
from faust.tables.recovery import Recovery
from faust.transport.consumer import ThreadDelegateConsumer
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Consumer
from mode import Service

from streams.runtime import faust_insides
from tests.support.insides import each

OURS = {
    faust_insides._ConsumerThread: AIOKafkaConsumerThread,
    faust_insides.BatchConsumer: Consumer,
    faust_insides.InsideApp: faust.App,
    faust_insides.BatchRecovery: Recovery,
    faust_insides.BatchTableManager: TableManager,
}
OWN = {"member_id", "leave_when_stopped", "crash_of", "_consumer_of_thread", "_with_ends", "_recover"}
"""What Faust knows nothing of."""
USED = {
    AIOKafkaConsumerThread: ("_ensure_consumer",),
    Recovery: ("_wait", "_set_recovery_started", "_set_recovery_ended", "signal_recovery_start"),
    TableManager: ("on_actives_ready", "on_standbys_ready"),
    faust.App: ("_fetcher", "on_rebalance_complete", "on_rebalance_end", "consumer_generation_id", "flow_control"),
    Consumer: ("perform_seek", "seek_wait", "resume_partitions", "resume_flow", "assignment"),
}


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        pytest.param(kind, name, id=f"{kind.__name__}.{name}")
        for kind in OURS
        for name, member in vars(kind).items()
        if name not in OWN and (callable(member) or isinstance(member, property)) and not name.startswith("__")
    ],
)
def test_what_is_overridden_is_faust_s(kind: type, name: str) -> None:
    """A method that Faust would not call any more is no use; its arguments are still those that it gives."""
    theirs = inspect.getattr_static(OURS[kind], name)
    ours = vars(kind)[name]
    assert isinstance(ours, property) == isinstance(theirs, property)
    if inspect.isfunction(ours) and inspect.isfunction(theirs) and name != "_fetch_records":
        assert list(inspect.signature(ours).parameters) == list(inspect.signature(theirs).parameters)


@pytest.mark.parametrize(("kind", "name"), each(USED))
def test_what_is_called_is_there(kind: type, name: str) -> None:
    """By that name."""
    assert hasattr(kind, name)


@pytest.mark.parametrize(
    ("where", "what"),
    [
        (Service.__init__, "self._crashed ="),
        (faust.transport.drivers.aiokafka, "self._consumer = self._create_consumer"),
        (ThreadDelegateConsumer.__init__, "self._thread ="),
        (TableManager.__init__, "self._tables_finalized ="),
        (TableManager.__init__, "self._tables_registered ="),
        (TableManager, "_recovery: Optional[Recovery]"),
        (Recovery, "_generation_id: int"),
        (faust.App._new_transport, "transport"),
    ],
)
def test_attributes_have_these_names(where: object, what: str) -> None:
    """Where Faust sets them."""
    assert what in inspect.getsource(where)


def test_recovery_has_these_tasks() -> None:
    """Those that are replaced by nothing would otherwise read changelogs."""
    for name in ("_restart_recovery", "_slurp_changelogs", "_publish_stats"):
        assert type(inspect.getattr_static(Recovery, name)) is type(
            inspect.getattr_static(faust_insides.BatchRecovery, name)
        )


@pytest.mark.parametrize(
    ("becomes", "expected"), [(None, {(3, 9)}), ("another", set()), ("none", set())], ids=["stays", "another", "none"]
)
async def test_what_lies_past_the_end_is_asked_about_first(becomes: str | None, expected: set[tuple[int, int]]) -> None:
    """A broker notes the end before it reads. Where the group changes meanwhile, it is all read again."""
    place = TopicPartition("t", 0)
    assigned = Assignment({place})
    state = assigned.state_value(place)
    state.reset_to(9)
    state.highwater = 8
    subscription = SimpleNamespace(assignment=assigned)

    async def fetched_records(*_: object, **__: object) -> dict[TopicPartition, list[int]]:
        return {place: [1, 2, 3]}

    async def end_offsets(partitions: list[TopicPartition]) -> dict[TopicPartition, int]:
        if becomes:
            subscription.assignment = None if becomes == "none" else Assignment({place})
        return dict.fromkeys(partitions, 9)

    subscriptions = SimpleNamespace(fetch_context=nullcontext, subscription=subscription)
    fetcher = SimpleNamespace(
        _closed=False, _subscriptions=subscriptions, fetched_records=fetched_records, _update_fetch_positions=None
    )
    consumer = SimpleNamespace(_closed=False, _fetcher=fetcher, _subscription=subscriptions, end_offsets=end_offsets)
    thread = faust_insides._ConsumerThread.__new__(faust_insides._ConsumerThread)
    thread.consumer, thread._assignment, thread._ends = SimpleNamespace(flow_active=True), None, {}
    found = await thread._fetch_records(consumer, {place})
    assert {(len(read.batches), read.end) for read in found.values()} == expected
