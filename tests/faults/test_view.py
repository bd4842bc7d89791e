"""What people see while something is broken: readiness, the wall's answer and real alerts."""

import json
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from deploy.stack.ports import free_port
from deploy.stack.program import Program
from grafana.alerting.service import EXPORTER_JOB, WORKER_JOB
from tests.faults.run import Run
from tests.support.monitoring import prometheus
from tests.support.servers import kafka_cluster

pytestmark = [pytest.mark.faults, pytest.mark.timeout(400)]

READY_SECONDS, AMBER_SECONDS, ALERT_SECONDS = 10.0, 8.0, 15.0


class Seen:
    """An exporter of a run, and what it says."""

    def __init__(self, run: Run) -> None:
        self.address = f"127.0.0.1:{free_port()}"
        env = {**run.environment, "SALES_EXPORTER_LISTEN": self.address}
        argv = [sys.executable, "-m", "deploy.cli", "exporter"]
        self.program = Program("exporter", argv, log=run.folder / "exporter.log", env=env, cwd=Path.cwd())

    def get(self, path: str) -> tuple[int, dict]:
        try:
            with urllib.request.urlopen(f"http://{self.address}{path}", timeout=10) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)
        except OSError:
            return 0, {}

    def ready(self) -> bool:
        return self.get("/readyz")[0] == 200


def firing(url: str) -> set[str]:
    query = "/api/v1/query?query=ALERTS%7Balertstate%3D%22firing%22%7D"
    with urllib.request.urlopen(url + query, timeout=10) as answer:  # noqa: S310 - a server of this test
        return {one["metric"]["alertname"] for one in json.load(answer)["data"]["result"]}


@pytest.mark.parametrize("how", ["frozen", "killed"])
def test_kafka_away(redis, tmp_path, app_id, how):
    """A lone Kafka frozen or killed: readyz, the wall and an alert say so, and all is well when it is back."""
    with (
        kafka_cluster(tmp_path, 1) as kafka,
        Run("Kafka away", kafka.servers, redis, tmp_path, app_id, replication=1) as run,
    ):
        (worker,) = run.begin("one")
        seen = Seen(run)
        seen.program.start_process()
        try:
            run.until(seen.ready, 60, "the exporter is ready")
            targets = {EXPORTER_JOB: seen.address, WORKER_JOB: f"127.0.0.1:{worker.port}"}
            with prometheus(tmp_path / "prometheus", targets) as url:
                run.until(lambda: not firing(url), 30, "nothing fires")
                run.sleep(10)
                node = kafka.nodes[0]
                node.pause() if how == "frozen" else node.kill()
                began, told = time.monotonic(), {}
                while time.monotonic() - began < ALERT_SECONDS + 5:
                    live = seen.get("/api/v1/live")[1]
                    now = {
                        "amber": not live["fresh"],
                        "unready": not seen.ready(),
                        "alert": "NumbersOld" in firing(url),
                    }
                    for what in (name for name, holds in now.items() if holds):
                        told.setdefault(what, time.monotonic() - began)
                    time.sleep(0.2)
                assert live["cause"] == "kafka"
                assert not any(one["known"] for one in live["waiting"])
                if how == "frozen":
                    node.resume()
                else:
                    node.start()
                run.until(seen.ready, 60, "it is ready again")
        finally:
            seen.program.kill()
    print(how, {what: round(seconds, 1) for what, seconds in told.items()})
    assert told["amber"] < AMBER_SECONDS
    assert told["unready"] < READY_SECONDS
    assert told["alert"] < ALERT_SECONDS
