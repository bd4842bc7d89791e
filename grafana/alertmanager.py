"""Alertmanager's configuration: grouping, inhibition, quiet hours; and the same with ready examples of receivers.

The plain file tells nobody, so it starts anywhere. An example needs only its address and secret filled in.
"""

from typing import Any

from grafana.look import Look

_WORDS = ("summary", "description", "dashboard", "runbook_url")
_TEXT = "{{ range .Alerts }}" + "".join(f"{{{{ .Annotations.{word} }}}}\n" for word in _WORDS) + "{{ end }}"
_TITLE = "{{ .Status | toUpper }} {{ .CommonLabels.alertname }}"
RECEIVERS: dict[str, dict[str, Any]] = {
    "telegram": {
        "telegram_configs": [{
            "bot_token": "000000000:put-the-token-of-your-bot-here", "chat_id": -1000000000000,
            "parse_mode": "", "message": _TEXT, "send_resolved": True,
        }]
    },
    "slack": {
        "slack_configs": [{
            "api_url": "https://hooks.slack.example/services/put/your/address-here", "channel": "#sales",
            "title": _TITLE, "text": _TEXT, "send_resolved": True,
        }]
    },
    "email": {
        "email_configs": [{
            "to": "sales@example.com", "from": "pulse@example.com", "smarthost": "smtp.example.com:587",
            "auth_username": "pulse@example.com", "auth_password": "put-the-password-here",
            "headers": {"Subject": _TITLE}, "send_resolved": True,
        }]
    },
    "webhook": {"webhook_configs": [{"url": "http://127.0.0.1:9095/alerts", "send_resolved": True}]},
}  # fmt: skip
"""Name of an example → what its receivers hold."""

SALES_TEAM, OPERATIONS = "sales", "operations"


def files(look: Look) -> dict[str, dict[str, Any]]:
    """File name → configuration: the plain one, and one for each example."""
    plain = {"alertmanager.yml": config(look, {})}
    return plain | {f"examples/{name}.yml": config(look, receiver) for name, receiver in RECEIVERS.items()}


def config(look: Look, receiver: dict[str, Any]) -> dict[str, Any]:
    """A whole configuration in which both receivers, sales and operations, are told in the same way."""
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
        "receivers": [{"name": SALES_TEAM, **receiver}, {"name": OPERATIONS, **receiver}],
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
