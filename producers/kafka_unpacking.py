"""What a batch holds as compressed, read as Kafka's Java libraries read it.

A broker checks what a producer sends by those libraries. What they read past (bytes behind the end of a stream, numbers
of versions) must not stop who reads the log: nothing could be read behind it. Nor may what unpacks to a thousand times
its size: of that the pieces are given, one at a time.
"""

import os
import struct
import zlib
from collections.abc import Callable, Iterator
from threading import Thread
from typing import Any

import cramjam

AT_ONCE = 16 << 20
"""Bytes of content that are unpacked at once; a batch has a megabyte at most as compressed."""
PIECE = 1 << 20
_GUESS = 16
"""How many times as large as a batch its content is tried to be."""
_GZIP = b"\x1f\x8b"
_SNAPPY = b"\x82SNAPPY\0"
_SNAPPY_HEAD = 16
"""Bytes of a header of snappy-java: its name, and two versions."""
_SNAPPY_MOST = 64
"""Bytes of content that one compressed byte can stand for, and more; a chunk that says otherwise is none."""


class TooMuch(Exception):  # noqa: N818 - nothing is wrong
    """There is more than what is unpacked at once: it is to be read in pieces."""


def unpacked(codec: int, packed: bytes, head: bytes = b"", most: int = AT_ONCE) -> bytearray | memoryview:
    """`head`, and behind it the content. `codec`: the number that a batch gives.

    Raises ValueError for what Java's libraries refuse too, TooMuch for a content of more than `most` bytes.
    """
    if codec in _INTO and (found := _quick(_INTO[codec], packed, head, most)):
        return found
    content = bytearray(head)
    for piece in pieces(codec, packed):
        content += piece
        if len(content) - len(head) > most:
            raise TooMuch
    return content


def pieces(codec: int, packed: bytes) -> Iterator[bytes]:
    """The content piece by piece, of a megabyte or a bit more. Raises ValueError as `unpacked` does."""
    try:
        yield from _KINDS[codec](packed)
    except (KeyError, IndexError, OSError, struct.error, zlib.error, cramjam.DecompressionError) as error:
        raise ValueError(f"what was compressed by codec {codec} cannot be unpacked: {error}") from error


def _quick(into: Callable[[Any, Any], int], packed: bytes, head: bytes, most: int) -> memoryview | None:
    """The same in one go; None where that cannot be done, whatever the reason."""
    room = max(_GUESS * len(packed), 1 << 16)
    while True:
        room = min(room, most)
        found = memoryview(bytearray(len(head) + room))
        try:
            size = into(packed, found[len(head) :])
        except cramjam.DecompressionError:
            if room == most:
                return None
            room *= _GUESS
        else:
            found[: len(head)] = head
            return found[: len(head) + size]


def _gzip(packed: bytes) -> Iterator[bytes]:
    """Streams one after another, up to what is none."""
    is_first = True
    while is_first or packed.startswith(_GZIP):
        is_first, stream = False, zlib.decompressobj(31)
        while not stream.eof:
            piece = stream.decompress(packed, PIECE)
            packed = stream.unconsumed_tail
            if not piece and not packed and not stream.eof:
                raise ValueError("gzip: the stream has no end")
            yield piece
        packed = stream.unused_data


def _lz4(packed: bytes) -> Iterator[bytes]:
    """The first frame, without what follows it."""
    flags = packed[4]
    at = 7 + 8 * bool(flags & 0x08) + 4 * bool(flags & 0x01)
    while size := struct.unpack_from("<I", packed, at)[0] & 0x7FFF_FFFF:
        at += 4 + size + 4 * bool(flags & 0x10)
    end = at + 4 + 4 * bool(flags & 0x04)
    return _piped(cramjam.lz4.decompress_into, packed[:end])


def _zstd(packed: bytes) -> Iterator[bytes]:
    return _piped(cramjam.zstd.decompress_into, packed)


def _piped(into: Callable[[Any, Any], int], packed: bytes) -> Iterator[bytes]:
    """What a library gives only as a whole, by a pipe: it waits while nobody takes what it has written."""
    reading, writing = os.pipe()
    failed: list[Exception] = []

    def unpack() -> None:
        target = None
        try:
            try:
                target = cramjam.File(f"/dev/fd/{writing}", read=False, write=True, truncate=False, append=False)
            finally:
                os.close(writing)
            into(packed, target)
        except (OSError, cramjam.DecompressionError) as error:
            failed.append(error)
        finally:
            del target  # an error holds on to it, and who reads would wait for its end

    with os.fdopen(reading, "rb") as given:
        thread = Thread(target=unpack, name="unpacking", daemon=True)
        thread.start()
        while piece := given.read(PIECE):
            yield piece
    thread.join()
    if failed:
        raise failed[0]


def _snappy(packed: bytes) -> Iterator[bytes]:
    """Streams of chunks, one after another, whatever version each says that it has."""
    if not packed.startswith(_SNAPPY):
        yield _chunk(packed)
        return
    at = 0
    while at < len(packed):
        if packed.startswith(_SNAPPY, at):
            at += _SNAPPY_HEAD
            continue
        size = struct.unpack_from(">i", packed, at)[0]
        if not 0 < size <= len(packed) - at - 4:
            raise ValueError(f"snappy: a chunk of {size} bytes at {at} of {len(packed)}")
        yield _chunk(packed[at + 4 : at + 4 + size])
        at += 4 + size


def _chunk(packed: bytes) -> bytes:
    size = cramjam.snappy.decompress_raw_len(packed)
    if size > _SNAPPY_MOST * len(packed):
        raise ValueError(f"snappy: {len(packed)} bytes that say they hold {size}")
    return bytes(cramjam.snappy.decompress_raw(packed))


_KINDS: dict[int, Callable[[bytes], Iterator[bytes]]] = {1: _gzip, 2: _snappy, 3: _lz4, 4: _zstd}
_INTO: dict[int, Callable[[Any, Any], int]] = {3: cramjam.lz4.decompress_into, 4: cramjam.zstd.decompress_into}
