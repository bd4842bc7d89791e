"""Whether a portal can be connected: what its webhook may read, and what is missing from the numbers without it."""

import asyncio
from collections.abc import AsyncIterator, Container, Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from producers.connectors.bitrix24.connecting import fields
from producers.connectors.bitrix24.entities import funnels, leads
from producers.connectors.bitrix24.entities.stages import INVOICE_TYPE
from producers.connectors.bitrix24.errors import PortalRefused
from producers.connectors.bitrix24.meaning.sales import DEAL_TYPE, sorts
from producers.connectors.bitrix24.portal.rest import Portal, RestCall, items
from producers.connectors.bitrix24.spool.store import Spool
from producers.connectors.bitrix24.sync.surroundings import Surroundings

_HOOKS = "mark"
"""Cursor that grows with each hook that is taken."""


class Finding(NamedTuple):
    """One thing that was looked at. `fine`: None where it is only worth knowing."""

    what: str
    fine: bool | None
    said: str


class Probe(NamedTuple):
    """One thing that the connector reads, the scope it is in, and what it is for."""

    what: str
    scope: str
    call: RestCall
    use: str


def _items(entity_type: int) -> RestCall:
    return RestCall(
        "crm.item.list", {"entityTypeId": entity_type, "select": ["id"], "order": {"id": "DESC"}, "start": -1}
    )


def _probes(now: datetime) -> tuple[Probe, ...]:
    one = {"select": ["ID"], "start": -1}
    yesterday = (now - timedelta(days=1)).isoformat()
    votes = {"dateVoteFrom": yesterday, "dateVoteTo": now.isoformat(), "offset": 0, "limit": 1}
    history = {"entityTypeId": DEAL_TYPE, "filter": {">ID": 0}, "order": {"ID": "DESC"}, "start": -1}
    recent = {"FILTER": {">=CALL_START_DATE": yesterday}, "start": -1}
    return (
        Probe("deals", "crm", _items(DEAL_TYPE), "won and lost deals, their money, cycle, conversion, pipeline"),
        Probe("stage history", "crm", RestCall("crm.stagehistory.list", history), "when a deal really closed"),
        Probe("leads", "crm", _items(leads.LEAD_TYPE), "leads by temperature, and how soon they are touched"),
        Probe("invoices", "crm", _items(INVOICE_TYPE), "receivables, and what is overdue"),
        Probe("payments", "sale", RestCall("sale.payment.list", {"select": ["id"], "start": -1}), "revenue"),
        Probe("activities", "crm", RestCall("crm.activity.list", one), "meetings, and chats of open lines"),
        Probe("calls", "telephony", RestCall("voximplant.statistic.get", recent), "calls, and those nobody answered"),
        Probe("ratings", "imopenlines", RestCall("imopenlines.v2.Session.Rating.list", votes), "ratings of chats"),
        Probe("employees", "user", RestCall("user.get", {"start": 0}), "names of managers"),
        Probe("departments", "department", RestCall("department.get", {"start": 0}), "teams"),
        Probe("currencies", "crm", RestCall("crm.currency.list", {}), "amounts in other currencies"),
        Probe("contacts", "crm", RestCall("crm.contact.list", one), "one client, whichever number he calls from"),
        Probe("companies", "crm", RestCall("crm.company.list", one), "one client, whichever number he calls from"),
    )


async def check(parts: Surroundings, zone: str) -> AsyncIterator[Finding]:
    """What is found, one thing after the other. Raises PortalClosed, PortalUnavailable where nothing can be asked.

    zone: the business's time zone.
    """
    portal = parts.portal
    for finding in _user(await _asked(portal, "profile"), zone):
        yield finding
    scopes = await _asked(portal, "scope")
    probes = _probes(portal.now)
    outcomes = await portal.outcomes([probe.call for probe in probes])
    for probe, outcome in zip(probes, outcomes, strict=True):
        if not isinstance(outcome, PortalRefused):
            yield Finding(probe.what, True, probe.use)
        elif isinstance(scopes, list) and probe.scope not in scopes:
            yield Finding(probe.what, False, f"tick {probe.scope} in the webhook; without it: no {probe.use}")
        else:
            yield Finding(probe.what, False, f"{outcome.code}: the webhook's user may not; without it: no {probe.use}")
    listed = dict(zip((probe.what for probe in probes), outcomes, strict=True))["currencies"]
    if not isinstance(listed, PortalRefused):
        yield _currency(parts.currency, [str(row.get("CURRENCY")) for row in items(listed)])
    for finding in await _funnels(parts):
        yield finding
    for what, fine, line in await fields.check(parts.portal, parts.mapping):
        yield Finding(what, fine, line)


