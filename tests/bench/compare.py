"""The worker beside its peers: the same bytes, one pinned core, every result checked."""

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path

from producers.compiled import WANTED
from tests.bench import engine
from tests.bench.engine import BenchError, Run
from tests.bench.peers import java, states
from tests.bench.results import Value, middle
from tests.bench.stand import Stand, Topic
from tests.support.machine_code import machine_code

PART = "Engines on the same bytes"
WARM_PART = f"{PART}, warmed up"
_WARM = 1_000_000
"""Events from which on a virtual machine's compiler has long done its work."""
_AGAIN = 0.02
"""Share of events that are sent once more."""
_LONG = 2
"""Days from which on they are not told in hours."""
FULL = "The worker on all event types"
PEERS = ("kafka-streams", "kafka-streams-eos", "flink", "quix", "faust")
_NAMES = {
    "kafka-streams": "Kafka Streams 4.1.1, RocksDB, at least once",
    "kafka-streams-eos": "Kafka Streams 4.1.1, RocksDB, exactly_once_v2",
    "flink": "Flink 1.20.3, heap, a checkpoint each second",
    "quix": "Quix Streams, state of the partition",
    "faust": "Faust as its documentation teaches",
}


def measure(stand: Stand) -> None:
    """All engines; ratios say how many times the engine's events per CPU-second the worker folds, as it is shipped."""
    asked = stand.asked
    topic = stand.topic(asked.events, full=False, days=asked.days, again=_AGAIN)
    time = f"{asked.days:g} days" if asked.days >= _LONG else f"{asked.days * 24:g} h"
    size = f"{topic.sent:,} events over {time}, {_AGAIN:.0%} of them again, 500 managers, 50,000 clients, 4 partitions"
    base = 0.0
    for name, settings in _forms(stand).items():
        ours = worker(stand, topic, **settings)
        base = base or middle(rates(ours)["events per CPU-second"])
        _add(stand, name, ours, base, size, _audited(stand, topic, **settings))
    for name, kind in (("aiokafka fetch alone", "drain"), ("aiokafka fetch, contract decoded", "decode")):
        _add(stand, name, [floor(stand, kind, topic) for _ in range(asked.repeats)], base, size, "")
    for peer in asked.peers:
        try:
            runs = [_peer(stand, peer, topic) for _ in range(asked.repeats)]
        except java.NoJavaError as error:
            print(f"{_NAMES[peer]}: left out: {error}", flush=True)
            continue
        more = {"Java": java.version()} if peer in _JVM else {}
        _add(stand, _NAMES[peer], runs, base, size, "equal", **more)


def full(stand: Stand) -> None:
    """The full contract: all types, fifteen KPIs, three resolutions, 30 days of event time."""
    topic = stand.topic(stand.asked.events, full=True, days=30)
    size = f"{topic.sent:,} events of all types over 30 days, 500 managers, 50,000 clients, 4 partitions"
    ours = worker(stand, topic)
    stand.results.add(FULL, "Sales Pulse worker", rates(ours) | {"checked": _audited(stand, topic)}, size)
    drains = [floor(stand, "drain", topic) for _ in range(stand.asked.repeats)]
    stand.results.add(FULL, "aiokafka fetch alone", rates(drains), size)


def rates(runs: list[Run]) -> dict[str, Value]:
    """Events per CPU-second and per second of each run."""
    return {
        "events per CPU-second": [run["events"] / run["cpu"] for run in runs],
        "events per second": [run["events"] / run["wall"] for run in runs],
    }


def _forms(stand: Stand) -> dict[str, dict[str, str]]:
    """Name → environment of each form of the worker, the shipped one first; in a quick run what is installed."""
    if stand.asked.is_quick:
        return {"Sales Pulse worker": {}}
    compiled = {"PYTHONPATH": str(machine_code(stand.folder))}
    return {
        "Sales Pulse worker, compiled": compiled,
        "Sales Pulse worker, compiled, RocksDB": compiled | {"SALES_STORE": "rocksdb"},
        "Sales Pulse worker, from source": {WANTED: "no"},
    }


def worker(stand: Stand, topic: Topic, **settings: str) -> list[Run]:
    """The worker on a topic, from nothing, as often as was asked for. settings: of its environment."""
    runs = []
    for _ in range(stand.asked.repeats):
        with stand.house(topic.settings, **settings) as place:
            runs.append(stand.fold(place, topic.sent))
    return runs


def _audited(stand: Stand, topic: Topic, **settings: str) -> str:
    """One more run, judged by the audit."""
    with stand.house(topic.settings, **settings) as place:
        stand.fold(place, topic.sent)
        report = asyncio.run(place.verdict())
    if not report.is_equal:
        raise BenchError("the worker's result is wrong:\n" + "\n".join(report.lines()))
    return "equal"


def floor(stand: Stand, kind: str, topic: Topic) -> Run:
    """A consumer that does nothing else."""
    argv = [sys.executable, "-m", "tests.bench.peers.python", kind, stand.servers, topic.name, str(topic.sent)]
    return engine.figures([*argv, "-", "-"], stand.asked.core)


def _part(stand: Stand) -> str:
    return WARM_PART if stand.asked.events >= _WARM else PART


def _add(stand: Stand, name: str, runs: list[Run], base: float, size: str, checked: str, **more: str) -> None:
    found = rates(runs)
    if all("rss_mb" in run for run in runs):
        found["MB"] = [run["rss_mb"] for run in runs]
    found["worker is × as fast"] = base / middle(found["events per CPU-second"])
    found["checked"] = checked
    stand.results.add(_part(stand), name, found, size, **more)


def _kafka_streams(guarantee: str) -> "Callable[[Stand, str, str, Path], list[str]]":
    def command(stand: Stand, topic: str, group: str, folder: Path) -> list[str]:
        return java.command("KafkaStreamsPeer", stand.folder, stand.servers, topic, group, str(folder), guarantee)

    return command


def _flink(stand: Stand, topic: str, group: str, folder: Path) -> list[str]:
    return java.command("FlinkPeer", stand.folder, stand.servers, topic, group, str(folder))


_JVM: dict[str, Callable[[Stand, str, str, Path], list[str]]] = {
    "kafka-streams": _kafka_streams("at_least_once"),
    "kafka-streams-eos": _kafka_streams("exactly_once_v2"),
    "flink": _flink,
}


def _peer(stand: Stand, peer: str, topic: Topic) -> Run:
    """Run one peer and check what it holds. Raises NoJavaError, BenchError."""
    group = f"{peer}-{stand.name()}"
    folder = stand.folder / group
    folder.mkdir()
    if peer in _JVM:
        argv = _JVM[peer](stand, topic.name, group, folder)
    else:
        argv = [sys.executable, "-m", "tests.bench.peers.python", peer, stand.servers, topic.name, str(topic.sent)]
        argv += [group, str(folder)]
    run = engine.run(argv, stand.asked.core, stand.commits, group, topic.name, topic.sent, folder / "log")
    different = states.differences(_states(stand, peer, topic, group, folder), states.recomputed(topic.pairs()))
    if different:
        raise BenchError(f"{peer}: {different:,} clients and cells are not what they must be")
    return run


def _states(stand: Stand, peer: str, topic: Topic, group: str, folder: Path) -> states.States:
    if peer == "flink":
        return states.flink(folder)
    if peer == "quix":
        return states.quix(stand.servers, group, topic.name)
    return (states.faust if peer == "faust" else states.kafka_streams)(stand.servers, group)
