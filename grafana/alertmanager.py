"""Alertmanager's configuration: grouping, inhibition, quiet hours, and the receivers that the settings choose.

What is committed tells nobody, so it starts anywhere.
"""

from typing import Any

from grafana.channels import OPERATIONS, SALES_TEAM, WATCHDOG, receivers
from grafana.look import Look


def config(look: Look) -> dict[str, Any]:
    """The whole configuration."""
    return {
        "route": _route(),
        "inhibit_rules": _inhibitions(),
        "time_intervals": [
            {
                "name": "quiet-hours",
                "time_intervals": [
                    {
                        "times": [
                            {"start_time": "00:00", "end_time": "08:00"},
                            {"start_time": "20:00", "end_time": "24:00"},
                        ],
                        "location": look.timezone,
                    },
                ],
            }
        ],
        "receivers": receivers(look.channels),
    }


def _route() -> dict[str, Any]:
    return {
        "receiver": OPERATIONS,
        "group_by": ["alertname"],
        "group_wait": "5s",
        "group_interval": "1m",
        "repeat_interval": "4h",
        "routes": [
            {
                # It is there always: who hears nothing of it any more knows that alerts reach nobody.
                "matchers": ['alertname="Watchdog"'],
                "receiver": WATCHDOG,
                "group_wait": "0s",
                "group_interval": "1m",
                "repeat_interval": "1m",
            },
            {
                "matchers": ['scope="sales"', 'severity="critical"'],
                "receiver": SALES_TEAM,
                "group_by": ["alertname", "team"],
                "group_wait": "1s",
                "repeat_interval": "30m",
                "mute_time_intervals": ["quiet-hours"],
            },
            {
                "matchers": ['scope="sales"'],
                "receiver": SALES_TEAM,
                "group_by": ["alertname", "team"],
                "group_wait": "30s",
                "mute_time_intervals": ["quiet-hours"],
            },
            {"matchers": ['scope="service"', 'severity="critical"'], "receiver": OPERATIONS, "repeat_interval": "1h"},
        ],
    }


def _inhibitions() -> list[dict[str, Any]]:
    def silenced(source: str, *targets: str, equal: tuple[str, ...] = ()) -> dict[str, Any]:
        return {
            "source_matchers": [f'alertname="{source}"'],
            "target_matchers": [f'alertname=~"{"|".join(targets)}"'],
            **({"equal": list(equal)} if equal else {}),
        }

    return [
        {"source_matchers": ['breaks="sales"'], "target_matchers": ['scope="sales"']},
        silenced("ExporterDown", "ViewStale", "CollectionFailing"),
        silenced("WorkerDown", "LagGrowing", "SlowToView"),
        silenced("ServiceLevelLow", "SlowResponses", "MissedCalls", equal=("team",)),
    ]  # fmt: skip
