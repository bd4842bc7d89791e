"""What the files of one of three hosts say: Kafka, Redis and Sentinel, and the settings of our own processes."""

import uuid
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

PRIMARY = "sales-pulse"
"""What Sentinel calls the Redis that is written to."""
_STATE = "/var/lib/sales-pulse"


@dataclass(frozen=True)
class Hosts:
    """addresses: of all three, in the same order everywhere. this: which one. password: of Redis and Sentinel.

    allowed: addresses and networks besides them that may reach Kafka, Redis and Sentinel.
    """

    addresses: tuple[str, ...]
    this: str
    password: str
    allowed: tuple[str, ...] = ()

    @property
    def number(self) -> int:
        """Of this host, from 1."""
        return self.addresses.index(self.this) + 1


def _lines(pairs: Mapping[str, object], sign: str) -> str:
    return "".join(f"{name}{sign}{value}\n" for name, value in pairs.items())


def kafka(hosts: Hosts) -> str:
    """A broker and controller; three copies of everything, of which two must have a record."""
    voters = ",".join(f"{number}@{address}:9093" for number, address in enumerate(hosts.addresses, 1))
    cluster = uuid.uuid5(uuid.NAMESPACE_DNS, ",".join(hosts.addresses))
    return _lines(
        {
            "sales.pulse.cluster.id": urlsafe_b64encode(cluster.bytes).decode().rstrip("="),
            "process.roles": "broker,controller",
            "node.id": hosts.number,
            "controller.quorum.voters": voters,
            "controller.listener.names": "CONTROLLER",
            "listeners": f"PLAINTEXT://{hosts.this}:9092,CONTROLLER://{hosts.this}:9093",
            "advertised.listeners": f"PLAINTEXT://{hosts.this}:9092",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "log.dirs": f"{_STATE}/kafka/data",
            "auto.create.topics.enable": "false",
            "default.replication.factor": 3,
            "min.insync.replicas": 2,
            "offsets.topic.replication.factor": 3,
            "offsets.topic.num.partitions": 8,
            "transaction.state.log.replication.factor": 3,
            "transaction.state.log.min.isr": 2,
            "transaction.state.log.num.partitions": 8,
            # A broker that is silent for so long is dead to the others.
            "broker.session.timeout.ms": 6000,
            "broker.heartbeat.interval.ms": 1500,
            "replica.lag.time.max.ms": 10000,
            "group.initial.rebalance.delay.ms": 0,
            "group.min.session.timeout.ms": 1000,
            "log.cleaner.dedupe.buffer.size": 16 << 20,
        },
        "=",
    )


def redis(hosts: Hosts) -> str:
    """The view, kept in memory alone; the first host's is the primary until Sentinel decides otherwise."""
    lines: dict[str, object] = {
        "bind": f"{hosts.this} 127.0.0.1",
        "port": 6379,
        "dir": f"{_STATE}/redis",
        "requirepass": hosts.password,
        "masterauth": hosts.password,
        "save": '""',
        "appendonly": "no",
        "maxmemory": "768mb",
        "maxmemory-policy": "noeviction",
        "replica-announce-ip": hosts.this,
        "repl-diskless-sync": "yes",
        "repl-diskless-sync-delay": 0,
        "repl-timeout": 10,
    }
    if hosts.number > 1:
        lines["replicaof"] = f"{hosts.addresses[0]} 6379"
    return _lines(lines, " ")


def sentinel(hosts: Hosts) -> str:
    """Two of three decide that the primary is gone, five seconds after it was heard last."""
    named = f"sentinel {{}} {PRIMARY}"
    return _lines(
        {
            "bind": f"{hosts.this} 127.0.0.1",
            "port": 26379,
            "dir": f"{_STATE}/sentinel",
            "requirepass": hosts.password,
            "sentinel sentinel-pass": hosts.password,
            "sentinel announce-ip": hosts.this,
            named.format("monitor"): f"{hosts.addresses[0]} 6379 2",
            named.format("auth-pass"): hosts.password,
            named.format("down-after-milliseconds"): 5000,
            named.format("failover-timeout"): 20000,
            named.format("parallel-syncs"): 1,
        },
        " ",
    )


def common(hosts: Hosts) -> str:
    """Settings that are the same on all hosts, the business's among them."""
    secret = quote(hosts.password, safe="")
    sentinels = ",".join(f"{address}:26379" for address in hosts.addresses)
    return "# The same on all hosts. How the business is measured goes here, too: see SETTINGS.md.\n" + _lines(
        {
            "SALES_KAFKA_SERVERS": ",".join(f"{address}:9092" for address in hosts.addresses),
            "SALES_REPLICATION": 3,
            "SALES_REDIS_URL": f"redis+sentinel://:{secret}@{sentinels}/{PRIMARY}/0?sentinel_password={secret}",
            "SALES_STORE": "rocksdb",
            "SALES_STANDBY_REPLICAS": 1,
            "SALES_WEB_CONFIG": "/etc/sales-pulse/web/web.yml",
            "SALES_LOG_FORMAT": "json",
        },
        "=",
    )


def own(hosts: Hosts) -> str:
    """Settings of this host alone."""
    return _lines(
        {
            "SALES_WORKER_ID": f"worker-{hosts.number}",
            "SALES_DATA_DIR": f"{_STATE}/worker",
            "SALES_WORKER_METRICS_LISTEN": f"{hosts.this}:9809",
            "SALES_EXPORTER_LISTEN": f"{hosts.this}:9808",
            "SALES_GATEWAY_LISTEN": f"{hosts.this}:8080",
            "SALES_LEDGER_URL": f"sqlite:///{_STATE}/ledger/ledger.sqlite",
            "SALES_BITRIX24_SPOOL": f"{_STATE}/bitrix24",
        },
        "=",
    )


def fence(hosts: Hosts) -> str:
    """A drop-in: nobody but the three hosts, and who else is allowed, reaches Kafka, Redis and Sentinel."""
    return "[Service]\nIPAddressDeny=any\nIPAddressAllow=localhost\n" + "".join(
        f"IPAddressAllow={address}\n" for address in (*hosts.addresses, *hosts.allowed)
    )
