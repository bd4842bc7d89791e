"""Clients in tables: a field that is resolved by the identities, and the list of clients that feeds them."""

import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

import msgspec

from producers.errors import Refused
from producers.events.rules import ID_LENGTH
from producers.identities import Resolver
from producers.importer.cells import text
from producers.importer.errors import ImportProblem
from producers.importer.formats import EventOrigin
from producers.importer.ids import id_text
from producers.importer.mapping import MappedColumn, MappingFile, Names
from producers.importer.places import ColumnPlaces, Row, finder

ID, PHONE, EMAIL = "client_id", "phone", "email"
_SEVERAL = re.compile(r"[;,|/\n]+").split
_NUMBER = re.compile(r"\+[\d\s()-]{8,}", re.ASCII).fullmatch
_MAIL = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@.]{2,}").fullmatch
NO_KEY = (
    "set SALES_IDENTITY_KEY to the secret that all ways in have (16 characters or more): without it nobody knows "
    "clients by their numbers, and no name is hidden"
)


def hasher(spec: MappedColumn, places: ColumnPlaces) -> Callable[[str], str] | None:
    """What hides names, where the mapping says so. Raises ImportProblem where there is no key."""
    if not spec.hash:
        return None
    if places.hashed is None:
        raise ImportProblem(NO_KEY)
    return places.hashed


def client_taker(spec: MappedColumn, places: ColumnPlaces, resolver: Resolver | None) -> Callable[[Row], str | None]:
    """What takes a row's client. Raises ImportProblem where there are no identities."""
    if resolver is None:
        raise ImportProblem(NO_KEY)
    as_id = partial(id_text, ID)
    own = finder(spec, places, as_id) if spec.columns else None
    hashed = hasher(spec, places)
    phones = [places.at[column] for column in spec.phone or ()]
    emails = [places.at[column] for column in spec.email or ()]

    unreadable = (
        f"client_id: what stands in {' and '.join(spec.addresses)} is neither a phone number nor an address; a number "
        "like 7,92E+10 was shortened by a spreadsheet: make the column one of text, and export again"
    )

    def take(row: Row) -> str | None:
        mine = as_id(own(row)) if own is not None else ""
        address = [mine] if is_address(mine) else []
        mine = mine and spec.prefix + (mine if hashed is None else hashed(mine))
        if mine and spec.listed and (standing := resolver.listed(mine)) != mine:
            return standing
        hashes = resolver.hashes(_cells(row, phones), _cells(row, emails))
        if address and (named := resolver.hashes(address, address)):
            hashes, mine = list(dict.fromkeys(hashes + named)), ""  # whose id is a number is known by its hash
        if hashes:
            return resolver.match(hashes, mine).client
        if not mine and spec.default is None and any(text(row[place]) for place in phones + emails):
            raise Refused("invalid_data", unreadable)
        return mine or (None if spec.default is None else str(spec.default))

    return take


def is_address(written: str) -> bool:
    """Whether a client's id is a phone number with its country, or an e-mail address."""
    return (written[:1] == "+" and _NUMBER(written) is not None) or ("@" in written and _MAIL(written) is not None)


def _cells(row: Row, places: list[int]) -> Iterator[str]:
    """The numbers or addresses in some cells, of which one may have several."""
    for place in places:
        if cell := text(row[place]):
            yield from _SEVERAL(cell)


class ListedClient(NamedTuple):
    """A row of a client list."""

    client: str
    phones: tuple[str, ...]
    emails: tuple[str, ...]


class ClientRows:
    """Reads a client list as `RowMapper` reads other tables; what it makes of a row is a `ListedClient`."""

    origin: EventOrigin | None = None

    def __init__(self, header: Names) -> None:
        named = {name: name.strip().casefold() for name in header}
        self.file = MappingFile.model_validate({"source": "clients", "events": [_NOTHING]})
        self._phones = [name for name, plain in named.items() if plain.startswith(PHONE)]
        self._emails = [name for name, plain in named.items() if plain.startswith(EMAIL)]
        self._id = next(name for name, plain in named.items() if plain == ID)
        self.columns = {self._id, *self._phones, *self._emails}
        self.amounts: set[str] = set()
        self.plain_clients: set[str] = set()
        self.hashed: Callable[[str], str] | None = None

    def bind(self, places: ColumnPlaces) -> Callable[[Row], tuple[bytes, ...]]:
        """Return what makes a row's record. It raises Refused."""
        at = places.at
        phones, emails = [at[name] for name in self._phones], [at[name] for name in self._emails]

        def make(row: Row) -> tuple[bytes, ...]:
            client = id_text(ID, row[at[self._id]])
            if not 1 <= len(client) <= ID_LENGTH:
                raise Refused("invalid_data", f"{ID}: {client[:60]!r} must have 1 to {ID_LENGTH} characters")
            listed = ListedClient(client, tuple(_cells(row, phones)), tuple(_cells(row, emails)))
            return (msgspec.json.encode(listed),) if listed.phones or listed.emails else ()

        return make

    def bind_many(self, places: ColumnPlaces, width: int) -> None:
        """Rows are made one by one."""
        del places, width

    def why_none(self, row: Row, places: ColumnPlaces) -> str:
        """Why a row says nothing."""
        del row, places
        return "it has neither a phone nor an email"


_NOTHING = {"type": {"constant": "sales.meeting.held.v1"}, "time": {"constant": ""}, "data": {}}
"""A list makes no events; the mapping that tables have needs one."""


def is_client_list(names: Names) -> bool:
    """Whether a header is that of a client list."""
    plain = [name.strip().strip('"').casefold() for name in names]
    return ID in plain and any(name.startswith((PHONE, EMAIL)) for name in plain)
