"""The threat model names tests that exist, and small promises of it are held here."""

import re
from pathlib import Path

import pytest

from producers.gateway.settings import GatewaySettings
from streams.settings import WorkerSettings

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "deploy" / "docs" / "security.md").read_text()
SECTION = PAGE.partition("## Threats")[2].partition("\n## ")[0]
THREATS = [line for line in SECTION.splitlines() if line.startswith("| ")][2:]


@pytest.mark.parametrize("line", THREATS)
def test_every_threat_has_a_test(line: str) -> None:
    named = re.findall(r"`([\w/]+\.py(?:::\w+)?|tests/[\w/]+)`", line.split("|")[3])
    assert named
    for name in named:
        path, _, function = name.partition("::")
        found = list(ROOT.glob(path)) or list(ROOT.glob(f"tests/**/{path}"))
        assert found, name
        assert not function or f"def {function}(" in found[0].read_text(), name


def test_secrets_never_print(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither in a log of the settings nor in an error."""
    secret = "correct-horse-battery"
    monkeypatch.setenv("SALES_KAFKA_SECURITY_PROTOCOL", "SASL_SSL")
    monkeypatch.setenv("SALES_KAFKA_SASL_USERNAME", "x")
    monkeypatch.setenv("SALES_KAFKA_SASL_PASSWORD", secret)
    monkeypatch.setenv("SALES_REDIS_URL", f"redis://:{secret}@127.0.0.1/0")
    monkeypatch.setenv("SALES_GATEWAY_TOKENS", f"pbx://x={secret}")
    for settings in (WorkerSettings(), GatewaySettings()):
        assert secret not in f"{settings} {settings!r} {settings.model_dump()}"
