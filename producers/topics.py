"""The topics that the contract needs: made with the right settings, compared with what is there.

A topic that a broker made by itself has none of them, and a wrong one (deleted history, a clock that
producers set, compaction of the log) would be noticed only when numbers cannot be rebuilt.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, for_code

from producers.brokers import until
from producers.errors import TopicsError
from producers.settings import KafkaSettings

# Room over the contract's 256 KiB: what is too large shall arrive, to be dead-lettered with its reason.
MAX_MESSAGE_BYTES = 1024 * 1024
HEADERS_ROOM = 64 * 1024
FOREVER = "-1"
CLOCK, BY_SENDER = "message.timestamp.type", "CreateTime"
_BY_BROKER = {CLOCK: "LogAppendTime"}
VISIBLE_SECONDS = 30.0
_ALREADY_EXISTS = 36


@dataclass(frozen=True)
class TopicSpec:
    """A topic as it must be. `config` holds Kafka's topic settings, as text."""

    name: str
    partitions: int
    replication: int
    config: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Topics:
    """What `ensure` did: names it `created`, names it `found`, and `differences` in plain words.

    `clocks`: of the differences those that must be fixed before anything is counted: senders would set the clock.
    """

    created: tuple[str, ...]
    found: tuple[str, ...]
    differences: tuple[str, ...]
    clocks: tuple[str, ...] = ()


def specs(settings: KafkaSettings) -> tuple[TopicSpec, ...]:
    """The topics of the contract: events, reference, identities, dead letters."""
    shared = {
        "max.message.bytes": str(MAX_MESSAGE_BYTES),
        # A majority of the copies has a record before it is acknowledged; one copy is its own majority.
        "min.insync.replicas": str(max(1, settings.replication - 1)),
    }
    keep = {"retention.ms": FOREVER, "retention.bytes": FOREVER}
    return (
        TopicSpec(
            settings.events_topic,
            settings.partitions,
            settings.replication,
            {"cleanup.policy": "delete", **keep, **_BY_BROKER, **shared},
        ),
        TopicSpec(
            settings.reference_topic, 1, settings.replication, {"cleanup.policy": "compact", **_BY_BROKER, **shared}
        ),
        TopicSpec(settings.identities_topic, 1, settings.replication, {"cleanup.policy": "compact", **shared}),
        TopicSpec(
            settings.dead_letters_topic,
            settings.partitions,
            settings.replication,
            # The largest record of the events topic fits with the headers that say why it was refused.
            {"cleanup.policy": "delete", **keep, **shared, "max.message.bytes": str(MAX_MESSAGE_BYTES + HEADERS_ROOM)},
        ),
    )


async def ensure(
    settings: KafkaSettings, topics: Iterable[TopicSpec] | None = None, *, lenient: bool = False
) -> Topics:
    """Create what is missing, wait until it can be used, and say what differs on the rest.

    topics: those of the contract unless others are given. lenient: settings that may not be read are said to differ.
    Nothing that exists is changed. Raises `TopicsError` when Kafka cannot be reached or refuses.
    """
    wanted = {spec.name: spec for spec in (specs(settings) if topics is None else topics)}
    try:
        options = settings.client_options()
    except OSError as error:
        raise TopicsError(f"a certificate file of SALES_KAFKA_SSL_* cannot be used: {error}") from error
    try:
        admin = AIOKafkaAdminClient(**options)
        await admin.start()
    except (KafkaError, OSError) as error:
        raise TopicsError(f"Kafka at {settings.kafka_servers} cannot be reached: {error}") from error
    try:
        there = set(await admin.list_topics())
        missing = [spec for name, spec in wanted.items() if name not in there]
        await _create(admin, missing)
        await _visible(admin, [spec.name for spec in missing])
        found = [spec for name, spec in wanted.items() if name in there]
        differences, clocks = await _compare(admin, found, settings, lenient=lenient)
    except KafkaError as error:
        raise TopicsError(f"Kafka at {settings.kafka_servers} refuses: {type(error).__name__} {error}") from error
    finally:
        await admin.close()
    return Topics(tuple(s.name for s in missing), tuple(s.name for s in found), (*differences, *clocks), tuple(clocks))


