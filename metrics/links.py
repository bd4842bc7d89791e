"""Where an entity can be looked at in the system that it comes from: addresses by templates of the settings."""

import re
from collections.abc import Mapping
from urllib.parse import quote

_TEMPLATE = re.compile(
    r"(?P<kind>[a-z]+)=(?P<url>https?://[^\s,\"'<>`\\{}@]+(?:\{(?:id|number|client)\}[^\s,\"'<>`\\{}]*)+)"
)
_PLACE = re.compile(r"\{(id|number|client)\}")
_NUMBER = re.compile(r"(\d+)(?:-|$)")

Links = Mapping[str, tuple[str, ...]]
"""Kind of an entity → templates, the first that can be filled counts."""


def links(value: str) -> Links:
    """Templates of a setting, like `deal=https://crm.example.com/deals/{id}`, comma separated. Raises ValueError."""
    found: dict[str, tuple[str, ...]] = {}
    for number, item in enumerate(value.replace(",", " ").split(), 1):
        parsed = _TEMPLATE.fullmatch(item)
        if parsed is None:
            raise ValueError(
                f"number {number} is no kind=address with {{id}}, {{number}} or {{client}} in its path; "
                "write it like deal=https://crm.example.com/deals/{number}/"
            )
        found[parsed["kind"]] = (*found.get(parsed["kind"], ()), parsed["url"])
    return found


def link(known: Links, kind: str, entity: str, client: str) -> str:
    """The address of an entity; "" where there is none. Ids are escaped, so that they lead nowhere else."""
    number = _NUMBER.match(entity)
    values = {"id": entity, "client": client, "number": number[1] if number else ""}
    for template in known.get(kind, ()):
        if all(_fits(values[name]) for name in _PLACE.findall(template)):
            return _PLACE.sub(lambda place: quote(values[place[1]], safe=""), template)
    return ""


def _fits(value: str) -> bool:
    # Browsers take a dot or two in a path for the way up, however they are written.
    return value not in {"", ".", ".."}
