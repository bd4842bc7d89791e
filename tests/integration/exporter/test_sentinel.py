"""Redis fails over, as Sentinel decides: clients of both kinds go on with the new primary, and close cleanly."""

import asyncio
import contextlib
import time

import pytest
from redis.exceptions import RedisError

from deploy.stack.ports import free_port
from deploy.stack.program import Program
from deploy.stack.redis import binary
from metrics.redis_client import connect, connect_blocking

PASSWORD = "of all"


class SentinelServer(Program):
    """A Redis, or a Sentinel, with a configuration file that Sentinel rewrites."""

    def __init__(self, folder, name, *lines, sentinel=False):
        self.port = free_port()
        conf = folder / f"{name}.conf"
        own = [f"port {self.port}", "bind 127.0.0.1", f"dir {folder}", f'requirepass "{PASSWORD}"']
        conf.write_text("\n".join([*own, *lines, ""]))
        super().__init__(name, [binary(), str(conf), *["--sentinel"][: int(sentinel)]], log=folder / f"{name}.log")


def started(stack, folder):
    """A primary, a replica that has caught up, and a Sentinel that knows both; servers end with the stack."""
    login = ['save ""', f'masterauth "{PASSWORD}"']
    one, two = SentinelServer(folder, "one", *login), SentinelServer(folder, "two", *login)
    with (folder / "two.conf").open("a") as conf:
        conf.write(f"replicaof 127.0.0.1 {one.port}\nrepl-diskless-sync-delay 0\n")
    watch = [f"sentinel monitor sales 127.0.0.1 {one.port} 1", f'sentinel auth-pass sales "{PASSWORD}"']
    watch += ["sentinel down-after-milliseconds sales 500", "sentinel failover-timeout sales 2000"]
    sentinel = SentinelServer(folder, "sentinel", *watch, sentinel=True)
    for server in (one, two, sentinel):
        server.start_process()
        stack.callback(server.kill)
        server.wait_until(lambda server=server: server.listens(server.port), timeout=10)
    return one, sentinel


async def eventually(work, seconds=20):
    """Ask again until it answers, as our processes do."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            if answer := await work():
                return answer
        except (RedisError, OSError) as error:
            if time.monotonic() > deadline:
                raise AssertionError("Redis did not come back") from error
        await asyncio.sleep(0.1)


async def test_clients_follow_the_primary(tmp_path):
    """The primary is killed: what was replicated is there, and both clients write and read at the other one."""
    with contextlib.ExitStack() as stack:
        one, sentinel = started(stack, tmp_path)
        dead = free_port()  # a Sentinel that does not answer is passed over
        url = (
            f"redis+sentinel://:of%20all@127.0.0.1:{dead},127.0.0.1:{sentinel.port}/sales/0?sentinel_password=of%20all"
        )
        client, blocking = connect(url, connections=2), connect_blocking(url, 2.0)
        try:

            async def replicated():
                await client.set("kept", "x")
                return await client.wait(1, 1000)

            assert await eventually(replicated) == 1
            assert blocking.get("kept") == b"x"
            # Sentinel looks for replicas every ten seconds: only what it knows can be promoted.
            watcher = connect_blocking(f"redis://:of%20all@127.0.0.1:{sentinel.port}/0", 2.0)

            async def known():
                return await asyncio.to_thread(watcher.execute_command, "SENTINEL", "REPLICAS", "sales")

            await eventually(known)
            watcher.close()
            one.kill()
            with pytest.raises((RedisError, OSError)):
                await client.set("after", "lost")
            assert await eventually(lambda: client.set("after", "y"))
            assert await client.get("kept") == b"x"
            assert await eventually(lambda: asyncio.to_thread(blocking.get, "after")) == b"y"
        finally:
            await client.aclose()
            blocking.close()
