"""Stories of money: invoices, payments in parts, refunds, ratings after a sale, and what the floor costs."""

from math import exp

from producers.simulator.calls import score
from producers.simulator.deal import SimulatedDeal
from producers.simulator.market import expected_won, unit
from producers.simulator.rhythm import DAY, HOUR, rfc3339
from producers.simulator.script import Script

_COST_SHARE = {"advertising": 0.2, "software": 0.05, "salary": 0.2}
"""Costs as shares of the profit that is to be expected: payback stays well above nothing."""


def tell_money(script: Script, deal: SimulatedDeal, closed_us: int) -> None:
    """Tell what a won deal brings after `closed_us`."""
    rng = script.rng
    base = {
        "client_id": deal.client,
        "manager_id": deal.manager.id,
        "team_id": deal.manager.team,
        "currency": deal.currency,
    }
    if rng.random() < 0.22:
        rating = script.name("r")
        data = {**base, "rating_id": rating, "score": score(script, deal.manager.skill), "contact_id": deal.id}
        del data["currency"]
        script.say(script.later(closed_us, DAY), "sales.rating.given.v1", rating, data)
    if rng.random() >= deal.pipeline.invoiced:
        _pay(script, base | {"deal_id": deal.id}, deal.amount, closed_us)
        return
    invoice = {
        **base,
        "invoice_id": script.name("i"),
        "amount": f"{deal.amount}.00",
        "status": "issued",
        "issued_at": rfc3339(closed_us),
        "due_at": rfc3339(closed_us + (10 if rng.random() < 0.6 else 21) * DAY),
    }
    _invoice(script, closed_us, invoice, 1)
    named = base | {"deal_id": deal.id, "invoice_id": invoice["invoice_id"]}
    luck = rng.random()
    if luck < 0.02:
        _invoice(script, script.later(closed_us, 3 * DAY), invoice | {"status": "cancelled"}, 2)
    elif luck < 0.06:  # never pays
        if rng.random() < 0.5:
            _invoice(script, closed_us + int(75 * DAY * script.stretch), invoice | {"status": "written_off"}, 2)
    else:
        parts = (1.0,) if luck < 0.6 else (0.5, 0.5) if luck < 0.85 else (0.3, 0.3, 0.4)
        paid, now = 0, closed_us
        for number, part in enumerate(parts, 1):
            if number == len(parts) > 1 and rng.random() < 0.08:
                break  # the last part is never seen
            now = script.later(now, 8 * DAY, most=4.5)
            last = number == len(parts)
            amount = deal.amount - paid if last else int(deal.amount * part)
            paid += amount
            _pay(script, named, amount, now)


def _invoice(script: Script, at_us: int, data: dict[str, str], version: int) -> None:
    id_ = f"{data['invoice_id']}-v{version}"
    script.say(at_us, "sales.invoice.changed.v1", id_, data, sequence=f"{version:012d}")


def _pay(script: Script, named: dict[str, str], amount: int, at_us: int) -> None:
    payment = script.name("p")
    data = {**named, "payment_id": payment, "amount": f"{amount}.00"}
    script.say(at_us, "sales.payment.received.v1", payment, data)
    if script.rng.random() < 0.025:
        back = amount if script.rng.random() < 0.4 else amount // 3
        refund = {**data, "payment_id": f"{payment}-back", "amount": f"{max(1, back)}.00"}
        script.say(script.later(at_us, 5 * DAY), "sales.payment.refunded.v1", f"{payment}-back", refund)


def tell_costs(script: Script, at_us: int, currency: str, volume: float) -> None:
    """Tell the costs booked on the local day of `at_us`; `volume` scales them with the floor's trade."""
    profit = volume * 0.3 * unit(currency)
    day = script.rhythm.day(at_us).isoformat()
    place = f"k-{script.tag}-{day}"
    teams: dict[str, float] = {}
    for manager in script.staff.managers:
        mine = expected_won(1.0, 1.0, 1.0)[1] * profit
        teams[manager.team] = teams.get(manager.team, 0.0) + mine
        if (manager.index + at_us // DAY) % 5 == 0:  # everybody's turn comes every fifth day
            owner = {"manager_id": manager.id, "team_id": manager.team}
            _cost(script, f"{place}-{manager.id}", at_us, currency, "salary", mine * 5, owner)
    for number, (team, whole) in enumerate(teams.items()):
        owner = {"team_id": team}
        for category in ("advertising", "software"):
            moment = at_us + number * HOUR // 20
            _cost(
                script,
                f"{place}-{category}-{number}",
                moment,
                currency,
                category,
                whole,
                {"team_id": team},
            )


def _cost(
    script: Script, id_: str, at_us: int, currency: str, category: str, profit: float, owner: dict[str, str]
) -> None:
    amount = max(1, round(profit * _COST_SHARE[category] * exp(script.rng.gauss(0.0, 0.25))))
    data = {"cost_id": id_, "amount": f"{amount}.00", "currency": currency, "category": category, **owner}
    script.say(at_us, "sales.cost.booked.v1", id_, data)
