"""Peers in Python, and the floors under every Python worker.

Run as a program: python -m tests.bench.peers.python ENGINE SERVERS TOPIC COUNT GROUP FOLDER, where ENGINE is
drain, fetch, decode, faust or quix. It says when the first record came, and ends when it is told to.
"""

import asyncio
import json
import os
import resource
import sys
import threading
import time
from pathlib import Path
from typing import Any

from tests.bench.peers import work


def cpu() -> float:
    """CPU seconds of this process so far."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


class Begin:
    """Says once how much CPU starting took."""

    def __init__(self) -> None:
        self.is_said = False

    def __call__(self) -> None:
        """To be called at each record."""
        if not self.is_said:
            self.is_said = True
            print(json.dumps({"first": cpu()}), flush=True)


def end_when_told() -> None:
    """End this process when the bench has seen everything committed."""

    def wait() -> None:
        sys.stdin.readline()
        os._exit(0)

    threading.Thread(target=wait, daemon=True).start()


async def drain(servers: str, topic: str, count: int, kind: str) -> dict[str, float]:
    """What aiokafka takes alone (`drain`), as the worker has it (`fetch`), or decoded by the contract as well."""
    from aiokafka import AIOKafkaConsumer

    from producers.events import wire
    from streams.state.records import AS_DECODED

    consumer = AIOKafkaConsumer(
        topic,
        bootstrap_servers=servers,
        auto_offset_reset="earliest",
        fetch_max_bytes=64 << 20,
        max_partition_fetch_bytes=4 << 20,
        value_deserializer=AS_DECODED if kind == "fetch" else None,
    )
    await consumer.start()
    began, busy, seen = time.perf_counter(), cpu(), 0
    while seen < count:
        for records in (await consumer.getmany(timeout_ms=1000, max_records=4000)).values():
            seen += len(records)
            if kind == "decode":
                for record in records:
                    wire.decode(record.value)
    found = {"events": seen, "cpu": cpu() - busy, "wall": time.perf_counter() - began}
    await consumer.stop()
    return found


def faust(servers: str, topic: str, group: str, folder: Path) -> None:
    """An agent per event with two tables, at least once, as its documentation shows."""
    import faust as lib

    app = lib.App(
        group, broker=f"kafka://{servers}", store="memory://", topic_partitions=4, datadir=str(folder),
        web_enabled=False, topic_disable_leader=True, worker_redirect_stdouts=False,
        stream_wait_empty=False, table_standby_replicas=0, broker_commit_interval=1.0,
    )  # fmt: skip
    events = app.topic(topic, value_serializer="json", key_serializer="raw")
    clients = app.Table("clients", default=dict, partitions=4)
    cells = app.Table("cells", partitions=4)
    ids = app.Table("ids", partitions=4)
    begin = Begin()

    @app.agent(events)
    async def fold(stream: Any) -> None:
        async for event in stream.events():
            begin()
            name = event.key.decode()
            client = clients[name]

            def seen(name: str) -> bool:
                was = name in ids
                ids[name] = 1
                return was

            deltas = work.fold(event.value, client, seen)
            clients[name] = client
            for delta in deltas:
                # All partitions share a table here: without the number a cell would be restored several times over.
                cell = f"{event.message.partition}/{delta[0]}"
                cells[cell] = work.add(cells.get(cell) or [0] * work.WIDTH, delta)

    lib.Worker(app, loglevel="error").execute_from_commandline()


def quix(servers: str, topic: str, group: str, folder: Path) -> None:
    """One stateful function; what each client and each cell is lies in the partition's state.

    Quix Streams keeps state per message key. One key for all of a partition's records makes the state the
    partition's, which saves sending everything through a second topic for the cells.
    """
    from quixstreams import Application, State
    from quixstreams.models import Deserializer

    class OneKey(Deserializer):
        def __call__(self, value: bytes, ctx: Any) -> bytes:
            return b"p"

    app = Application(
        broker_address=servers,
        consumer_group=group,
        auto_offset_reset="earliest",
        commit_interval=1.0,
        state_dir=folder,
        loglevel="ERROR",
        producer_extra_config={"compression.type": "lz4", "linger.ms": 100},
    )
    begin = Begin()

    def fold(event: dict[str, Any], state: State) -> None:
        begin()
        name = "c:" + event["data"]["client_id"]
        before: work.Client = state.get(name, {})
        waited = before.get("waiting")

        def seen(name: str) -> bool:
            was = state.exists("i:" + name)
            if not was:
                state.set("i:" + name, 1)
            return was

        deltas = work.fold(event, before, seen)
        if waited != before.get("waiting") or event["type"] == "sales.deal.changed.v1":
            state.set(name, before)
        for delta in deltas:
            cell = "k:" + delta[0]
            state.set(cell, work.add(state.get(cell) or [0] * work.WIDTH, delta))

    frame = app.dataframe(app.topic(topic, value_deserializer="json", key_deserializer=OneKey()))
    frame.update(fold, stateful=True)
    app.run()


def main() -> None:
    """Run one engine."""
    engine, servers, topic, count, group, folder = sys.argv[1:7]
    del sys.argv[1:]  # Faust would read them
    if engine in ("drain", "fetch", "decode"):
        print(json.dumps(asyncio.run(drain(servers, topic, int(count), engine))), flush=True)
        return
    end_when_told()
    {"faust": faust, "quix": quix}[engine](servers, topic, group, Path(folder))


if __name__ == "__main__":
    main()
