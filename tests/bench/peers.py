"""What people would write instead: the same kind of work in Faust as its documentation teaches, and a bare drain.

Run as a program: python -m tests.bench.peers drain|faust SERVERS TOPIC COUNT; prints one JSON line with CPU seconds.
"""

import asyncio
import json
import os
import resource
import sys
import time
from datetime import datetime
from typing import Any


def cpu() -> float:
    """CPU seconds of this process so far."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def drain(servers: str, topic: str, count: int) -> dict[str, float]:
    """The fetch of aiokafka alone: the floor under every Python worker."""
    from aiokafka import AIOKafkaConsumer

    consumer = AIOKafkaConsumer(
        topic,
        bootstrap_servers=servers,
        auto_offset_reset="earliest",
        fetch_max_bytes=64 << 20,
        max_partition_fetch_bytes=4 << 20,
    )
    await consumer.start()
    began, busy, seen = time.perf_counter(), cpu(), 0
    while seen < count:
        for records in (await consumer.getmany(timeout_ms=1000, max_records=4000)).values():
            seen += len(records)
    found = {"events": seen, "cpu": cpu() - busy, "wall": time.perf_counter() - began}
    await consumer.stop()
    return found


def faust_app(servers: str, topic: str, count: int) -> Any:  # noqa: C901 - one function, as its documentation shows
    """An agent per event with a client table and cell tables, at least once, memory store."""
    import faust

    app = faust.App(
        f"idiomatic-{os.getpid()}", broker=f"kafka://{servers}", store="memory://", topic_partitions=4,
        web_enabled=False, topic_disable_leader=True, worker_redirect_stdouts=False,
        stream_wait_empty=False, table_standby_replicas=0,
    )  # fmt: skip
    events = app.topic(topic, value_serializer="json", key_serializer="raw")
    clients = app.Table("clients", default=dict, partitions=4)
    days = app.Table("days", default=dict, partitions=4)
    minutes = app.Table("minutes", default=dict, partitions=4)
    progress = {"seen": 0, "cpu": 0.0, "wall": 0.0}

    @app.agent(events)
    async def fold(stream: Any) -> None:  # noqa: C901
        async for event in stream:
            if not progress["seen"]:
                progress["cpu"], progress["wall"] = cpu(), time.perf_counter()
            progress["seen"] += 1
            data, moment = event["data"], datetime.fromisoformat(event["time"])
            state = dict(clients[data.get("client_id", "")])
            manager = data.get("manager_id", "unknown")
            kind = event["type"]
            deltas: dict[str, float] = {}
            if kind == "sales.deal.changed.v1":
                for name, value in state.get(data["deal_id"], {}).items():
                    deltas[name] = deltas.get(name, 0) - value
                now = {data["status"]: 1, "amount": float(data["amount"])}
                for name, value in now.items():
                    deltas[name] = deltas.get(name, 0) + value
                state[data["deal_id"]] = now
            elif kind == "sales.payment.received.v1":
                deltas["revenue"] = float(data["amount"])
            elif kind == "sales.chat.message.v1" and data["author"] == "client":
                state.setdefault("waiting", event["time"])
            else:
                state.pop("waiting", None)
                deltas[kind] = 1
            clients[data.get("client_id", "")] = state
            for table, bucket in ((days, moment.strftime("%Y-%m-%d")), (minutes, moment.strftime("%Y-%m-%dT%H:%M"))):
                cell = dict(table[f"{manager}/{bucket}"])
                for name, value in deltas.items():
                    cell[name] = cell.get(name, 0) + value
                table[f"{manager}/{bucket}"] = cell
            if progress["seen"] == count:
                taken = {
                    "events": count,
                    "cpu": cpu() - progress["cpu"],
                    "wall": time.perf_counter() - progress["wall"],
                }
                print(json.dumps(taken), flush=True)
                os._exit(0)

    return app


def main() -> None:
    """Measure one engine."""
    engine, servers, topic, count = sys.argv[1:5]
    if engine == "drain":
        print(json.dumps(asyncio.run(drain(servers, topic, int(count)))), flush=True)
        return
    import faust

    worker = faust.Worker(faust_app(servers, topic, int(count)), loglevel="error")
    worker.execute_from_commandline()


if __name__ == "__main__":
    main()
