"""A certificate that runs out is told before: of whom, and when, whichever file it stands in."""

import time
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from metrics.access.access import Access
from metrics.certificates import Certificates, of_redis, runs_out
from metrics.settings import WebSettings
from producers.settings import KafkaSettings
from tests.support.certificates import certificate


def test_every_certificate_that_a_process_has_is_shown(tmp_path: Path) -> None:
    """By what it is for, as the settings name it; read again each time."""
    proof = certificate(tmp_path, "proof")
    (tmp_path / "web.yml").write_text(f"tls_server_config: {{cert_file: {proof.cert}, key_file: {proof.key}}}\n")
    access = Access(WebSettings(_env_file=None, web_config=tmp_path / "web.yml"))
    kafka = KafkaSettings(_env_file=None, kafka_ssl_cafile=str(proof.cert), kafka_ssl_certfile=str(proof.cert))
    redis = f"rediss://u:p@host:6379/0?ssl_ca_certs={proof.cert}&ssl_certfile={tmp_path}/none"
    registry = CollectorRegistry()
    registry.register(Certificates(access.certificates, kafka.certificates, lambda: of_redis(redis)))
    text = generate_latest(registry).decode()
    ends = runs_out(Path(proof.cert), "web")
    assert ends is not None
    assert time.time() < ends
    shown = {
        line.partition('"')[2].partition('"')[0]: float(line.split()[-1]) for line in text.splitlines() if "{" in line
    }
    assert shown == dict.fromkeys(["web", "kafka-authority", "kafka-client", "redis-authority"], ends)


@pytest.mark.parametrize("content", [b"", b"no certificate", b"\xff\xfe", b"-----BEGIN CERTIFICATE-----\nAAAA\n"])
def test_a_file_that_holds_none_has_no_series(content: bytes, tmp_path: Path) -> None:
    """Nothing fails: a scrape goes on."""
    (tmp_path / "file").write_bytes(content)
    assert runs_out(tmp_path / "file", "web") is None
    assert runs_out(tmp_path / "none", "web") is None


def test_of_a_bundle_of_authorities_nobody_knows_which_one_counts(tmp_path: Path) -> None:
    """Of a chain of one's own the first does."""
    text = Path(certificate(tmp_path, "proof").cert).read_text()
    (tmp_path / "chain").write_text(text * 2)
    assert runs_out(tmp_path / "chain", "kafka-authority") is None
    assert runs_out(tmp_path / "chain", "kafka-client") is not None
