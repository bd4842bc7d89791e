"""An alert reaches people by every channel: a real Alertmanager, a real mail server, and servers of chats and hooks."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from deploy.installation import files
from deploy.stack.alertmanager import with_secrets
from grafana import alerting
from grafana.channels import AlertSettings
from grafana.look import Look
from tests.integration.test_alerts import NOON, until, zone_where_it_is
from tests.support.monitoring import alertmanager
from tests.support.receivers import chats, mailbox

pytestmark = [pytest.mark.integration, pytest.mark.timeout(150)]
PUBLIC = {
    "grafana_url": "https://g.example", "public_url": "https://w.example", "runbook_url": "https://r.example/runbook",
}  # fmt: skip
LINKS = ["https://w.example/", "https://g.example/d/sales-", "https://r.example/runbook#callwaitingtoolong"]


def as_sent(look: Look, name: str, **labels: str) -> dict[str, Any]:
    """What Prometheus sends of an alert, with the annotations of its rule."""
    number, alert = next((n, one) for n, one in enumerate(alerting.alerts(look), 1) if one.name == name)
    rule = alert.rule(look, number)
    return {"labels": {"alertname": name, **rule["labels"], **labels}, "annotations": rule["annotations"]}


def test_an_alert_reaches_people_by_every_channel(tmp_path: Path) -> None:
    """With links that lead to this installation; the dead man's switch hears that alerts work, and nothing else."""
    with mailbox() as box, chats() as room:
        for name, secret in {
            "telegram": "123456:a-token", "slack": f"{room.url}/services/hidden", "email": "a-password",
            "webhook": f"{room.url}/hook-hidden", "watchdog": f"{room.url}/ping-hidden",
        }.items():  # fmt: skip
            (tmp_path / name).write_text(f"{secret}\n")
        settings = AlertSettings(
            _env_file=None, alerts_telegram="-100", alerts_slack="#sales", alerts_email="boss@example.com",
            alerts_webhook=f"file,operations={room.url}/of-operations", alerts_watchdog="file",
            alerts_secrets=tmp_path, digest_smtp=f"localhost:{box.port}", digest_smtp_security="none",
            digest_smtp_user="pulse", digest_from="pulse@example.com", digest_telegram_api=room.url, **PUBLIC,
        )  # fmt: skip
        look = replace(Look.of(settings), timezone=zone_where_it_is(NOON))
        config = tmp_path / "alertmanager.yml"
        made = yaml.safe_load(files(look)["alertmanager/alertmanager.yml"])
        config.write_text(yaml.safe_dump(with_secrets(made)))
        with alertmanager(tmp_path / "am", config) as url:
            sent = [as_sent(look, "CallWaitingTooLong", team="A"), as_sent(look, "Watchdog")]
            httpx.post(f"{url}/api/v2/alerts", json=sent).raise_for_status()

            def arrived() -> dict[str, str]:
                return {path: content.decode() for path, _, content in list(room.got)}

            wanted = {"/bot123456:a-token/sendMessage", "/services/hidden", "/hook-hidden", "/ping-hidden"}
            assert until(lambda: arrived().keys() >= wanted and bool(box.letters), 30), (arrived().keys(), box.verbs)
        got = arrived()
        assert got.keys() == wanted, "an alert about sales does not go to who has those of the service only"
        letter = box.letters[0]
        texts = {
            "telegram": json.loads(got["/bot123456:a-token/sendMessage"])["text"],
            "slack": json.loads(got["/services/hidden"])["attachments"][0]["text"],
            "hook": json.dumps(json.loads(got["/hook-hidden"])["alerts"][0]["annotations"]),
            "mail": letter.get_body(("plain",)).get_content(),
        }
        for channel, text in texts.items():
            assert [link for link in LINKS if link not in text] == [], (channel, text)
        assert (letter["to"], letter["subject"]) == ("boss@example.com", "FIRING CallWaitingTooLong")
        told = {path: json.loads(got[path])["alerts"] for path in ("/hook-hidden", "/ping-hidden")}
        names = {path: {one["labels"]["alertname"] for one in alerts} for path, alerts in told.items()}
        assert names == {"/hook-hidden": {"CallWaitingTooLong"}, "/ping-hidden": {"Watchdog"}}
