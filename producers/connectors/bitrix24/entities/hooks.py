"""Reads a call of the portal's outgoing webhook: whether it is believed, and which entity it says to look at."""

import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from producers.connectors.bitrix24.entities.parties import Parties
from producers.connectors.bitrix24.errors import HookRefused
from producers.connectors.bitrix24.settings import Bitrix24Settings
from producers.connectors.bitrix24.spool.store import PortalChange, Spool

_WHAT = ("ADD", "UPDATE", "DELETE")
_KINDS = {
    **{f"ONCRM{name}{what}": name.lower() for name in ("DEAL", "LEAD", "ACTIVITY") for what in _WHAT},
    **{f"ONCRM{name}{what}": name.lower() for name in ("CONTACT", "COMPANY") for what in ("ADD", "UPDATE")},
    "ONCRMDEALMOVETOCATEGORY": "deal",
    "ONPAYMENTENTITYSAVED": "payment",
    "ONPAYMENTDELETED": "payment",
}
"""Events that name an entity by its id, and its kind."""
_DYNAMIC = "ONCRMDYNAMICITEM"
_ITEMS = frozenset(f"{_DYNAMIC}{what}" for what in _WHAT)
_CALLS = {"ONVOXIMPLANTCALLINIT", "ONVOXIMPLANTCALLSTART", "ONVOXIMPLANTCALLEND"}
_CLIENTS_NUMBER = {
    **dict.fromkeys(("1", "4"), "data[PHONE_NUMBER]"),
    **dict.fromkeys(("2", "3"), "data[CALLER_ID]"),
}
"""Type of a call that begins → where its client's number stands; the other one of the two is our own line.

Calls of telephony applications have no PHONE_NUMBER: who is called by one is known at its end.
"""
INVOICE_TYPE = "31"
DELETED = ".deleted"
"""Added to the kind of what the portal says is gone, which is then believed more easily."""
_FIELDS = 200
_MEMBER = "member"
"""Cursor of the portal's member_id."""


class HookReader:
    """Believes only one portal's hooks, with its token. processes: smart processes of interest, with their kinds."""

    def __init__(
        self, settings: Bitrix24Settings, parties: Parties, store: Spool, processes: Mapping[str, str]
    ) -> None:
        self._tokens = [token.strip().encode() for token in settings.token.split(",") if token.strip()]
        self._domain = settings.domain
        self._store = store
        self._member = settings.bitrix24_member_id or store.cursor(_MEMBER)
        self._parties = parties
        self._dynamic = {INVOICE_TYPE: "invoice", **processes}

    def read(self, body: bytes) -> tuple[str, PortalChange | None]:
        """The event's name, and the change in it, if any is of interest. Raises `HookRefused`."""
        try:
            pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_FIELDS)
        except ValueError as error:
            raise HookRefused(400, "the body is not a form of the portal's webhook") from error
        form = dict(pairs)
        # Compared first and always, so that the answer tells nothing else to who has no token.
        said = form.get("auth[application_token]", "").encode()
        fits = [hmac.compare_digest(said, token) for token in self._tokens]
        if not any(fits):
            raise HookRefused(401, "application_token is wrong")
        self._check(form.get("auth[domain]", ""), form.get("auth[member_id]", ""))
        name = form.get("event", "").upper()
        if name.startswith(_DYNAMIC):
            # The type may be a part of the name: ONCRMDYNAMICITEMUPDATE_31.
            name, _, kind = name.partition("_")
            form.setdefault("data[FIELDS][ENTITY_TYPE_ID]", kind)
        return name, self._change(name, form)

    def _check(self, domain: str, member: str) -> None:
        """A portal is known by its member_id, which stays when it is renamed; until that is known, by its address."""
        if self._member is None:
            if not _same_host(domain, self._domain):
                raise HookRefused(403, "the hook comes from another portal")
            if member:
                self._member = member
                self._store.save((), {_MEMBER: member})
        elif member != self._member:
            raise HookRefused(403, "the hook comes from another portal")

    def _change(self, name: str, form: Mapping[str, str]) -> PortalChange | None:
        if name in _CALLS:
            return self._call(name, form)
        number = form.get("data[FIELDS][ID]") or form.get("data[FIELDS_BEFORE][ID]") or form.get("data[id]") or ""
        entity_type = form.get("data[FIELDS][ENTITY_TYPE_ID]", "")
        kind = self._dynamic.get(entity_type) if name in _ITEMS else _KINDS.get(name)
        if kind is None:
            return None
        if name.endswith("DELETE") and kind != "activity":
            kind += DELETED
        if not (number.isascii() and number.isdigit() and len(number) < 19):
            raise HookRefused(400, f"{name[:60]} has no id")
        return PortalChange(kind, str(int(number)))

    def _call(self, name: str, form: Mapping[str, str]) -> PortalChange:
        call = form.get("data[CALL_ID]", "")
        if not call or len(call) > 128:
            raise HookRefused(400, f"{name} has no CALL_ID")
        facts: dict[str, Any] = {}
        moment = _seconds(form.get("ts"))
        if name == "ONVOXIMPLANTCALLINIT":
            facts = {"type": form.get("data[CALL_TYPE]", ""), "init_ts": moment}
            if phone := form.get(_CLIENTS_NUMBER.get(facts["type"], "")):
                facts |= self._parties.caller(call, phone)
        elif name == "ONVOXIMPLANTCALLSTART":
            facts = {"user": form.get("data[USER_ID]", ""), "start_ts": moment}
        else:
            facts = {
                "type": form.get("data[CALL_TYPE]", ""),
                **self._parties.caller(call, form.get("data[PHONE_NUMBER]", "")),
                "end_user": form.get("data[PORTAL_USER_ID]", ""),
                "duration": _number(form.get("data[CALL_DURATION]")),
                "began": form.get("data[CALL_START_DATE]", ""),
                "code": form.get("data[CALL_FAILED_CODE]", ""),
                "end_ts": moment,
            }
        return PortalChange("call", call, {key: value for key, value in facts.items() if value not in ("", None)})


def _same_host(told: str, domain: str) -> bool:
    return told.strip().lower().removeprefix("https://").removeprefix("http://").rstrip("/") == domain


def _seconds(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 12 else None


def _number(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 9 else 0


def moment(ts: int) -> datetime:
    """The moment of a hook's `ts`."""
    return datetime.fromtimestamp(ts, UTC)
