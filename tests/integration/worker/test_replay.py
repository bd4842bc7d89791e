"""Dead letters are closed: replayed once and in order, or dismissed; numbers are as if all had been right at once."""

import asyncio
import json
import random
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest
from aiokafka import AIOKafkaProducer
from redis.asyncio import Redis

from metrics.measure import key
from metrics.measure import parts as parts_of
from metrics.view import Keys
from producers.partitioner import partition_for
from producers.topics import ensure
from streams.audit.shown_parts import settled
from streams.letters.letter import REPLAY_OF, make
from streams.plain.calls import HOUR
from streams.plain.kept import PlainHeard, is_kept
from streams.plain.rules import PlainRules
from tests.integration.worker.test_dead_letters import command, event, letters, raw, send
from tests.integration.worker.test_reference_letters import caught_up, rate
from tests.integration.worker.test_reference_letters import send as send_reference
from tests.laws.mixtures import KINDS, encode, key_of
from tests.laws.mixtures import event as drawn
from tests.support.workers import ROOT, house, until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(500)]

COUNT = 3
OPEN = "sales_worker_open_dead_letters"
_TOUCHES = ("lr", "ld", "lt")
"""Codes of the families of first touches."""

KILLED = """
import os, signal, sys
from deploy.cli import main
from streams.letters import closing

closing._BATCH = 20
left = int(sys.argv[1])
mark = closing.Closer._mark

async def dying(self, one, what):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return await mark(self, one, what)

closing.Closer._mark = dying
main(["dead-letters", "replay"])
"""
"""A replay that is killed in the middle of the transaction that has the n-th mark."""


def mixture(rng, count):
    """Events of all types that collide, of two dozen clients; some are sent again as they were."""
    events = []
    for number in range(count):
        if events and rng.random() < 0.1:
            events.append(rng.choice(events[-40:]))
            continue
        one = drawn(
            rng.randrange(len(KINDS)), rng.randrange(4), rng.randrange(8), rng.randrange(200), rng.randrange(2**50)
        )
        world = rng.randrange(12)
        data = {
            name: f"{world}-{value}" if name.endswith("_id") and name not in ("manager_id", "team_id") else value
            for name, value in one["data"].items()
        }
        events.append({**one, "id": f"e-{number}", "data": data})
    return events


def split(rng, events):
    """Some events that came right, and the rest.

    Of a chat what came right comes first, as it counts in log order; of a lead too, as its first temperature is what
    was folded first: an earlier version that comes later is stale.
    """
    right, wrong, broken = [], [], set()
    for one in events:
        ordered = one["data"].get("chat_id") or one["data"].get("lead_id")
        is_wrong = ordered in broken or rng.random() < (0.1 if ordered else 0.4)
        if is_wrong and ordered:
            broken.add(ordered)
        (wrong if is_wrong else right).append(one)
    return right, wrong


def is_told(worker):
    """Whether the worker answers, and says how many letters are open."""
    return any(name == OPEN for name, _ in worker.metrics())


async def publish(one, events):
    await send(one, [(key_of(e).encode(), encode(e), partition_for(key_of(e).encode(), COUNT), []) for e in events])


async def refuse(one, events, rng):
    """Write letters of events as workers did before the contract took them: wherever they lay, in the broker's time."""
    offsets = dict.fromkeys(range(COUNT), 0)
    async with AIOKafkaProducer(bootstrap_servers=one.kafka_servers) as producer:
        done = []
        for moment, bad in enumerate(events):
            lay = rng.randrange(COUNT)
            record = SimpleNamespace(
                offset=offsets[lay], key=rng.choice([None, b"x", key_of(bad).encode()]), value=encode(bad),
                timestamp=1_790_000_000_000 + moment, headers=[("content-type", b"application/cloudevents+json")],
            )  # fmt: skip
            offsets[lay] += 1
            refused = SimpleNamespace(record=record, reason="wrong_partition", detail="d")
            letter = make(refused, one.kafka.events_topic, lay, "before")
            done.append(
                await producer.send(
                    one.kafka.dead_letters_topic, key=letter.key, value=letter.value, headers=letter.headers,
                    partition=lay,
                )
            )  # fmt: skip
        await asyncio.gather(*done)


async def parts(one):
    """Every number that is shown of a house and still kept now, and who waits."""
    redis = Redis.from_url(one.redis_url)
    try:
        view = await settled(redis, Keys(one.app_id), 60)
    finally:
        await redis.aclose()
    rules, now = PlainRules.of(one.business), PlainHeard(int(time.time() * 10**6))
    # Messages touch leads in the order of the log, which a replay is another one of.
    told = {
        name: {measure: n for measure, n in part.items() if parts_of(measure)[0] not in _TOUCHES}
        for name, part in view.parts.items()
    }
    kept = {
        name: part
        for name, part in told.items()
        if is_kept(name[0], name[1], view.beats[name[2]]["time"], now, rules) and any(part.values())
    }
    times = {number: beat["time"] for number, beat in view.beats.items()}
    waiting = {
        number: sorted(wait for wait in waits if wait.channel == "chat" or wait.start + HOUR > times[number])
        for number, waits in view.waiting.items()
    }
    return kept, times, waiting