async def hook(store: Spool, seconds: float, pause: float = 0.5) -> Finding:
    """Whether the gateway takes a hook within so many seconds: it has the same spool."""
    before = store.cursor(_HOOKS)
    for _ in range(int(seconds / pause)):
        await asyncio.sleep(pause)
        if store.cursor(_HOOKS) != before:
            return Finding("hook", True, "the gateway took one")
    return Finding(
        "hook", False,
        "none came: is the gateway running with this spool, is its address (…/v1/bitrix24) the one in the portal's "
        "outgoing webhook, reachable from outside by https, and are the events ticked? A hook that was refused is in "
        "the gateway's log",
    )  # fmt: skip


async def _asked(portal: Portal, method: str, params: dict[str, Any] | None = None) -> Any:
    """What a method says; None where it is refused."""
    (outcome,) = await portal.outcomes([RestCall(method, params or {})])
    return None if isinstance(outcome, PortalRefused) else outcome


def _user(profile: Any, zone: str) -> Iterator[Finding]:
    if not isinstance(profile, dict):
        yield Finding("user", None, "the portal does not say whose webhook it is")
        return
    name = " ".join(str(profile[part]) for part in ("NAME", "LAST_NAME") if profile.get(part)) or profile.get("ID")
    if profile.get("ADMIN"):
        yield Finding("user", True, f"{name}, an administrator: sees everything")
    else:
        yield Finding("user", None, f"{name}, no administrator: what may not be seen is not counted")
    theirs = str(profile.get("TIME_ZONE") or "")
    if theirs:
        same = _offset(theirs) == _offset(zone)
        yield Finding("time zone", True if same else None, f"{theirs} in the portal, SALES_TIMEZONE is {zone}")


def _offset(zone: str) -> timedelta | None:
    try:
        return datetime.now(ZoneInfo(zone)).utcoffset()
    except (ZoneInfoNotFoundError, ValueError):
        return None


def _currency(base: str, listed: list[str]) -> Finding:
    if base in listed:
        return Finding("base currency", True, f"{base}; the portal has {', '.join(listed)}")
    said = f"{base} (SALES_CURRENCY) is not among the portal's ({', '.join(listed)}): amounts stay unconverted"
    return Finding("base currency", False, said)


async def _funnels(parts: Surroundings) -> list[Finding]:
    """Each funnel with its stages, which of them are ready ones, and what keeps those from being counted."""
    try:
        listed = await funnels.read(parts.portal, sorts(parts.mapping).values())
    except PortalRefused as refused:
        return [Finding("funnels", False, f"{refused.code}: walls show ids instead of their names and stages")]
    ready = funnels.ready(parts.mapping.ready_stages, listed, parts.mapping).stages
    found = [
        Finding(
            "funnel" if funnel.id else "lead stages",
            True,
            f"{funnel.name}{_place(funnel, parts.mapping.after_sales)}: "
            + ", ".join(f"{name} ({stage}{', ready' if stage in ready else ''})" for stage, name in funnel.stages),
        )
        for funnel in listed
    ]
    wrong = funnels.not_ready(listed, parts.mapping, parts.ready_stages)
    lost = sorted(set(parts.mapping.after_sales) - {funnel.id for funnel in listed})
    return [
        *found,
        *(Finding("ready stages", False, line) for line in wrong),
        *(Finding("after sales", False, f"after_sales of the mapping: there is no funnel {number}") for number in lost),
    ]


def _place(funnel: funnels.Funnel, after_sales: Container[str]) -> str:
    if not funnel.id:
        return ""
    return f" ({funnel.id}, after the sale)" if funnel.id in after_sales else f" ({funnel.id})"
