"""The record behind one alert: rule, words for the one who is woken, and its heading in the runbook."""

from dataclasses import dataclass, field
from typing import Any

from grafana.look import Look

SALES, SERVICE, ALWAYS = "sales", "service", "always"
WARNING, CRITICAL, NONE = "warning", "critical", "none"


@dataclass(frozen=True)
class Alert:
    """One alert.

    expr: PromQL; fires where it has samples for as long as `wait` ("" at once). scope: whom it concerns. breaks: sales
    numbers cannot be trusted while it fires, so it silences sales alerts. summary, description: templates over labels
    and value. dashboard: uid and variables of the wall to look at. means, look, do: the runbook.
    every: how often it is evaluated; seldom where an hour or a week is looked at.
    """

    name: str
    expr: str
    wait: str
    severity: str
    scope: str
    summary: str
    description: str
    dashboard: str
    means: str
    look: str
    do: str
    breaks: bool = False
    every: str = "30s"
    labels: dict[str, str] = field(default_factory=dict)

    def rule(self, look: Look, number: int) -> dict[str, Any]:
        """The alerting rule. number: id of its panel in the runbook dashboard, counted from 1."""
        return {
            "alert": self.name,
            "expr": self.expr,
            **({"for": self.wait} if self.wait else {}),
            "labels": {
                "severity": self.severity,
                "scope": self.scope,
                **({"breaks": SALES} if self.breaks else {}),
                **self.labels,
            },
            "annotations": {
                "summary": self.summary,
                "description": self.description,
                "wall": f"{look.exporter}/",
                "dashboard": f"{look.grafana}/d/{self.dashboard}",
                "runbook_url": self._in_runbook(look, number),
            },
        }

    def _in_runbook(self, look: Look, number: int) -> str:
        """Its heading in a copy of the page, with the anchor that GitHub and others make; else its panel in Grafana."""
        if look.runbook:
            return f"{look.runbook}#{self.name.lower()}"
        return f"{look.grafana}/d/sales-runbook?viewPanel={number}"

    @property
    def markdown(self) -> str:
        """Its text in the runbook, without the heading."""
        silences = " While it fires, sales alerts are silent." if self.breaks else ""
        return (
            f"*{self.scope} · {self.severity} · {f'after {self.wait}' if self.wait else 'at once'}*\n\n"
            f"**What it means.** {self.means}{silences}\n\n"
            f"**What to look at.** {self.look}\n\n"
            f"**What to do.** {self.do}\n\n"
            f"```promql\n{self.expr}\n```\n"
        )


def of_service(
    name: str, expr: str, wait: str, severity: str, summary: str, description: str, means: str, look: str, do: str,
    *, breaks: bool = False, every: str = "5s",
) -> Alert:  # fmt: skip
    """An alert about the service itself: it leads to the wall Service health, is cheap, and so is asked often."""
    return Alert(
        name, expr, wait, severity, SERVICE, summary, description, "sales-service", means, look, do, breaks, every=every
    )