@pytest.mark.parametrize("seed", [pytest.param(1, marks=pytest.mark.slow), 2])
async def test_numbers_are_as_if_right_at_once(seed, kafka, redis_url, topic_prefix, app_id, tmp_path):
    """Whatever was refused, in whatever order it lay, and however often the replay was killed in a transaction."""
    rng = random.Random(seed)
    events = mixture(rng, 1500)
    right, wrong = split(rng, events)
    with (
        house(kafka, redis_url, f"{topic_prefix}-a", f"{app_id}-a", tmp_path / "a") as late,
        house(kafka, redis_url, f"{topic_prefix}-b", f"{app_id}-b", tmp_path / "b") as prompt,
    ):
        for one in (late, prompt):
            await ensure(one.kafka)
        await publish(prompt, events)
        await publish(late, right)
        await refuse(late, wrong, rng)
        worker = late.worker()
        prompt.worker()
        await until(lambda: worker.total(OPEN) == len(wrong), 120, "open letters counted")
        for left in (0, len(wrong) // 3, len(wrong) // 3):
            killed = await asyncio.to_thread(
                subprocess.run, [sys.executable, "-c", KILLED, str(left)], env=late.environment, cwd=ROOT,
                capture_output=True, check=False, timeout=60,
            )  # fmt: skip
            assert killed.returncode == -9, killed.stderr
        assert 0 < len(command(late, "list", "--json", "--limit", "9999")) < len(wrong)
        last = command(late, "replay")
        assert last[0].startswith("sent "), last
        assert command(late, "replay")[0] == "sent 0"
        await until(lambda: is_told(worker) and worker.total(OPEN) == 0, 60, "none open")
        # What ends a replay's transactions lies at the end of the log, and is no event that waits.
        await until(lambda: is_told(worker) and worker.total("sales_worker_lag_records") == 0, 60, "no lag")
        for one in (late, prompt):
            report = await one.verdict()
            assert report.is_equal, report.lines()
            assert report.records == len(events)
        (shown, *others), (expected, *other) = await parts(late), await parts(prompt)
        assert others == other
        assert {name for name in shown | expected if shown.get(name) != expected.get(name)} == set()


async def test_what_cannot_be_mended_stays_one_letter(house):
    """Replaying it sends nothing and doubles nothing; it is open until it is dismissed."""
    worker = house.worker()
    await until(lambda: worker.owned() == {0, 1, 2}, 120, "all partitions owned")
    bad = [(b"c-1", b"{%d" % n, partition_for(b"c-1", COUNT), []) for n in range(5)]
    unheard = raw(event(source="crm://b", type="sales.unheard.of.v9"))
    await send(house, [*bad, (b"c-1", unheard, partition_for(b"c-1", COUNT), [])])
    await until(lambda: worker.total(OPEN) == 6, 60, "six open")
    for _ in range(3):
        told = command(house, "replay")
        assert told[0] == "sent 0"
        assert "6 cannot be fixed" in told[1]
    dry = command(house, "replay", "--dry-run", "--source", "crm://b")
    assert [line for line in dry if line.startswith("not sent  ") and "unknown_type: type: none of this topic" in line]
    assert len(await letters(house)) == 6
    assert worker.total("sales_worker_dead_letters_total") == 6
    asked = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-m", "deploy.cli", "dead-letters", "dismiss"], env=house.environment,
        cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=60,
    )  # fmt: skip
    assert asked.returncode == 2
    assert b"--yes" in asked.stderr
    assert command(house, "dismiss", "--source", "crm://b", "--dry-run")[0] == "1 dead letters:"
    assert command(house, "dismiss", "--source", "crm://b", "--yes")[-1] == "dismissed 1"
    await until(lambda: worker.total(OPEN) == 5, 60, "five open")
    assert {json.loads(line)["event_source"] for line in command(house, "list", "--json")} == {""}
    assert len(command(house, "list", "--json", "--all")) == 6
    assert command(house, "dismiss", "--yes")[-1] == "dismissed 5"
    assert command(house, "list") == ["no open dead letters"]
    worker.kill()
    again = house.worker()
    await until(lambda: again.owned() == {0, 1, 2}, 120, "owned again")
    await asyncio.sleep(3)
    assert again.total(OPEN) == 0
    report = await house.verdict()
    assert report.is_equal, report.lines()


async def test_a_replay_that_fails_again_is_the_same_letter(house):
    """Its record names the one that it is a replay of: one is open, not two."""
    worker = house.worker()
    await until(lambda: worker.owned() == {0, 1, 2}, 120, "all partitions owned")
    lay = partition_for(b"c-1", COUNT)
    await send(house, [(b"c-1", raw(event()), lay, []), (b"c-1", b"{", lay, [])])
    await until(lambda: worker.total(OPEN) == 1, 60, "one open")
    (first,) = await letters(house)
    await send(house, [(b"c-1", b"[]", lay, [(REPLAY_OF, first.source.encode())])])
    await until(lambda: worker.total("sales_worker_dead_letters_total") == 2, 60, "refused again")
    await until(lambda: len(command(house, "list", "--json")) == 2, 30, "written")
    again = json.loads(command(house, "list", "--json")[-1])
    assert (again["reason"], again["replay_of"]) == ("not_cloudevents", first.source)


