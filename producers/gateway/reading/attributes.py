"""CloudEvents attributes in HTTP headers, decoded as the HTTP binding says (section 3.1.3.2), or refused by name."""

import re
from collections.abc import Iterable
from urllib.parse import unquote_to_bytes

from producers.errors import Refused
from producers.events.rules import is_source

PREFIX = "ce-"
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"').fullmatch
_ESCAPED = re.compile(r"\\(.)")
_NOT_ATTRIBUTES = frozenset({"data", "data_base64"})
"""Members of the JSON form that no header may put there."""


def read(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The attributes. Names are in lower case, values as Latin-1 gives their bytes. Raises Refused."""
    found: dict[str, str] = {}
    for name, value in headers:
        attribute = name.removeprefix(PREFIX)
        if not name.startswith(PREFIX) or attribute in _NOT_ATTRIBUTES:
            continue
        if attribute in found:
            raise Refused("not_cloudevents", f"{attribute}: header {name} stands twice; send it once")
        found[attribute] = _decoded(name, attribute, value)
        if attribute == "source" and not is_source(found[attribute]) and is_source(value):
            raise Refused(
                "not_cloudevents",
                f"source: header {name} is not a URI-reference once it is decoded; in headers write % as %25, or send "
                "structured mode",
            )
    return found


def _decoded(name: str, attribute: str, value: str) -> str:
    # Quoted values are of older versions of the binding, which has them read for ever.
    if _QUOTED(value):
        value = _ESCAPED.sub(r"\1", value[1:-1])
    if "%" not in value and value.isascii():
        return value
    try:
        # Some clients send UTF-8 as it is, which no HTTP header may hold, and which can mean nothing else.
        return unquote_to_bytes(value.encode("latin-1")).decode()
    except UnicodeDecodeError as error:
        raise Refused(
            "not_cloudevents", f"{attribute}: header {name} is not percent-encoded UTF-8; encode it so"
        ) from error
