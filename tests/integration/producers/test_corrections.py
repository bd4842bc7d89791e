"""A table that is mended and imported again, with the real command and a real Kafka: numbers are those of the table."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from producers.events import DealChanged, wire
from producers.publisher import SalesPublisher
from producers.settings import KafkaSettings
from producers.topics import ensure
from streams.plain.kafka import kafka_log

pytestmark = pytest.mark.integration
MAPPING = """
source: crm://desk
timezone: Europe/Moscow
events:
  - type: {{constant: sales.deal.changed.v1}}
    time: {{column: Closed, format: "%d.%m.%Y"}}
    data:
      deal_id: ID
      client_id: {{column: Client, prefix: "crm-"}}
      manager_id: Owner
      pipeline: {{constant: retail}}
      stage: {{constant: won}}
      status: {{constant: won}}
      amount: {{column: {amount}, decimal: ","}}
      currency: {{constant: RUB}}
      created_at: {{column: Created, format: "%d.%m.%Y"}}
      closed_at: {{column: Closed, format: "%d.%m.%Y"}}
"""
HEADER = "ID;Client;Owner;Price;Amount;Created;Closed\n"
ROWS = {
    "501": "501;1;m-1;10;1000;01.09.2026;21.09.2026\n",
    "502": "502;2;m-1;20;2000;01.09.2026;21.09.2026\n",
    "503": "503;3;m-2;30;3000;01.09.2026;21.09.2026\n",
}


class Desk:
    """A folder with a table and a mapping, whence somebody imports again and again."""

    def __init__(self, folder: Path, settings: KafkaSettings) -> None:
        self.folder = folder
        self.settings = settings
        self.rows = dict(ROWS)
        self.environment = os.environ | {
            "SALES_KAFKA_SERVERS": settings.kafka_servers, "SALES_TOPIC_PREFIX": settings.topic_prefix,
            "SALES_LOG_LEVEL": "error",
        }  # fmt: skip

    def imports(self, *options: str, amount: str = "Amount") -> str:
        table, mapping = self.folder / "deals.csv", self.folder / f"{amount}.yaml"
        table.write_text(HEADER + "".join(self.rows.values()))
        mapping.write_text(MAPPING.format(amount=amount))
        command = [sys.executable, "-m", "deploy.cli", "import", str(table), "--mapping", str(mapping)]
        done = subprocess.run(
            [*command, "--rejects", str(self.folder / "work"), *options],
            env=self.environment, cwd=self.folder, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    async def deals(self) -> dict[str, tuple[str, str]]:
        """Deal → manager and amount, as the versions of the log say."""
        held: dict[str, tuple[tuple, object]] = {}
        async with kafka_log(self.settings) as log:
            for partition, end in (await log.ends(self.settings.events_topic)).items():
                async for chunk in log.read(self.settings.events_topic, partition, 0, end):
                    for record in chunk:
                        event = wire.decode(record.value)
                        version = (event.sequence or "", event.time, event.id)
                        if event.data.deal_id not in held or version > held[event.data.deal_id][0]:
                            held[event.data.deal_id] = version, event
        return {
            name: (event.data.manager_id, event.data.amount)
            for name, (_, event) in held.items()
            if event.type == DealChanged.model_fields["type"].default
        }


def sent(said: str) -> tuple[int, int, int]:
    """Events sent, corrections among them, known already."""
    found = re.search(r"(\d+) events sent(?: \((\d+) of them corrections\))?, (\d+) known already", said)
    assert found, said
    return int(found[1]), int(found[2] or 0), int(found[3])


@pytest.mark.timeout(240)
async def test_mended_and_imported_again(kafka, topic_prefix, tmp_path):
    """A wrong column, an edited row, a day that moved back, a vanished row, a live system: each as the issue has it."""
    settings = KafkaSettings(kafka_servers=kafka, topic_prefix=topic_prefix)
    await ensure(settings)
    desk = Desk(tmp_path, settings)

    assert sent(desk.imports(amount="Price")) == (3, 0, 0)
    assert await desk.deals() == {"501": ("m-1", "10"), "502": ("m-1", "20"), "503": ("m-2", "30")}
    assert sent(desk.imports()) == (3, 3, 0), "a mended mapping corrects"

    desk.rows["501"] = "501;1;m-9;10;1500;01.09.2026;21.09.2026\n"
    desk.rows["502"] = "502;2;m-1;20;2000;01.09.2026;11.09.2026\n"
    assert sent(desk.imports()) == (2, 2, 1), "an edited row whose time did not move, and one whose day moved back"
    assert await desk.deals() == {"501": ("m-9", "1500"), "502": ("m-1", "2000"), "503": ("m-2", "3000")}
    for file in (tmp_path / "work").glob("known-*"):
        file.unlink()
    assert sent(desk.imports()) == (0, 0, 3), "what was known is read from the log again"

    live = DealChanged.of(
        source="crm://live", id="live-1", time="2026-10-01T00:00:00Z", deal_id="503", client_id="crm-3",
        manager_id="m-live", pipeline="retail", stage="won", status="won", amount="3333", currency="RUB",
        created_at="2026-09-01T00:00:00Z", closed_at="2026-09-21T00:00:00Z",
    )  # fmt: skip
    async with SalesPublisher(settings) as publisher:
        await publisher.publish(live)
    desk.rows["503"] = "503;3;m-2;30;9999;01.09.2026;21.09.2026\n"
    said = desk.imports()
    assert sent(said) == (0, 0, 2)
    assert "1 left, as the log has newer from elsewhere" in said

    del desk.rows["501"], desk.rows["503"]
    shown = desk.imports("--withdraw-missing")
    assert "vanished from the files: deal: 1 (501)" in shown, "503 is the live system's"
    assert "run it again with --yes" in shown
    assert "501" in await desk.deals()
    assert "withdrawn: 1" in desk.imports("--withdraw-missing", "--yes")
    assert await desk.deals() == {"502": ("m-1", "2000"), "503": ("m-live", "3333")}
