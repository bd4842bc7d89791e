"""One line of call records as a leg: what one channel had to do with the exchange, or with one other channel."""

import re
from typing import NamedTuple

_SERIAL = re.compile(r"-[0-9a-fA-F]{1,10}$")
_EXTENSION = re.compile(r"\d{2,6}")
_EPOCH = re.compile(r"(?:.*-)?(\d{9,10})\.\d+")


class Leg(NamedTuple):
    """Times in seconds since the epoch. `answer` is when the first party was answered, by whomever or whatever."""

    channel: str
    dstchannel: str
    src: str
    dst: str
    context: str
    app: str
    data: str
    start: float
    answer: float | None
    end: float
    disposition: str
    uniqueid: str
    linkedid: str
    sequence: int


def device(channel: str) -> str:
    """The device of a channel: its name without the serial number that each of its calls has."""
    name = channel.partition(";")[0]
    return _SERIAL.sub("", name)


def is_local(channel: str) -> bool:
    """Whether it leads from one place of the exchange to another one; nobody is at its end."""
    return channel.startswith("Local/")


def extension(name: str) -> str:
    """What is dialled to reach a device: 101 of PJSIP/101 and of Local/101@from-queue."""
    return name.partition("/")[2].partition("@")[0]


def is_extension(text: str) -> bool:
    """Whether a number is one of the house: two to six digits."""
    return _EXTENSION.fullmatch(text) is not None


def epoch(uniqueid: str) -> int | None:
    """When a channel came to be, as the exchange numbers them: (system name-)seconds.serial."""
    found = _EPOCH.fullmatch(uniqueid)
    return int(found[1]) if found else None