async def _create(admin: AIOKafkaAdminClient, missing: list[TopicSpec]) -> None:
    if not missing:
        return
    answer = await admin.create_topics(
        [NewTopic(s.name, s.partitions, s.replication, topic_configs=s.config) for s in missing]
    )
    for name, code, *message in answer.topic_errors:
        # Two processes that start at once both find it missing; one makes it.
        if code not in (0, _ALREADY_EXISTS):
            text = message[0] if message and message[0] else for_code(code).__name__
            raise TopicsError(f"topic {name} cannot be created: {text}")


async def _visible(admin: AIOKafkaAdminClient, names: list[str]) -> None:
    if not names:
        return

    async def without_leader() -> list[str]:
        ready = {
            topic["topic"]
            for topic in await admin.describe_topics(names)
            if topic["error_code"] == 0 and topic["partitions"] and all(p["leader"] >= 0 for p in topic["partitions"])
        }
        return [name for name in names if name not in ready]

    if left := await until(without_leader, lambda names: not names, seconds=VISIBLE_SECONDS):
        raise TopicsError(f"topics {', '.join(left)} have no leader after {VISIBLE_SECONDS:.0f} s; look at the brokers")


async def _compare(
    admin: AIOKafkaAdminClient, found: list[TopicSpec], settings: KafkaSettings, *, lenient: bool
) -> tuple[list[str], list[str]]:
    if not found:
        return [], []
    described = {topic["topic"]: topic for topic in await admin.describe_topics([s.name for s in found])}
    configs, unread = await _configs(admin, [s.name for s in found])
    if unread and not lenient:
        raise TopicsError(unread[0])
    differences, clocks = unread, []
    for spec in found:
        partitions = described[spec.name]["partitions"]
        if len(partitions) != spec.partitions:
            differences.append(
                f"{spec.name} has {len(partitions)} partitions, the settings say {spec.partitions}: "
                "never change it on a topic that holds events, set SALES_PARTITIONS to what is there"
            )
        copies = min((len(p["replicas"]) for p in partitions), default=0)
        if copies != spec.replication:
            differences.append(f"{spec.name} has {copies} copies, the settings say {spec.replication}")
        if spec.name not in configs:
            continue
        differences += [
            f"{spec.name} has {name}={configs[spec.name].get(name)}, the contract needs {value}"
            for name, value in spec.config.items()
            if configs[spec.name].get(name) != value and name != CLOCK
        ]
        if CLOCK in spec.config and configs[spec.name].get(CLOCK) == BY_SENDER:
            clocks.append(_set_clock(spec.name, settings))
    return differences, clocks


def _set_clock(topic: str, settings: KafkaSettings) -> str:
    return (
        f"{topic} has {CLOCK}={BY_SENDER}, so that one wrong clock of a sender could push its numbers ahead for good: "
        f"run kafka-configs.sh --bootstrap-server {settings.kafka_servers} --alter --entity-type topics "
        f"--entity-name {topic} --add-config {CLOCK}=LogAppendTime, or sales-pulse topics create --mend-clock, which "
        "also sends again what of reference data has no broker's time"
    )


async def _configs(admin: AIOKafkaAdminClient, names: list[str]) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """Settings by topic, and what is to be said of topics whose settings may not be read."""
    answers = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name) for name in names])
    configs: dict[str, dict[str, Any]] = {}
    unread: list[str] = []
    for answer in answers:
        for code, message, _kind, name, entries, *_rest in answer.resources:
            if code:
                unread.append(f"the settings of topic {name} cannot be read: {message or for_code(code).__name__}")
            else:
                configs[name] = {entry[0]: entry[1] for entry in entries}
    return configs, unread
