"""Alerts about clients nobody answered: a call back or a first touch that will be late unless somebody acts now."""

from grafana import targets
from grafana.alerting.alert import SALES, WARNING, Alert
from grafana.alerting.sales import working
from grafana.look import Look
from metrics.catalogue import service, unanswered
from metrics.family import Family


def _late(name: str, family: Family, target: float, what: str, texts: tuple[str, str, str]) -> Alert:
    left = targets.URGENT * target
    means, look_at, do = texts
    return Alert(
        name,
        working(f"{family.name} < {left:g}"),
        "",
        WARNING,
        SALES,
        f"{what} of team {{{{ $labels.team }}}}: {{{{ $value | humanizeDuration }}}} of working time left",
        f"Less than {left:g} s of the target of {target:g} s are left; below 0 it is over. "
        "Anything older than the first live event is left out.",
        "sales-response?var-team={{ $labels.team }}",
        means,
        look_at,
        do,
        every="5s",
    )


def _listed(family: Family, what: str) -> str:
    return (
        f"*To call back* on the wall, worst first; `/api/v1/explain?family={family.name}` of the exporter lists {what}"
    )


def alerts(look: Look) -> tuple[Alert, ...]:
    """Both, before the target is over."""
    missed = (
        "A client called, nobody answered, and nobody has called back. After the next working day it counts as lost.",
        _listed(unanswered.UNRETURNED, "the calls: which client, since when, whose."),
        "Call the client back; an attempt counts. If many are waiting, have another team help out.",
    )
    lead = (
        "A lead is open, and nobody has called, written to or met the client since it was created.",
        _listed(unanswered.UNTOUCHED, "them. If there are many at once: was a list imported as if it were live?"),
        "Call the client. Close a lead that nobody will work on as lost in the CRM.",
    )
    return (
        _late("MissedClientNotCalledBack", service.UNRETURNED_LEFT, look.callback_target, "A missed client", missed),
        _late("LeadUntouched", service.UNTOUCHED_LEFT, look.lead_target, "An untouched lead", lead),
    )
