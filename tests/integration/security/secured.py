"""A Kafka with TLS, passwords and rights, and a Redis with TLS and a password: real ones, as in production."""

import re
from pathlib import Path

from deploy.stack.kafka import KafkaNode
from deploy.stack.ports import free_port
from deploy.stack.redis import RedisServer
from producers.rights import Right
from producers.settings import KafkaSettings
from tests.support.certificates import Certificate

ROOT = Path(__file__).resolve().parents[3]
ADMIN = "admin"
PASSWORD = "long-and-random-enough"


class SecuredKafka(KafkaNode):
    """One node that takes clients by TLS and SCRAM only, and asks an authorizer what each may do."""

    def __init__(self, folder: Path, tls: Certificate) -> None:
        self.keystore = folder / "server.pem"
        folder.mkdir(parents=True, exist_ok=True)
        self.keystore.write_text(tls.key.read_text() + tls.cert.read_text())
        self.tls = tls
        super().__init__(1, folder, port=free_port(), voters=[(1, free_port())], log=folder / "kafka.log", heap="384m")

    def _java(self, main: str, *arguments: str, heap: str | None = None) -> list[str]:
        if main == "kafka.tools.StorageTool":
            # All other users are made by `sales-pulse rights`.
            arguments = (*arguments, "--add-scram", f"SCRAM-SHA-512=[name={ADMIN},password={PASSWORD}]")
        return super()._java(main, *arguments, heap=heap)

    def _properties(self) -> dict[str, str | int]:
        module = "org.apache.kafka.common.security.scram.ScramLoginModule"
        return {
            **{name: value for name, value in super()._properties().items() if "listener" not in name},
            "controller.listener.names": "CONTROLLER",
            "listeners": f"CLIENTS://127.0.0.1:{self.port},CONTROLLER://127.0.0.1:{dict(self.voters)[1]}",
            "advertised.listeners": f"CLIENTS://127.0.0.1:{self.port}",
            "listener.security.protocol.map": "CLIENTS:SASL_SSL,CONTROLLER:PLAINTEXT",
            "inter.broker.listener.name": "CLIENTS",
            "sasl.enabled.mechanisms": "SCRAM-SHA-512",
            "sasl.mechanism.inter.broker.protocol": "SCRAM-SHA-512",
            "listener.name.clients.scram-sha-512.sasl.jaas.config": (
                f'{module} required username="{ADMIN}" password="{PASSWORD}";'
            ),
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(self.keystore),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(self.tls.cert),
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            # The controller talks to itself on loopback, without a name.
            "super.users": f"User:{ADMIN};User:ANONYMOUS",
        }

    def environment(self, user: str, password: str = PASSWORD, cafile: Path | None = None) -> dict[str, str]:
        """Settings of a process that is this user."""
        return {
            "SALES_KAFKA_SERVERS": self.server,
            "SALES_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
            "SALES_KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
            "SALES_KAFKA_SASL_USERNAME": user,
            "SALES_KAFKA_SASL_PASSWORD": password,
            "SALES_KAFKA_SSL_CAFILE": str(cafile or self.tls.cert),
        }

    def settings(self, user: str) -> KafkaSettings:
        """The same for a client in this process."""
        environment = self.environment(user).items()
        return KafkaSettings(**{name.removeprefix("SALES_").lower(): value for name, value in environment})


class SecuredRedis(RedisServer):
    """One server that takes clients by TLS and with a password only, with the rights that the page lists."""

    def __init__(self, folder: Path, tls: Certificate) -> None:
        super().__init__(folder)
        self.tls = tls
        self.argv[self.argv.index("--port") + 1] = "0"
        self.argv += ["--tls-port", str(self.port), "--tls-auth-clients", "no", "--requirepass", PASSWORD]
        rights = redis_rights().split()
        self.argv += ["--user", "sales", "on", f">{PASSWORD}", *rights]
        self.argv += [
            "--tls-cert-file",
            str(tls.cert),
            "--tls-key-file",
            str(tls.key),
            "--tls-ca-cert-file",
            str(tls.cert),
        ]

    @property
    def url(self) -> str:
        """Address with all that it asks for."""
        return f"rediss://sales:{PASSWORD}@127.0.0.1:{self.port}/0?ssl_ca_certs={self.tls.cert}"


def documented_rights() -> list[Right]:
    """The rights as the page for people has them."""
    text = (ROOT / "deploy" / "docs" / "security.md").read_text()
    rows = re.findall(r"^\| (sales-\w+) \| (\w+) \| (\S+) \| (\w+) \| ([\w, ]+) \|$", text, re.MULTILINE)
    return [Right(*row) for row in rows]


def redis_rights() -> str:
    """The rights in Redis as the page has them."""
    found = re.search(r"In Redis one user with `([^`]+)`", (ROOT / "deploy" / "docs" / "security.md").read_text())
    assert found
    return found[1]
