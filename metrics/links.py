"""Where an entity can be looked at in the system that it comes from: addresses by templates of the settings."""

import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import NamedTuple
from urllib.parse import quote

from metrics.catalogue.titles import ENTITIES

_TEMPLATE = re.compile(
    r"(?P<kind>[a-z]+)(?:@(?P<source>[^\s,=]+))?="
    r"(?P<url>https?://[^\s,\"'<>`\\{}@]+(?:\{(?:id|number|client)\}[^\s,\"'<>`\\{}]*)+)"
)
_PLACE = re.compile(r"\{(id|number|client)\}")
_NUMBER = re.compile(r"(\d+)(?:-|$)")


class Template(NamedTuple):
    """An address with places. source: of which source's entities it is, at its end * for more than one; "" of all."""

    source: str
    url: str

    def is_of(self, source: str) -> bool:
        """Whether entities of a source are looked up there."""
        if self.source.endswith("*"):
            return source.startswith(self.source[:-1])
        return self.source in {"", source}


Links = Mapping[str, tuple[Template, ...]]
"""Kind of an entity → templates, those of a source before those of all; the first that can be filled counts."""


def links(value: str) -> Links:
    """Templates of a setting, comma separated. Raises ValueError.

    Like `deal=https://crm.example.com/deals/{id}`, or of one source `deal@bitrix24://acme.bitrix24.ru=https://…`.
    """
    found: dict[str, tuple[Template, ...]] = {}
    for number, item in enumerate(value.replace(",", " ").split(), 1):
        parsed = _TEMPLATE.fullmatch(item)
        if parsed is None:
            raise ValueError(
                f"number {number} is not kind=address or kind@source=address with {{id}}, {{number}} or {{client}} in "
                "its path; write it like deal=https://crm.example.com/deals/{number}/"
            )
        if parsed["kind"] not in ENTITIES:
            near = get_close_matches(parsed["kind"], ENTITIES, 1)
            meant = f"did you mean {near[0]}?" if near else f"there are {', '.join(ENTITIES)}"
            raise ValueError(f"number {number} is of {parsed['kind']}, which is not a kind of entity; {meant}")
        template = Template(parsed["source"] or "", parsed["url"])
        found[parsed["kind"]] = (*found.get(parsed["kind"], ()), template)
    return {kind: tuple(sorted(held, key=lambda one: not one.source)) for kind, held in found.items()}


def link(known: Links, kind: str, entity: str, client: str, source: str) -> str:
    """The address of an entity; "" where there is none. Ids are escaped, so that they lead nowhere else."""
    number = _NUMBER.match(entity)
    values = {"id": entity, "client": client, "number": number[1] if number else ""}
    for template in known.get(kind, ()):
        if template.is_of(source) and all(_fits(values[name]) for name in _PLACE.findall(template.url)):
            return _PLACE.sub(lambda place: quote(values[place[1]], safe=""), template.url)
    return ""


def _fits(value: str) -> bool:
    # Browsers take a dot or two in a path for the way up, however they are written.
    return value not in {"", ".", ".."}
