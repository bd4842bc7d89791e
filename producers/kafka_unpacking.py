"""What brokers take as compressed and aiokafka cannot unpack, read as Kafka's Java libraries read it.

A broker checks what a producer sends by those libraries. What they read past (bytes behind the end of a stream, numbers
of versions) must not stop who reads the log: nothing could be read behind it.
"""

import struct
import zlib
from collections.abc import Callable

import cramjam

_GZIP = b"\x1f\x8b"
_SNAPPY = b"\x82SNAPPY\0"
_SNAPPY_HEAD = 16
"""Bytes of a header of snappy-java: its name, and two versions."""


def unpacked(codec: int, packed: bytes) -> bytes:
    """The content. `codec`: the number that a batch gives. Raises ValueError for what Java's libraries refuse too."""
    try:
        return _KINDS[codec](packed)
    except (KeyError, IndexError, struct.error, zlib.error, cramjam.DecompressionError) as error:
        raise ValueError(f"what was compressed by codec {codec} cannot be unpacked: {error}") from error


def _gzip(packed: bytes) -> bytes:
    """Streams one after another, up to what is none."""
    found = b""
    while not found or packed.startswith(_GZIP):
        stream = zlib.decompressobj(31)
        found += stream.decompress(packed)
        if not stream.eof:
            raise ValueError("gzip: the stream has no end")
        packed = stream.unused_data
    return found


def _lz4(packed: bytes) -> bytes:
    """The first frame, without what follows it."""
    flags = packed[4]
    at = 7 + 8 * bool(flags & 0x08) + 4 * bool(flags & 0x01)
    while size := struct.unpack_from("<I", packed, at)[0] & 0x7FFF_FFFF:
        at += 4 + size + 4 * bool(flags & 0x10)
    end = at + 4 + 4 * bool(flags & 0x04)
    return bytes(cramjam.lz4.decompress(packed[:end]))


def _snappy(packed: bytes) -> bytes:
    """Streams of chunks, one after another, whatever version each says that it has."""
    if not packed.startswith(_SNAPPY):
        return bytes(cramjam.snappy.decompress_raw(packed))
    found, at = [], 0
    while at < len(packed):
        if packed.startswith(_SNAPPY, at):
            at += _SNAPPY_HEAD
            continue
        size = struct.unpack_from(">i", packed, at)[0]
        if not 0 < size <= len(packed) - at - 4:
            raise ValueError(f"snappy: a chunk of {size} bytes at {at} of {len(packed)}")
        found.append(bytes(cramjam.snappy.decompress_raw(packed[at + 4 : at + 4 + size])))
        at += 4 + size
    return b"".join(found)


_KINDS: dict[int, Callable[[bytes], bytes]] = {1: _gzip, 2: _snappy, 3: _lz4}
