"""Kafka's record batches (v2) byte by byte, so that a test has those too that no client of ours would make."""

import struct
from collections.abc import Callable, Sequence

from aiokafka.codec import gzip_encode, lz4_encode, snappy_encode, zstd_encode
from aiokafka.record.util import calc_crc32c, encode_varint

CODECS: dict[int, Callable[[bytes], bytes]] = {
    0: bytes,
    1: gzip_encode,
    2: snappy_encode,
    3: lambda plain: bytes(lz4_encode(plain)),
    4: lambda plain: bytes(zstd_encode(plain)),
}
TRANSACTIONAL, CONTROL = 0x10, 0x20
RawHeaders = Sequence[tuple[bytes, bytes | None]]


def varint(number: int) -> bytes:
    """Zigzag, seven bits a byte."""
    out = bytearray()
    encode_varint(number, out.append)
    return bytes(out)


def record(
    delta: int, key: bytes | None, value: bytes | None, headers: RawHeaders = (), *, attributes: int = 0
) -> bytes:
    """One record, `delta` offsets after the first of its batch."""
    body = bytes((attributes,)) + varint(0) + varint(delta) + _part(key) + _part(value) + varint(len(headers))
    body += b"".join(varint(len(name)) + name + _part(item) for name, item in headers)
    return varint(len(body)) + body


def batch(
    base: int,
    records: Sequence[bytes],
    last: int,
    codec: int = 0,
    attributes: int = 0,
    producer: int = -1,
    packed: bytes | None = None,
) -> bytes:
    """A batch of the offsets `base` to `base + last`. packed: the records, where `codec` does not compress them."""
    content = CODECS[codec](b"".join(records)) if packed is None else packed
    head = struct.pack(">hiqqqhii", attributes | codec, last, 1000, 2000, producer, 0, -1, len(records))
    crc = calc_crc32c(head + content)
    return struct.pack(">qiibI", base, len(head) + len(content) + 9, 0, 2, crc) + head + content


def marker(base: int, producer: int, *, is_commit: bool) -> bytes:
    """What ends a transaction."""
    ends = record(0, struct.pack(">hh", 0, int(is_commit)), b"\0" * 6)
    return batch(base, [ends], 0, attributes=TRANSACTIONAL | CONTROL, producer=producer)


def _part(content: bytes | None) -> bytes:
    return varint(-1) if content is None else varint(len(content)) + content
