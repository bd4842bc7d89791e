"""How a sender asks for its events to be treated: the parameters in the address, where a slip must not go unseen."""

from difflib import get_close_matches
from typing import NamedTuple
from urllib.parse import parse_qsl

from producers.errors import ProducersError

_SWITCHES = ("dry_run", "partial")
_TOKEN = "access_token"  # noqa: S105 - a parameter's name, by CloudEvents' web hooks
_WORDS = {"true": True, "1": True, "false": False, "0": False}
_MOST = 20


class BadParameter(ProducersError):  # noqa: N818 - what the request has
    """A parameter is unknown, stated twice, or has no value that it can have (400)."""


class AskedOf(NamedTuple):
    """`dry_run`: judge, send nothing. `partial`: send what is good. `token`: "" where the address has none."""

    dry_run: bool = False
    partial: bool = False
    token: str = ""


_PLAIN = AskedOf()


def read(query: bytes) -> AskedOf:
    """From the address's query. Raises BadParameter."""
    if not query:
        return _PLAIN
    try:
        pairs = parse_qsl(query.decode(), keep_blank_values=True, max_num_fields=_MOST)
    except ValueError as error:
        raise BadParameter("the address has parameters that cannot be read") from error
    found: dict[str, str] = {}
    for name, value in pairs:
        if name not in (*_SWITCHES, _TOKEN):
            near = get_close_matches(name.lower(), _SWITCHES, n=1)
            hint = f"did you mean {near[0]}?" if near else f"leave it out; there are {' and '.join(_SWITCHES)}"
            raise BadParameter(f"parameter {name[:60]!r} is unknown; {hint}")
        if name in found:
            raise BadParameter(f"parameter {name} stands twice; send it once")
        found[name] = value
    dry_run, partial = (_switch(name, found.get(name, "false")) for name in _SWITCHES)
    return AskedOf(dry_run, partial, found.get(_TOKEN, ""))


def _switch(name: str, value: str) -> bool:
    if value.lower() not in _WORDS:
        raise BadParameter(f"parameter {name} is neither true nor false")
    return _WORDS[value.lower()]
