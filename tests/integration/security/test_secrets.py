"""No secret leaves a process, whatever fails in it: each is run with all of them where it cannot reach its servers."""

import subprocess
import sys
import time
from contextlib import ExitStack

import httpx
import pytest

from deploy.stack.ports import free_port
from tests.integration.security.conftest import ROOT, environment

pytestmark = pytest.mark.integration

SECRETS = {
    "SALES_KAFKA_SASL_PASSWORD": "kafka-5ecret-41",
    "SALES_REDIS_URL": "redis://someone:redis-5ecret-42@127.0.0.1:{port}/0",
    "SALES_IDENTITY_KEY": "identity-5ecret-43",
    "SALES_GATEWAY_TOKENS": "crm://a=token-5ecret-44",
    "SALES_GATEWAY_SECRETS": "crm://b=whsec_c2lnbmF0dXJlLTVlY3JldC00NQ==",
    "SALES_BITRIX24_WEBHOOK_URL": "http://127.0.0.1:{port}/rest/1/portal-5ecret-46/",
    "SALES_BITRIX24_APPLICATION_TOKEN": "application-5ecret-47",
    "SALES_BITRIX24_CLIENT_KEY": "clients-5ecret-48",
    "SALES_BITRIX24_SPOOL": "spool",
}
MARKS = ("5ecret", "c2lnbmF0dXJlLTVlY3JldC00NQ")
_FOR_A_WHILE, _AT_MOST = 8.0, 90.0
COMMANDS = (
    ("worker",), ("exporter",), ("gateway",), ("topics", "create"), ("audit",), ("dead-letters", "list"),
    ("bitrix24", "backfill"), ("bitrix24", "reconcile"), ("import", "events.jsonl"), ("forecast", "backtest"),
)  # fmt: skip


@pytest.mark.parametrize("form", ["json", "text"])
def test_no_secret_is_written(form, tmp_path):
    """Kafka, Redis and the portal refuse the connection; people click on numbers meanwhile."""
    away = free_port()
    settings = {name: value.format(port=away) for name, value in SECRETS.items()} | {
        "SALES_KAFKA_SERVERS": f"127.0.0.1:{away}", "SALES_KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
        "SALES_KAFKA_SASL_USERNAME": "someone", "SALES_LOG_FORMAT": form, "SALES_LOG_LEVEL": "debug",
        "SALES_WORKER_METRICS_LISTEN": f"127.0.0.1:{free_port()}", "SALES_GATEWAY_LISTEN": f"127.0.0.1:{free_port()}",
        "SALES_EXPORTER_LISTEN": f"127.0.0.1:{free_port()}", "SALES_DATA_DIR": str(tmp_path / "data"),
        "PYTHONPATH": str(ROOT),
    }  # fmt: skip
    (tmp_path / "events.jsonl").write_text('{"specversion": "1.0", "id": "1"}\n')
    logs = {arguments: tmp_path / "-".join(arguments) for arguments in COMMANDS}
    with ExitStack() as stack:
        running = {}
        for arguments, log in logs.items():
            out = stack.enter_context(log.open("wb"))
            argv = [sys.executable, "-m", "deploy.cli", *arguments]
            running[arguments] = subprocess.Popen(
                argv, env=environment(**settings), cwd=tmp_path, stdout=out, stderr=subprocess.STDOUT
            )
            stack.callback(running[arguments].kill)
        began = time.monotonic()
        while (took := time.monotonic() - began) < _FOR_A_WHILE or not all(_spoke(logs, running)):
            assert took < _AT_MOST
            _click(settings["SALES_EXPORTER_LISTEN"], settings["SALES_GATEWAY_LISTEN"])
            time.sleep(1)
        for process in running.values():
            process.terminate()
        for process in running.values():
            process.wait(60)
    for arguments, log in logs.items():
        text = log.read_text(errors="replace")
        assert text, (arguments, running[arguments].returncode)
        for mark in MARKS:
            assert mark not in text, (arguments, text[max(0, text.index(mark) - 300) :][:400])


def _spoke(logs, running):
    return (log.stat().st_size or running[arguments].poll() is not None for arguments, log in logs.items())


def _click(exporter, gateway):
    calls = (
        ("GET", f"http://{exporter}/api/v1/explain?family=sales_calls"),
        ("GET", f"http://{exporter}/api/v1/kpis"),
        ("POST", f"http://{gateway}/v1/events"),
    )
    for method, url in calls:
        try:
            httpx.request(method, url, timeout=2, headers={"Authorization": "Bearer token-5ecret-44"}, content=b"{}")
        except httpx.TransportError:
            continue  # it is not up yet


@pytest.mark.parametrize("form", ["json", "text"])
def test_a_traceback_has_no_variables(form):
    """A fault of ours with a password in each frame."""
    code = (
        "import structlog, logging\nfrom deploy.logs import configure\nconfigure({!r})\n"
        "def inner(password):\n    settings = {{'sasl_plain_password': password}}\n    raise RuntimeError('it broke')\n"
        "try:\n    inner('5e' + 'cret')\n"
        "except RuntimeError:\n"
        "    structlog.get_logger('ours').exception('failed')\n    logging.getLogger('theirs').exception('failed')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code.format(form)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stderr.count("it broke") >= 2
    assert "5ecret" not in done.stderr
