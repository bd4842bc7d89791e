"""Gzip put together from pieces compressed before: what has not changed is not compressed again."""

import struct
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple
from zlib import DEFLATED, Z_FULL_FLUSH

from isal import isal_zlib

_HEAD = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x04\xff"
"""Of a gzip member without name or time."""
_END = b"\x03\x00"
"""An empty last block: pieces end on a byte, but none of them ends the stream."""
_LEVEL = 1
_RAW = -15


class Packed(NamedTuple):
    """A piece of text, deflated so that pieces can follow each other, with the checksum and length of the text."""

    deflated: bytes
    crc: int
    size: int


NOTHING = Packed(b"", 0, 0)


def pack(text: bytes) -> Packed:
    """Compress one piece."""
    if not text:
        return NOTHING
    # A full flush: no later piece refers back into it, so any pieces make a stream, in any order.
    packer = isal_zlib.compressobj(_LEVEL, DEFLATED, _RAW)
    return Packed(packer.compress(text) + packer.flush(Z_FULL_FLUSH), isal_zlib.crc32(text), len(text))


def unpack(deflated: bytes) -> bytes:
    """The text of one piece."""
    return isal_zlib.decompressobj(_RAW).decompress(deflated) if deflated else b""


pack_once = lru_cache(maxsize=1024)(pack)
"""The same, for the few texts that never change."""


def gzipped(pieces: Iterable[Packed]) -> list[bytes]:
    """One gzip member of all pieces, in parts: readers that stop after the first member read it whole."""
    found, crc, size = [_HEAD], 0, 0
    for piece in pieces:
        found.append(piece.deflated)
        crc = isal_zlib.crc32_combine(crc, piece.crc, piece.size)
        size += piece.size
    return [*found, _END, struct.pack("<II", crc, size & 0xFFFFFFFF)]
