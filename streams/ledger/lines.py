"""Pieces of what is read from the index, as lines of JSON: read by a thread of its own, a piece at a time."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator
from threading import Lock
from typing import Any, TypeVar

import msgspec

NDJSON = "application/x-ndjson"
One = TypeVar("One")


async def lines(pieces: Generator[list[One], None, None], told: Callable[[One], Any]) -> AsyncGenerator[bytes, None]:
    """What each one of the pieces is told as; whoever asks may leave at any time."""
    reading = Lock()

    def read() -> list[One] | None:
        with reading:
            return next(pieces, None)

    def let_go() -> None:
        with reading:
            pieces.close()

    try:
        while (piece := await asyncio.to_thread(read)) is not None:
            yield b"".join(msgspec.json.encode(told(one)) + b"\n" for one in piece)
    finally:
        # Not awaited: the one who asked may be gone, and a read may be under way.
        asyncio.get_running_loop().run_in_executor(None, let_go)
