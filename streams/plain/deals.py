"""What a client's deals add: created, closed, money, repeat sales, and what is open."""

from collections.abc import Iterable, Iterator, Mapping

from metrics.catalogue.deals import (
    CLOSED,
    COSTED,
    CREATED,
    DURATION,
    PROFIT,
    REPEAT_AMOUNT,
    REPEAT_DEALS,
    SIZE,
    WON_AMOUNT,
)
from metrics.catalogue.money import MONEY_EVENTS, OPEN_MONEY_EVENTS
from metrics.catalogue.now import CLIENTS_READY, OPEN_DEALS, PIPELINE, WEIGHTED
from producers.events import wire
from producers.events.wire.structs.deals import DealChangedData
from streams.plain.contribution import Contribution, OpenThing
from streams.plain.exact import moment, ten_thousandths, trillionths
from streams.plain.rules import PlainRules

Deal = wire.DealChanged | wire.DealDeleted

NAMES: Mapping[type, tuple[str, str]] = {wire.DealChanged: ("deal", "deal_id"), wire.DealDeleted: ("deal", "deal_id")}
"""Kind of the entity that an event is a version of, and the field that is its id."""


def _closed_at(deal: wire.DealChanged) -> int:
    """When a won or lost deal was closed, us; the contract requires it."""
    return moment(deal.data.closed_at or deal.time)


def contributions(deals: Iterable[wire.DealChanged]) -> Iterator[Contribution]:
    """Everything with a window that the latest versions of one client's deals add."""
    deals = list(deals)
    wins = sorted((_closed_at(deal), deal.data.deal_id) for deal in deals if deal.data.status == "won")
    for deal in deals:
        data = deal.data
        who = (data.manager_id, data.team_id or "")
        what = ("deal", data.deal_id, data.client_id)
        created = moment(data.created_at)
        yield Contribution(CREATED.code, (data.pipeline,), *who, created, 1, *what)
        if data.status == "open":
            continue
        closed = _closed_at(deal)
        yield Contribution(CLOSED.code, (data.pipeline, data.status), *who, closed, 1, *what)
        if data.status != "won":
            continue
        amount = ten_thousandths(data.amount)
        labels, money = (data.pipeline,), (*what, data.currency)
        yield Contribution(WON_AMOUNT.code, labels, *who, closed, amount, *money)
        yield Contribution(MONEY_EVENTS, (), *who, closed, 1, *money)
        yield Contribution(SIZE.code, labels, *who, closed, amount, *money)
        yield Contribution(DURATION.code, labels, *who, closed, closed - created, *what)
        if (closed, data.deal_id) != wins[0]:
            yield Contribution(REPEAT_DEALS.code, labels, *who, closed, 1, *what)
            yield Contribution(REPEAT_AMOUNT.code, labels, *who, closed, amount, *money)
        if data.cost is not None:
            yield Contribution(PROFIT.code, labels, *who, closed, amount - ten_thousandths(data.cost), *money)
            yield Contribution(COSTED.code, labels, *who, closed, amount, *money)


def open_things(deals: Iterable[wire.DealChanged], rules: PlainRules) -> Iterator[OpenThing]:
    """What the open ones among the latest versions of one client's deals are now."""
    ready: dict[str, wire.DealChanged] = {}
    for deal in deals:
        data = deal.data
        if data.status != "open":
            continue
        who = (data.manager_id, data.team_id or "")
        what = ("deal", data.deal_id, data.client_id)
        labels, amount = (data.pipeline, data.stage), ten_thousandths(data.amount)
        yield OpenThing(OPEN_DEALS.code, labels, *who, 1, *what)
        yield OpenThing(PIPELINE.code, labels, *who, amount, *what, data.currency)
        yield OpenThing(OPEN_MONEY_EVENTS, (), *who, 1, *what, data.currency)
        if data.probability is not None:
            weighted = amount * trillionths(data.probability)
            yield OpenThing(WEIGHTED.code, labels, *who, weighted, *what, data.currency)
        if is_ready(data, rules):
            other = ready.get(data.manager_id)
            if other is None or _latest(deal) > _latest(other):
                ready[data.manager_id] = deal
    for manager, deal in ready.items():
        client = deal.data.client_id
        yield OpenThing(CLIENTS_READY.code, (), manager, deal.data.team_id or "", 1, "client", client, client)


def _latest(deal: wire.DealChanged) -> tuple[int, str]:
    """By what the team of a ready client is chosen."""
    return moment(deal.time), deal.data.deal_id


def is_ready(data: DealChangedData, rules: PlainRules) -> bool:
    """Whether an open deal makes its client ready to close."""
    if data.stage in rules.ready_stages:
        return True
    return data.probability is not None and trillionths(data.probability) >= trillionths(rules.ready_probability)
