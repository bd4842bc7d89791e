"""The files of a backup: a manifest, and records as compressed JSON Lines, each file with its checksum."""

import base64
import gzip
import hashlib
import json
import os
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from isal import igzip

from streams.errors import StreamsError

FORMAT = 1
MANIFEST = "manifest.json"
_LEVEL = 2


class BackupError(StreamsError):
    """A backup cannot be taken, read or restored; the text says what to do."""


class BackupRecord(NamedTuple):
    """A record as it is kept. at: when it came, Unix ms."""

    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...] = ()
    at: int = 0


def read_manifest(folder: Path) -> dict[str, Any]:
    """What a folder holds; empty where there is no backup yet. Raises BackupError."""
    path = folder / MANIFEST
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise BackupError(f"{path} cannot be read: {error}") from error
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise BackupError(f"{path} is of another format than {FORMAT}, which this version reads")
    return found


def write_manifest(folder: Path, manifest: dict[str, Any]) -> None:
    """Write it whole: until then the folder is what it was."""
    write_whole(folder / MANIFEST, (json.dumps(manifest, indent=1, ensure_ascii=False) + "\n").encode())


def write_records(folder: Path, name: str, records: Iterable[BackupRecord]) -> dict[str, Any]:
    """Write a file of records; what the manifest says of it."""
    lines = [_line(record) for record in records]
    content: bytes = igzip.compress(b"".join(lines), _LEVEL)
    write_whole(folder / name, content)
    return {"name": name, "records": len(lines), "sha256": digest(content)}


def read_records(folder: Path, about: dict[str, Any]) -> Iterator[BackupRecord]:
    """The records of a file, checked first. Raises BackupError."""
    content = checked(folder, about)
    try:
        text: bytes = gzip.decompress(content)
        for line in text.splitlines():
            yield _kept(msgspec.json.decode(line))
    except (ValueError, KeyError, TypeError, EOFError, OSError, zlib.error) as error:
        raise BackupError(f"{folder / about['name']} holds no records: {error}") from error


def checked(folder: Path, about: dict[str, Any]) -> bytes:
    """A file's content. Raises BackupError when it is not what was written."""
    path = folder / about["name"]
    try:
        content: bytes = path.read_bytes()
    except OSError as error:
        raise BackupError(f"{path}: {error.strerror}; the backup is not whole") from error
    if digest(content) != about["sha256"]:
        raise BackupError(f"{path} is not what was written: its checksum differs; take it from another copy")
    return content


def digest(content: bytes) -> str:
    """The checksum that a manifest has of a file."""
    return hashlib.sha256(content).hexdigest()


def keep_file(folder: Path, name: str, content: bytes) -> dict[str, Any]:
    """Write any other file; what the manifest says of it."""
    write_whole(folder / name, content)
    return {"name": name, "sha256": digest(content)}


def _line(record: BackupRecord) -> bytes:
    said: dict[str, Any] = {"at": record.at}
    _put(said, "key", record.key)
    _put(said, "value", record.value)
    if record.headers:
        said["headers"] = [
            [name, None if raw is None else base64.b64encode(raw).decode()] for name, raw in record.headers
        ]
    return msgspec.json.encode(said) + b"\n"


def _put(said: dict[str, Any], name: str, raw: bytes | None) -> None:
    """As text where it is text, which people and other programs can read."""
    if raw is None:
        return
    try:
        said[name] = raw.decode()
    except UnicodeDecodeError:
        said[f"{name}_base64"] = base64.b64encode(raw).decode()


def _kept(said: dict[str, Any]) -> BackupRecord:
    headers = tuple((name, None if raw is None else base64.b64decode(raw)) for name, raw in said.get("headers", ()))
    return BackupRecord(_got(said, "key"), _got(said, "value"), headers, said["at"])


def _got(said: dict[str, Any], name: str) -> bytes | None:
    if f"{name}_base64" in said:
        return base64.b64decode(said[f"{name}_base64"])
    text = said.get(name)
    return None if text is None else str(text).encode()


def write_whole(path: Path, content: bytes, mode: int | None = None) -> None:
    """Write a file so that it is there whole or not at all; mode: its permissions."""
    beside = path.with_name(f".{path.name}.new")
    with beside.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    if mode is not None:
        beside.chmod(mode)
    beside.replace(path)