async def test_reference_data_is_replayed(house):
    """With the right key; once; and never an older version behind the one that counts."""
    worker = house.worker()
    await until(lambda: worker.owned() == {0, 1, 2}, 120, "all partitions owned")
    newer = rate(id="r-9", time="2026-02-05T10:00:00Z")
    euro = rate(data={"currency": "EUR", "date": "2026-01-05", "rate": "99"})
    end = await send_reference(
        house, [(b"x", raw(rate())), (b"rate:USD:2026-01-05", raw(newer)), (b"x", raw(euro)), (b"x", b"{")]
    )
    await caught_up(house, end)
    await until(lambda: worker.total(OPEN) == 3, 60, "three open")
    told = command(house, "replay")
    assert told[0] == "sent 1: wrong_key 1"
    assert any("rate:USD:2026-01-05 is there already" in line for line in told)
    await until(lambda: worker.total(OPEN) == 2, 60, "two open")
    assert command(house, "replay")[0] == "sent 0"
    await caught_up(house, end + 1)
    report = await house.verdict()
    assert report.is_equal, report.lines()
    assert report.compared["reference records"] == 2


async def test_list_shows_the_latest_whole(house):
    """The last so many by time, of all partitions, with the remedy whole in one line; filters by source and time."""
    worker = house.worker()
    await until(lambda: worker.owned() == {0, 1, 2}, 120, "all partitions owned")
    for number in range(12):
        one = event(id=f"e-{number}", source=f"crm://{number % 2}", data={"meeting_id": "x", "client_id": "c"})
        await send(house, [(b"c", raw(one), partition_for(b"c", COUNT) if number % 2 else number % COUNT, [])])
        if number == 5:
            middle = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 1))
            await asyncio.sleep(1.5)
    await until(lambda: worker.total(OPEN) == 12, 60, "twelve open")
    latest = [json.loads(line) for line in command(house, "list", "--json", "--limit", "4")]
    assert [json.loads(one["value"])["id"] for one in latest] == ["e-8", "e-9", "e-10", "e-11"]
    lines = command(house, "list", "--limit", "4")
    assert len([line for line in lines if line.endswith(latest[0]["detail"])]) == 4
    assert lines[4:] == [
        "12 dead letters:",
        "        6  invalid_data       crm://0",
        "        6  invalid_data       crm://1",
    ]
    assert len(command(house, "list", "--json", "--source", "crm://1")) == 6
    assert len(command(house, "list", "--json", "--until", middle)) == 6
    assert len(command(house, "list", "--json", "--since", middle, "--source", "crm://1")) == 3
    assert len(command(house, "list", "--json", "--since", "1h")) == 12


async def test_a_recount_of_replayed_chats_changes_nothing(house):
    """What was refused, and is right by now, goes on to count where its replay lies; what was dismissed does not."""
    await ensure(house.kafka)
    lay = partition_for(b"cl-1", COUNT)

    def said(number, minute, author, **more):
        data = {"chat_id": "ch-1", "client_id": "cl-1", "author": author, **more}
        return event(id=f"c-{number}", type="sales.chat.message.v1", time=f"2026-11-23T10:{minute:02}:00Z", data=data)

    chat = [
        said(0, 0, "client"),
        said(1, 5, "manager", manager_id="m-1"),
        said(2, 6, "client"),
        said(3, 7, "manager", manager_id="m-2"),
    ]
    await send(house, [(b"cl-1", raw(one), lay, []) for one in chat])
    async with AIOKafkaProducer(bootstrap_servers=house.kafka_servers) as producer:
        for offset, reason in ((1, "unknown_type"), (3, "invalid_data")):
            record = SimpleNamespace(
                offset=offset, key=b"cl-1", value=raw(chat[offset]), timestamp=1_790_000_000_000, headers=[]
            )
            refused = SimpleNamespace(record=record, reason=reason, detail="not yet")
            letter = make(refused, house.kafka.events_topic, lay, house.app_id)
            await producer.send_and_wait(
                house.kafka.dead_letters_topic, letter.value, letter.key, lay, headers=list(letter.headers)
            )
    assert command(house, "replay", "--reason", "unknown_type")[0] == "sent 1: unknown_type 1"
    assert command(house, "dismiss", "--reason", "invalid_data", "--yes")[-1] == "dismissed 1"
    house.worker()
    report = await house.verdict()
    assert report.is_equal, report.lines()
    shown, _, waiting = await parts(house)
    days = {name[3]: part for name, part in shown.items() if name[0] == "d"}
    assert {who: part[key("r", "chat", "first", "s")] for who, part in days.items()} == {"m-1": 360 * 10**6}
    assert not any(waiting.values())
