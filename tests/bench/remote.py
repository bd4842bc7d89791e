"""Samples of any moment for a real Prometheus: remote write, fast where a series stays as it is."""

import re
import struct
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import cramjam
import httpx

_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_NAME = re.compile(r"\b(?:[a-z]+:[a-z0-9_:]+|sales_[a-z0-9_]+)")
_STALE = struct.pack("<Q", 0x7FF0000000000002)
"""What Prometheus notes where a series is gone."""
_SAMPLE = b"\x12\x10\x09"
"""How a sample begins whose moment takes six bytes, as from 2004 to 2109: number, length, and number of its value."""
_AT_ONCE = 4_000_000
Head = str | tuple[tuple[str, str], ...]
"""A series as its line begins, or its labels."""


def own(expr: str) -> set[str]:
    """Names of series that an expression reads, or may."""
    return set(_NAME.findall(expr))


def varint(number: int) -> bytes:
    """As protocol buffers write a whole number."""
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    found.append(number)
    return bytes(found)


class ToldSamples:
    """Some minutes of many series that are noted at the same moments.

    name: of all of them; "" where lines begin with it. last: series → value before, which `taken` brings up to date.
    times: the moments, Unix seconds.
    """

    def __init__(self, name: str, labels: Mapping[str, str], last: dict[Head, float], times: list[int]) -> None:
        self.name, self.labels, self.last, self.times = name, labels, last, times
        self.changes: dict[Head, list[tuple[int, float | None]]] = {}

    def at(self, tick: int, news: Mapping[Head, float], gone: Iterable[Head]) -> None:
        """Take in what is otherwise from one of the moments on."""
        for head, value in news.items():
            self._note(head, tick, value)
        for head in gone:
            self._note(head, tick, None)

    def take(self, answer: list[dict[str, Any]]) -> None:
        """Take in an answer to a range of the moments."""
        heads = set()
        for one in answer:
            head = tuple(sorted((name, value) for name, value in one["metric"].items() if name != "__name__"))
            heads.add(head)
            held = {round(float(moment)): float(value) for moment, value in one["values"]}
            for tick, moment in enumerate(self.times):
                self._note(head, tick, held.get(moment))
        for head in self.last.keys() - heads:
            self._note(head, 0, None)

    def _note(self, head: Head, tick: int, value: float | None) -> None:
        held = self.changes.get(head)
        if (held[-1][1] if held else self.last.get(head)) != value:
            self.changes.setdefault(head, []).append((tick, value))

    def names(self) -> set[str]:
        """Names of the series that changed."""
        return {self.name or str(head).partition("{")[0] for head in self.changes}

    def taken(self) -> None:
        """From here on the changes are the past."""
        for head, held in self.changes.items():
            value = held[-1][1]
            if value is None:
                self.last.pop(head, None)
            else:
                self.last[head] = value


class Writer:
    """Sends what is told. samples: how many so far."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http
        self._labels: dict[tuple[str, Head], bytes] = {}
        self.samples = 0

    def write(self, every: Iterable[ToldSamples]) -> None:
        """Send some, in pieces."""
        held, size = [], 0
        for told in every:
            for one in self.encoded(told):
                held.append(one)
                size += len(one)
                if size > _AT_ONCE:
                    self._send(held)
                    held, size = [], 0
            told.taken()
        if held:
            self._send(held)

    def _send(self, held: list[bytes]) -> None:
        body = bytes(cramjam.snappy.compress_raw(b"".join(held)))
        headers = {
            "Content-Encoding": "snappy", "Content-Type": "application/x-protobuf",
            "X-Prometheus-Remote-Write-Version": "0.1.0",
        }  # fmt: skip
        answer = self._http.post("/api/v1/write", content=body, headers=headers)
        if answer.is_error:
            raise ValueError(f"Prometheus refused samples: {answer.text[:500]}")

    def encoded(self, told: ToldSamples) -> Iterator[bytes]:
        """A time series of a write request for each that has samples."""
        ends = [b"\x10" + varint(moment * 1000) for moment in told.times]
        constant: dict[float, bytes] = {}
        for head in [*told.last, *(told.changes.keys() - told.last.keys())]:
            if head in told.changes:
                samples = b"".join(self._varying(told, head, ends))
            else:
                value = told.last[head]
                samples = constant.get(value, b"")
                if not samples:
                    bits = _SAMPLE + struct.pack("<d", value)
                    samples = constant[value] = b"".join(bits + end for end in ends)
            if samples:
                self.samples += len(samples) // (len(_SAMPLE) + 8 + len(ends[0]))
                body = self._labelled(told, head) + samples
                yield b"\x0a" + varint(len(body)) + body

    def _varying(self, told: ToldSamples, head: Head, ends: list[bytes]) -> Iterator[bytes]:
        changes = dict(told.changes[head])
        value = told.last.get(head)
        for tick, end in enumerate(ends):
            if tick in changes:
                value = changes[tick]
                if value is None:
                    yield _SAMPLE + _STALE + end
            if value is not None:
                yield _SAMPLE + struct.pack("<d", value) + end

    def _labelled(self, told: ToldSamples, head: Head) -> bytes:
        key = (told.name, head)
        found = self._labels.get(key)
        if found is None:
            own_labels = (
                dict(head) if isinstance(head, tuple) else {name: _text(value) for name, value in _LABEL.findall(head)}
            )
            name = told.name or str(head).partition("{")[0]
            labels = {"__name__": name, **told.labels, **own_labels}
            pairs = (b"".join(_field(number, text.encode()) for number, text in ((1, label), (2, labels[label])))
                     for label in sorted(labels) if labels[label])  # fmt: skip
            found = self._labels[key] = b"".join(_field(1, pair) for pair in pairs)
        return found


def _field(number: int, content: bytes) -> bytes:
    return bytes((number << 3 | 2,)) + varint(len(content)) + content


def _text(value: str) -> str:
    return re.sub(r"\\(.)", lambda found: {"n": "\n"}.get(found[1], found[1]), value)
