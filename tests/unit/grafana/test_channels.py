"""One setting names a channel, Alertmanager takes what comes of it, and no secret is in what is generated."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from deploy.installation import files
from deploy.stack.alertmanager import Alertmanager, with_secrets
from grafana.alertmanager import config
from grafana.channels import OPERATIONS, SALES_TEAM, WATCHDOG, AlertSettings
from grafana.look import Look
from tests.support.monitoring import binary

MAIL = {"digest_smtp": "smtp.example.com:587", "digest_from": "pulse@example.com", "digest_smtp_user": "pulse"}
SECRETS = {
    "telegram": "123456:a-token", "slack": "https://hooks.slack.example/services/hidden", "email": "a-password",
    "webhook": "https://hooks.example/hidden", "watchdog": "https://hc-ping.example/hidden",
}  # fmt: skip
EVERYTHING = {
    "alerts_telegram": "-1001234567890, operations=42", "alerts_slack": "#sales",
    "alerts_email": "a@b.example,c@d.example",
    "alerts_webhook": "file,sales=https://hooks.example/of=sales", "alerts_watchdog": "file", **MAIL,
}  # fmt: skip
EACH = [
    {"alerts_telegram": "-100"}, {"alerts_slack": "sales=#sales,operations=#ops"},
    {"alerts_email": "a@b.example", **MAIL},
    {"alerts_webhook": "http://127.0.0.1:9095/alerts"}, {"alerts_webhook": "file"}, {"alerts_watchdog": "file"}, {},
    EVERYTHING,
]  # fmt: skip


def settings(**given: Any) -> AlertSettings:
    return AlertSettings(_env_file=None, **given)


def secrets(folder: Path) -> Path:
    folder.mkdir()
    for name, content in SECRETS.items():
        (folder / name).write_text(f"{content}\n")
    return folder


@pytest.mark.parametrize("given", EACH, ids=lambda given: ",".join(given) or "nobody")
def test_alertmanager_takes_what_the_settings_choose(given: dict[str, str], tmp_path: Path) -> None:
    """As the local stack starts it, whichever release it is: secrets stand in a copy that is its owner's alone."""
    look = Look.of(settings(**given, alerts_secrets=secrets(tmp_path / "secrets")))
    made = files(look)
    assert not [path for path, content in made.items() for one in SECRETS.values() if one.encode() in content]
    generated = tmp_path / "generated" / "alertmanager"
    generated.mkdir(parents=True)
    (generated / "alertmanager.yml").write_bytes(made["alertmanager/alertmanager.yml"])
    Alertmanager(tmp_path / "own", port=1, generated=tmp_path / "generated").prepare()
    own = tmp_path / "own" / "alertmanager.yml"
    assert own.stat().st_mode & 0o077 == 0
    done = subprocess.run([binary("amtool"), "check-config", str(own)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr + own.read_text()
    assert "_file" not in own.read_text()


def test_each_alert_goes_where_its_channel_says() -> None:
    """To both without a word before; the dead man's switch hears of nothing else."""
    found = {one["name"]: one for one in config(Look.of(settings(**EVERYTHING)))["receivers"]}
    assert set(found) == {SALES_TEAM, OPERATIONS, WATCHDOG}
    chats = {name: [one["chat_id"] for one in found[name].get("telegram_configs", [])] for name in found}
    assert chats == {SALES_TEAM: [-1001234567890], OPERATIONS: [-1001234567890, 42], WATCHDOG: []}
    hooks = {name: [one.get("url", one.get("url_file")) for one in found[name]["webhook_configs"]] for name in found}
    assert hooks == {
        SALES_TEAM: ["/run/secrets/webhook", "https://hooks.example/of=sales"],
        OPERATIONS: ["/run/secrets/webhook"],
        WATCHDOG: ["/run/secrets/watchdog"],
    }
    assert [one["to"] for one in found[SALES_TEAM]["email_configs"]] == ["a@b.example", "c@d.example"]
    assert found[SALES_TEAM]["slack_configs"][0]["api_url_file"] == "/run/secrets/slack"


def test_messages_lead_to_walls_and_the_runbook() -> None:
    """Who is woken has all addresses at hand, by the settings, and first what it is about."""
    found = config(Look.of(settings(**EVERYTHING)))["receivers"][0]
    for text in (
        found["telegram_configs"][0]["message"],
        found["slack_configs"][0]["text"],
        found["email_configs"][0]["text"],
    ):
        order = [text.index(f".Annotations.{word}") for word in ("summary", "wall", "dashboard", "runbook_url")]
        assert order == sorted(order)
    links = {
        "grafana_url": "https://g.example",
        "public_url": "https://w.example",
        "runbook_url": "https://r.example/run",
    }
    for group in yaml.safe_load(files(Look.of(settings(**links)))["rules/alerts.yml"])["groups"]:
        for rule in group["rules"]:
            said = rule["annotations"]
            assert said["wall"] == "https://w.example/"
            assert said["dashboard"].startswith("https://g.example/d/")
            assert said["runbook_url"] == f"https://r.example/run#{rule['alert'].lower()}"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"alerts_telegram": "123456:a-token"}, "number 1 is not the number of a chat"),
        ({"alerts_telegram": "-100,@name"}, "number 2 is not the number of a chat"),
        ({"alerts_slack": "https://hooks.slack.example/services/hidden"}, "number 1 is not a channel"),
        ({"alerts_email": "boss"}, "number 1 is not an e-mail address"),
        ({"alerts_email": "a@b.example"}, "SALES_ALERTS_EMAIL needs SALES_DIGEST_SMTP and SALES_DIGEST_FROM"),
        (
            {"alerts_email": "a@b.example", **MAIL, "digest_smtp_security": "tls"},
            "Alertmanager speaks TLS from the start at port 465 only",
        ),
        ({"alerts_webhook": "hooks.example"}, "number 1 is not an http"),
        ({"alerts_watchdog": "hooks.example"}, "alerts_watchdog"),
    ],
)  # fmt: skip
def test_what_cannot_be_reached_is_refused_by_name(given: dict[str, str], said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        settings(**given)
    from deploy.cli import explain

    told = explain(caught.value)
    assert told is not None
    assert said in f"{caught.value}{told[0]}"
    assert "a-token" not in told[0]
    assert "hidden" not in told[0]


REFUSED = {
    "alerts_telegram": ["0", "-0", "007", "9223372036854775808", "-99999999999999999999", "\u0663", "1e3", "+7", "-"],
    "alerts_slack": ["#a b", "a@b", "operation=#a", "{{x}}", "#"],
    "alerts_email": [
        "a(b@c.d", "a:b@c.d", "[x]@c.d", "a\\b@c.d", "{{x@c.d", "a@[1.2.3.4]", "a@b..c", "a..b@c", ".a@b", "a.@b",
        "a@b.", "a@.b", "a\x7f@c.d", "operation=a@b.c", "=a@b.c", "a@b@c", '"a"@b.c',
    ],
    "alerts_webhook": [
        "http://[::1", "http://a%zzb/", "http://h:port/", "http://h:99999/", "http://h:0", "http://#", "http:///x",
        "https://", "http://h/%zz", "http://h/\x7f", "http://user:pass@h/x", "http://token@h/", "https://h/{{.}}",
        "FILE", "ftp://h", "http://h\\x", "http://h^/", "http://h/a b",
    ],
}  # fmt: skip
TAKEN = {
    "alerts_telegram": "1,-1,9223372036854775807,-9223372036854775807,1",
    "alerts_slack": "#цех,@b,C012,a.b-c,operations=#ops",
    "alerts_email": "o'brien@x.de,a+b@c.d,имя@пример.рф,a@localhost,sales=x@y.z",
    "alerts_webhook": "http://[::1]:9095/a,http://h,https://пример.рф/x?a=@b#%41,http://h/'\"<",
    "alerts_watchdog": "https://h:65535/a'b", **MAIL, "digest_smtp": "[::1]:587",
}  # fmt: skip
HIDDEN = ("user:pass", "token@", "{{")


@pytest.mark.parametrize("name", [*REFUSED, "alerts_watchdog"])
def test_what_alertmanager_would_not_take_is_refused_before(name: str) -> None:
    """It would not start, or find out when it has to tell: one line now, which shows nothing of what was set."""
    from deploy.cli import explain

    for to in REFUSED.get(name, REFUSED["alerts_webhook"]):
        with pytest.raises(ValidationError) as caught:
            settings(**{**MAIL, name: to})
        told = explain(caught.value)
        assert told is not None
        assert told[0].startswith(f"SALES_{name.upper()}: "), to
        assert not [one for one in HIDDEN if one in told[0]]


@pytest.mark.parametrize(("name", "value", "said"), [
    ("digest_smtp", "a:b:25", "SALES_DIGEST_SMTP"), ("digest_from", "{{x@b.c", "SALES_DIGEST_FROM"),
    ("digest_telegram_api", "http://[::1", "SALES_DIGEST_TELEGRAM_API"),
])  # fmt: skip
def test_what_carries_alerts_is_what_alertmanager_takes(name: str, value: str, said: str) -> None:
    """A digest goes by the same mail server and API, in another program."""
    with pytest.raises(ValidationError, match=said):
        settings(**{**MAIL, "alerts_email": "a@b.c", "alerts_telegram": "1", name: value})


def test_odd_receivers_are_taken(tmp_path: Path) -> None:
    """What settings let pass Alertmanager takes; nobody is told twice."""
    found = settings(**TAKEN)
    made = tmp_path / "alertmanager.yml"
    look = Look.of(found)
    made.write_text(yaml.safe_dump(with_secrets(config(Look.of(settings(
        **TAKEN, alerts_secrets=secrets(tmp_path / "secrets"))))), allow_unicode=True))  # fmt: skip
    done = subprocess.run([binary("amtool"), "check-config", str(made)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    chats = [one["chat_id"] for one in config(look)["receivers"][0]["telegram_configs"]]
    assert len(chats) == len(set(chats))


@pytest.mark.parametrize(
    ("content", "said"), [(b"", "is empty"), (b" \n", "is empty"), (b"\xff\xfe1", "is not in UTF-8")]
)
def test_a_secret_that_cannot_be_read_is_one_line(tmp_path: Path, content: bytes, said: str) -> None:
    """Names the file, and nothing of what is in it."""
    from deploy.errors import StartError

    secrets(tmp_path / "secrets")
    (tmp_path / "secrets" / "slack").write_bytes(content)
    with pytest.raises(StartError, match=f"secrets/slack: {said}"):
        with_secrets(config(Look.of(settings(alerts_slack="#a", alerts_secrets=tmp_path / "secrets"))))


def test_a_missing_file_of_a_secret_is_one_line(tmp_path: Path) -> None:
    """The local stack names the file and the setting of its folder."""
    from deploy.errors import StartError

    (tmp_path / "alertmanager").mkdir()
    made = files(Look.of(settings(alerts_slack="#sales", alerts_secrets=tmp_path / "none")))
    (tmp_path / "alertmanager" / "alertmanager.yml").write_bytes(made["alertmanager/alertmanager.yml"])
    with pytest.raises(StartError, match=r"none/slack: No such file.*SALES_ALERTS_SECRETS"):
        Alertmanager(tmp_path / "own", port=1, generated=tmp_path).prepare()
