"""A Kafka cluster with a second way in, which can be cut: clients that take it reach brokers through proxies."""

import asyncio
import contextlib
import json
import threading
import time
from pathlib import Path
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient

from deploy.stack.kafka import KafkaCluster, KafkaNode
from deploy.stack.ports import free_port

HEAP = "320m"


class Proxy:
    """Forwards TCP, until it is cut: then both sides hear nothing, as with a cable pulled out."""

    def __init__(self, target: int) -> None:
        self.port = free_port()
        self._target = target
        self._loop = asyncio.new_event_loop()
        self._flows = asyncio.Event()
        self._flows.set()
        self._open: set[asyncio.StreamWriter] = set()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True, name=f"proxy-{self.port}")
        self._thread.start()
        self._server: Any = asyncio.run_coroutine_threadsafe(
            asyncio.start_server(self._serve, "127.0.0.1", self.port), self._loop
        ).result(10)

    def cut(self) -> None:
        """Let nothing through, and say so to nobody."""
        self._loop.call_soon_threadsafe(self._flows.clear)

    def heal(self) -> None:
        """Let new connections through; those of before the cut are lost."""

        def again() -> None:
            for writer in list(self._open):
                writer.transport.abort()
            self._flows.set()

        self._loop.call_soon_threadsafe(again)

    def close(self) -> None:
        """Stop listening."""

        def end() -> None:
            self._server.close()
            for writer in list(self._open):
                writer.transport.abort()
            self._loop.call_soon(self._loop.stop)

        self._loop.call_soon_threadsafe(end)
        self._thread.join(5)
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0.01))
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        other: asyncio.StreamWriter | None = None
        try:
            await self._flows.wait()
            there, other = await asyncio.open_connection("127.0.0.1", self._target)
            self._open.add(other)
            await asyncio.gather(self._pump(reader, other), self._pump(there, writer))
        except OSError:
            pass
        finally:
            for one in (writer, other):
                if one is not None:
                    self._open.discard(one)
                    one.transport.abort()

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(65_536):
            await self._flows.wait()
            sink.write(data)
            await sink.drain()
        raise ConnectionResetError  # one side is gone: so is the other


class BreakableNode(KafkaNode):
    """A node that also listens for those who come through its proxy, and advertises the proxy to them."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.side_port = free_port()
        self.proxy = Proxy(self.side_port)

    def _properties(self) -> dict[str, str | int]:
        found = super()._properties()
        return {
            **found,
            "listeners": f"{found['listeners']},SIDE://127.0.0.1:{self.side_port}",
            "advertised.listeners": f"{found['advertised.listeners']},SIDE://127.0.0.1:{self.proxy.port}",
            "listener.security.protocol.map": f"{found['listener.security.protocol.map']},SIDE:PLAINTEXT",
            "inter.broker.listener.name": "PLAINTEXT",
        }


class BreakableCluster(KafkaCluster):
    """Three nodes, replicated three times; what was broken is mended with `mend`."""

    def __init__(self, folder: Path, nodes: int = 3) -> None:
        super().__init__(folder, nodes, heap=HEAP)
        self.nodes: list[Any] = [
            BreakableNode(
                one.node_id, one.folder, port=one.port, voters=one.voters, log=folder / f"{one.name}.log", heap=HEAP
            )
            for one in self.nodes
        ]

    @property
    def cuttable(self) -> str:
        """Bootstrap servers behind the proxies."""
        return ",".join(f"127.0.0.1:{node.proxy.port}" for node in self.nodes)

    def cut(self) -> None:
        """Cut all who came through the proxies."""
        for node in self.nodes:
            node.proxy.cut()

    def heal(self) -> None:
        """Undo `cut`."""
        for node in self.nodes:
            node.proxy.heal()

    def controller(self) -> BreakableNode:
        """The node that leads the quorum of controllers, by what nodes have written down."""
        told = []
        for node in self.nodes:
            with contextlib.suppress(OSError, ValueError):
                state = json.loads((node.folder / "data/__cluster_metadata-0/quorum-state").read_text())
                told.append((state["leaderEpoch"], state["leaderId"]))
        leader = max(told)[1]
        return next(node for node in self.nodes if node.node_id == leader)

    def leaders(self, topic: str) -> dict[int, BreakableNode]:
        """Partition → node that leads it."""
        found = asyncio.run(self._describe([topic]))
        return {
            one["partition"]: node
            for one in found[0]["partitions"]
            for node in self.nodes
            if node.node_id == one["leader"]
        }

    async def _describe(self, topics: list[str] | None = None) -> list[dict[str, Any]]:
        admin = AIOKafkaAdminClient(bootstrap_servers=self.servers.split(","))
        await admin.start()
        try:
            return list(await admin.describe_topics(topics or list(await admin.list_topics())))
        finally:
            await admin.close()

    def mend(self, timeout: float = 60.0) -> None:
        """Start nodes that do not run, and wait until every copy of every partition is in sync (s)."""
        self.heal()
        for node in self.nodes:
            node.resume()
            node.start(wait=False)
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            with contextlib.suppress(Exception):
                topics = asyncio.run(self._describe())
                if all(len(p["isr"]) == len(p["replicas"]) for topic in topics for p in topic["partitions"]):
                    return
            time.sleep(0.5)
        raise TimeoutError("the cluster did not come back in sync")

    def close(self) -> None:
        """End everything."""
        self.stop(grace=4)
        for node in self.nodes:
            node.proxy.close()
