"""What people see while something is broken: readiness, the wall's answer and real alerts."""

import json
import time
import urllib.request

import pytest

from grafana.alerting.service import EXPORTER_JOB, WORKER_JOB
from tests.faults.run import Run
from tests.faults.seen import Server, is_ready
from tests.support.monitoring import prometheus
from tests.support.servers import kafka_cluster

pytestmark = [pytest.mark.faults, pytest.mark.timeout(400)]

READY_SECONDS, AMBER_SECONDS, ALERT_SECONDS = 10.0, 8.0, 10.0


def firing(url: str) -> set[str]:
    query = "/api/v1/query?query=ALERTS%7Balertstate%3D%22firing%22%7D"
    with urllib.request.urlopen(url + query, timeout=10) as answer:  # noqa: S310 - a server of this test
        return {one["metric"]["alertname"] for one in json.load(answer)["data"]["result"]}


@pytest.mark.parametrize("how", ["frozen", "killed"])
def test_kafka_away(redis, tmp_path, app_id, how):
    """A lone Kafka frozen or killed: every readyz, the wall and an alert say so, and all is well when it is back."""
    with (
        kafka_cluster(tmp_path, 1) as kafka,
        Run("Kafka away", kafka.servers, redis, tmp_path, app_id, replication=1) as run,
    ):
        (worker,) = run.begin("one")
        with Server(run, "exporter") as exporter, Server(run, "gateway") as gateway:
            ready = {"exporter": exporter.ready, "worker": lambda: is_ready(worker), "gateway": gateway.ready}
            run.until(lambda: all(one() for one in ready.values()), 60, "all are ready")
            targets = {EXPORTER_JOB: exporter.address, WORKER_JOB: f"127.0.0.1:{worker.port}"}
            with prometheus(tmp_path / "prometheus", targets) as url:
                run.until(lambda: not firing(url), 30, "nothing fires")
                run.sleep(10)
                node = kafka.nodes[0]
                node.pause() if how == "frozen" else node.kill()
                began, told = time.monotonic(), {}
                while time.monotonic() - began < ALERT_SECONDS + 5:
                    live = exporter.get("/api/v1/live")[1]
                    now = {name: not one() for name, one in ready.items()}
                    now |= {"amber": not live["fresh"], "alert": "NumbersOld" in firing(url)}
                    for what in (name for name, holds in now.items() if holds):
                        told.setdefault(what, time.monotonic() - began)
                    time.sleep(0.2)
                assert live["cause"] == "kafka"
                assert not any(one["known"] for one in live["waiting"])
                assert worker.running, "it waits for Kafka"
                node.resume() if how == "frozen" else node.start()
                run.until(lambda: all(one() for one in ready.values()), 60, "all are ready again, by themselves")
    print(how, {what: round(seconds, 1) for what, seconds in told.items()})
    assert told["amber"] < AMBER_SECONDS
    assert max(told[name] for name in ready) < READY_SECONDS, told
    assert told["alert"] < ALERT_SECONDS
