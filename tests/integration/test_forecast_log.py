"""What a real log says of deals, for the forecast that knows which were open."""

import json
from datetime import date

from deploy.commands.forecast import said_of_deals
from metrics.settings import ExporterSettings
from producers.publisher import SalesPublisher
from producers.settings import KafkaSettings
from producers.topics import ensure


def _event(kind, number, time, **data):
    data = {"deal_id": f"d-{number}", "client_id": "c-1"} | data
    envelope = {"specversion": "1.0", "id": f"e-{number}-{time}", "source": "crm://a", "type": kind, "time": time}
    return json.dumps(envelope | {"data": data}).encode()


async def test_deals_of_the_log(kafka, topic_prefix):
    """Each version in the base currency, on the local day it was said; deletions; nothing of what is no deal."""
    settings = KafkaSettings(_env_file=None, kafka_servers=kafka, topic_prefix=topic_prefix, partitions=2)
    await ensure(settings)
    deal = {
        "manager_id": "m-1", "team_id": "north", "pipeline": "retail", "stage": "S1", "status": "open",
        "amount": "1250.50", "currency": "RUB", "created_at": "2026-11-02T22:30:00Z",
    }  # fmt: skip
    won = deal | {"status": "won", "closed_at": "2026-11-05T10:00:00Z"}
    async with SalesPublisher(settings) as publisher:
        for value in (
            _event("sales.deal.changed.v1", 1, "2026-11-02T22:30:00Z", **deal),
            _event("sales.deal.changed.v1", 1, "2026-11-05T10:00:00Z", **won),
            _event("sales.deal.changed.v1", 2, "2026-11-03T10:00:00Z", **deal | {"currency": "USD"}),
            _event("sales.deal.deleted.v1", 2, "2026-11-04T10:00:00Z"),
            _event("sales.meeting.held.v1", 3, "2026-11-04T10:00:00Z", meeting_id="v-1", manager_id="m-1"),
            b"no event",
        ):
            await publisher.publish_raw(b"c-1", value)
    business = ExporterSettings(_env_file=None, timezone="Europe/Moscow")
    found = sorted(await said_of_deals(settings, business), key=lambda one: one.at)
    assert [(one.deal, one.at, one.status) for one in found] == [
        ("d-1", date(2026, 11, 3), "open"), ("d-2", date(2026, 11, 4), "deleted"), ("d-1", date(2026, 11, 5), "won"),
    ]  # fmt: skip
    first, _, last = found
    assert (first.team, first.pipeline, first.stage, first.amount) == ("north", "retail", "S1", 1250.5)
    assert (first.created, first.closed) == (date(2026, 11, 3), None)
    assert last.closed == date(2026, 11, 5)
