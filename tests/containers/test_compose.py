"""docker-compose.yml and the Dockerfile keep their promises, as far as can be read without an engine."""

import ast
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.stack.prometheus import ALIGNED, PAST
from grafana.channels import AlertSettings
from metrics.digest.settings import CarrierSettings, DigestSettings
from metrics.settings import ExporterSettings, LoginSettings, PastSettings, PublicSettings, WebSettings
from producers.connectors.bitrix24.settings import Bitrix24Settings
from producers.gateway.settings import GatewaySettings
from producers.identities import IdentitySettings
from producers.rights import users
from producers.settings import KafkaSettings
from streams.ledger.settings import LedgerSettings
from streams.settings import WorkerSettings

ROOT = Path(__file__).resolve().parents[2]
ONE_SHOT = {"topics", "audit", "backup", "operator", "promtool", "rights", "walls", "web"}
"""Services that do one thing and end: how they end is their health."""
NO_SETTINGS = {"SALES_LOG_FORMAT", "SALES_LOG_LEVEL", "SALES_PROMETHEUS_URL", "SALES_PAST_URL", "SALES_DASHBOARDS"}
"""A flag of the command line, and what Grafana's provisioning reads."""


def compose() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return content


def services() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = compose()["services"]
    return found


def dockerfile() -> str:
    return (ROOT / "deploy" / "Dockerfile").read_text()


def known_settings() -> set[str]:
    ours = (WorkerSettings, LedgerSettings, ExporterSettings, PastSettings, PublicSettings, WebSettings)
    classes = (*ours, AlertSettings, LoginSettings, DigestSettings, GatewaySettings, Bitrix24Settings, IdentitySettings)
    return {f"SALES_{name.upper()}" for kind in classes for name in kind.model_fields} | NO_SETTINGS


@pytest.mark.parametrize("name", sorted(services()))
def test_service_is_bounded_and_watched(name: str) -> None:
    """Memory, processors, processes, logs and what is written into memory have limits; somebody looks after it."""
    service = services()[name]
    limits = service["deploy"]["resources"]["limits"]
    assert limits.keys() == {"memory", "cpus", "pids"}
    assert all("size=" in tmpfs for tmpfs in service.get("tmpfs", ()))
    assert service["logging"]["options"]["max-size"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "healthcheck" in service or name in ONE_SHOT


def test_nobody_can_write_beside_his_volumes() -> None:
    assert all(service["read_only"] is True for service in services().values())


VOLUMES = {
    "KAFKA": ("/var/lib/kafka/data", "/etc/kafka/secrets", "/mnt/shared/config"),
    "REDIS": ("/data",),
    "PROMETHEUS": ("/prometheus",),
    "ALERTMANAGER": ("/alertmanager",),
}
"""Variable of an image → folders that it declares as volumes, which stay behind where nothing is mounted."""


@pytest.mark.parametrize("kind", VOLUMES)
def test_every_volume_of_an_image_has_a_name(kind: str) -> None:
    """Or is memory; the stand-ins, which the test that starts everything runs, have the same."""
    stand_in = (ROOT / f"deploy/containers/stand-ins/{kind.lower()}.Dockerfile").read_text()
    assert set(VOLUMES[kind]) == set(re.findall(r"/[\w/]+", re.findall(r"^VOLUME .*$", stand_in, re.MULTILINE)[0]))
    for name, service in services().items():
        if service["image"].startswith(f"${{{kind}_IMAGE"):
            mounted = [entry.split(":")[1] for entry in service.get("volumes", [])]
            mounted += [entry.split(":")[0] for entry in service["tmpfs"]] if "tmpfs" in service else []
            assert set(VOLUMES[kind]) <= set(mounted), name


@pytest.mark.parametrize("name", ["prometheus", "past"])
def test_the_stand_in_for_prometheus_knows_every_flag(name: str, tmp_path: Path) -> None:
    """Debian's is of an older release than the one that compose names: it comes as far as its configuration."""
    program = shutil.which("prometheus")
    if not program:
        pytest.skip("Debian's Prometheus is not installed")
    own = [
        argument
        for argument in services()[name]["command"]
        if not argument.startswith(("--config.file=", "--web.external-url="))
    ]
    own = [re.sub(r"\$\{\w+:-(.*)\}", r"\1", argument) for argument in own]
    done = subprocess.run(
        [ROOT / "deploy/containers/stand-ins/prometheus.sh", *own, f"--config.file={tmp_path / 'none.yml'}"],
        cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert "none.yml: no such file" in done.stderr


def test_the_stand_in_for_prometheus_keeps_to_its_share(tmp_path: Path) -> None:
    """What the newer release would find out by itself is told to Go, in bytes."""
    fake = tmp_path / "prometheus"
    fake.write_text('#!/bin/sh\necho "$@" ${GOMEMLIMIT:-none}\n')
    fake.chmod(0o755)
    said = subprocess.run(
        [ROOT / "deploy/containers/stand-ins/prometheus.sh", "--one", "--auto-gomemlimit.ratio=0.75", "--two"],
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}"}, capture_output=True, text=True, timeout=30, check=True,
    ).stdout  # fmt: skip
    assert re.fullmatch(r"--one --two (none|\d+)\n", said)


def test_a_worker_begins_by_removing_folders_of_workers_that_are_no_more(tmp_path: Path) -> None:
    """Those that nobody has written into for a day, and nothing is said about it, nor where the volume is empty."""
    program = tmp_path / "bin" / "sales-pulse"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\necho "$1"\n')
    program.chmod(0o755)
    data = tmp_path / "data"
    data.mkdir()
    shell, option, script = services()["worker"]["entrypoint"]
    script = script.replace("$$", "$").replace("/data", str(data))

    def begin() -> tuple[str, str]:
        path = f"{program.parent}:{os.environ['PATH']}"
        done = subprocess.run([shell, option, script], env={"PATH": path}, capture_output=True, text=True, check=True)
        return done.stdout, done.stderr

    assert begin() == ("worker\n", "")
    for name in ("here", "gone"):
        (data / name).mkdir()
        (data / name / "lock").touch()
    for path in (data / "gone" / "lock", data / "gone"):
        os.utime(path, (0, 0))
    assert begin() == ("worker\n", "")
    assert [path.name for path in data.iterdir()] == ["here"]


def test_networks_keep_apart_who_has_no_business() -> None:
    """Kafka and Redis have no way out, and who faces people or senders from outside no way to them but by name."""
    networks = compose()["networks"]
    assert networks["back"]["internal"] is networks["monitoring"]["internal"] is True
    assert networks["front"]["driver_opts"] == {"com.docker.network.bridge.enable_icc": "false"}
    on = {name: set(service.get("networks", ())) for name, service in services().items()}
    assert on["kafka"] == on["redis"] == {"back"}
    assert {name for name, found in on.items() if "back" in found} == {
        "kafka", "redis", "topics", "worker", "ledger", "exporter", "gateway", "history",
        "simulator", "audit", "operator", "backup", "nightly-backup", "postgres",
    }  # fmt: skip
    assert {name for name, found in on.items() if not found} == {"rights", "web", "walls", "promtool"}
    for name, service in services().items():
        assert ("ports" in service) is bool(on[name] & {"front", "sso"}) or name == "digest", name
        if not on[name]:
            assert service["network_mode"] == ("service:kafka" if name == "rights" else "none")


def test_every_process_is_its_own_user_of_kafka() -> None:
    """By the rights of the page; its password is a file in its own folder, and there for `rights`, too."""
    given = {name: environment(service).get("SALES_KAFKA_SASL_USERNAME") for name, service in services().items()}
    assert {name: user for name, user in given.items() if user} == {
        "topics": "sales-topics", "worker": "sales-worker", "ledger": "sales-ledger", "gateway": "sales-gateway",
        "simulator": "sales-gateway", "audit": "sales-ledger", "operator": "sales-operator",
        "backup": "sales-backup", "nightly-backup": "sales-backup",
    }  # fmt: skip
    properties = (ROOT / "deploy/containers/kafka/server.properties").read_text()
    assert "CLIENTS:SASL_PLAINTEXT" in properties
    assert "StandardAuthorizer" in properties
    listeners = re.findall(r"\b(\w+)://([\w.]*):", properties.split("advertised")[0])
    assert [name for name, host in listeners if host != "127.0.0.1"] == ["CLIENTS"]


def test_nothing_is_left_behind_or_taken_for_a_failure() -> None:
    """No volume without a name; what `up --wait` waits for ends only where another service waits for its end."""
    assert "VOLUME" not in dockerfile()
    awaited = {
        other
        for service in services().values()
        for other, condition in service.get("depends_on", {}).items()
        if condition["condition"] == "service_completed_successfully"
    }
    profiled = {name for name, service in services().items() if "profiles" in service}
    assert ONE_SHOT - profiled <= awaited
    needed = {
        other for name, service in services().items() if name != "grafana" for other in service.get("depends_on", {})
    }
    assert "grafana" not in needed, "who wants none scales it to 0"


def test_images_are_named_exactly() -> None:
    """A tag like `8` is another image each month; Prometheus is newer than CVE-2026-40179."""
    named = re.findall(r"\$\{(?:[A-Z0-9_]+_IMAGE|PULSE_BASE):-([^}$]+)\}", (ROOT / "docker-compose.yml").read_text())
    assert len(set(named)) == 8
    for image in named:
        # PostgreSQL's own releases have two numbers.
        parts = r"\d+\.\d+" if image.startswith("postgres:") else r"v?\d+\.\d+\.\d+"
        assert re.fullmatch(rf"[\w./-]+:{parts}(-[\w.-]+)?", image), image
    assert f"ARG BASE={next(image for image in named if image.startswith('python'))}\n" in dockerfile()
    (prometheus,) = {image for image in named if "prom/prometheus" in image}
    assert tuple(map(int, prometheus.partition(":v")[2].split("."))) >= (3, 11, 3)


def test_pinned_images_are_told_from_others(tmp_path: Path) -> None:
    """`deploy/pin-images --check` knows an old pin from today's tag."""
    (tmp_path / "deploy").mkdir()
    shutil.copy(ROOT / "deploy" / "pin-images", tmp_path / "deploy")
    shutil.copy(ROOT / "docker-compose.yml", tmp_path)
    named = dict(
        re.findall(r"\$\{([A-Z0-9_]+_IMAGE|PULSE_BASE):-([^}$]+)\}", (tmp_path / "docker-compose.yml").read_text())
    )

    def check() -> tuple[int, str]:
        done = subprocess.run([tmp_path / "deploy/pin-images", "--check"], capture_output=True, text=True, check=False)
        return done.returncode, done.stdout

    code, said = check()
    assert code == 1
    assert said.count("is not pinned") == len(named)
    pins = "".join(f"{variable}={image}@sha256:{'a' * 64}\n" for variable, image in named.items())
    (tmp_path / ".env").write_text(pins)
    assert check() == (0, "")
    (tmp_path / ".env").write_text(pins.replace(named["KAFKA_IMAGE"], "apache/kafka:3.0.0"))
    assert check() == (1, f"KAFKA_IMAGE is pinned to another image than {named['KAFKA_IMAGE']}\n")


def test_our_processes_hear_the_engine() -> None:
    """Python as process 1 would not hear SIGTERM where it has not asked for it; Redis is full before it is killed."""
    for name, service in services().items():
        assert service.get("init") is True or "PULSE_IMAGE" not in service["image"], name
    server = " ".join(services()["redis"]["command"])
    assert "maxmemory 768mb" in server
    assert "maxmemory-policy noeviction" in server
    assert services()["redis"]["deploy"]["resources"]["limits"]["memory"] == "1g"


REACHES: dict[str, tuple[tuple[type, ...], set[str]]] = {
    "worker": ((WorkerSettings,), {"SALES_DATA_DIR", "SALES_WORKER_ID"}),
    "exporter": ((ExporterSettings, WebSettings, LoginSettings), set()),
    "gateway": ((GatewaySettings, Bitrix24Settings, IdentitySettings, WebSettings), set()),
    "ledger": ((LedgerSettings, WebSettings), set()),
    "walls": ((PublicSettings,), set()),
    "history": ((PastSettings,), set()),
    "digest": ((DigestSettings, LoginSettings), set()),
}
"""Service → the classes of its settings, and those that compose decides otherwise."""
OF_THE_STACK = {
    "SALES_CALENDAR", "SALES_REPLICATION", "SALES_REDIS_URL", "SALES_WEB_PASSWORD",
    *(f"SALES_{name.upper()}" for name in KafkaSettings.model_fields if name.startswith(("kafka_s", "kafka_ssl"))),
}  # fmt: skip
"""A file of one's own, and how its own Kafka is reached: with an override file. Passwords are files in .secrets."""


@pytest.mark.parametrize("name", REACHES)
def test_every_setting_reaches_its_container(name: str) -> None:
    """What stands in .env is not silently ignored."""
    classes, decided = REACHES[name]
    wanted = {f"SALES_{field.upper()}" for kind in classes for field in kind.model_fields}
    assert wanted - decided - OF_THE_STACK <= set(environment(services()[name])), name


def test_ports_are_published_on_loopback_only() -> None:
    """Neither Kafka nor Redis is published at all; nothing listens to the world."""
    for name, service in services().items():
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:"), name
    assert not {"kafka", "redis", "worker"} & {name for name, service in services().items() if "ports" in service}


def test_no_secret_has_a_default() -> None:
    """Whoever starts it without passwords is told, not let in; none stands where `docker inspect` shows it."""
    text = (ROOT / "docker-compose.yml").read_text()
    assert set(re.findall(r"\$\{([A-Z0-9_]+):\?[^}]*\}", text)) == {"PULSE_SECRETS"}
    for name, service in services().items():
        for variable, value in environment(service).items():
            if re.search(r"PASSWORD|TOKEN|SECRET|REDIS_URL|_KEY$", variable) and name != "sso":
                assert value is None or variable.endswith("__FILE"), (name, variable)


def test_compose_env_makes_every_secret(tmp_path: Path) -> None:
    """Each folder that compose mounts, with files that settings are read from; again, it changes nothing."""
    (tmp_path / "deploy").mkdir()
    script = tmp_path / "deploy" / "compose-env"
    shutil.copy(ROOT / "deploy" / "compose-env", script)
    (tmp_path / ".env").write_text("REDIS_PASSWORD=old\nWALL_PASSWORD='known'\nSALES_CURRENCY=EUR")
    said = subprocess.run([script], capture_output=True, text=True, check=True).stdout
    folder = tmp_path / ".secrets"
    mounted = set(re.findall(r"compose-env\}/(\w+):", (ROOT / "docker-compose.yml").read_text()))
    assert mounted == {path.name for path in folder.iterdir()}
    files = {path.relative_to(folder).as_posix(): path.read_text().strip() for path in folder.glob("*/*")}
    assert {path.removeprefix("kafka/") for path in files if path.startswith("kafka/")} == set(users())
    assert files["web/wall_password"] == "known"
    assert folder.stat().st_mode & 0o777 == 0o700
    settings = {path.split("/")[1].upper() for path in files if path.split("/")[1].startswith("sales_")}
    assert settings <= known_settings()
    for user, password in ((user, files[f"kafka/{user}"]) for user in users()):
        assert len(password) > 20
        assert password not in said
        found = [path for path, text in files.items() if text == password and not path.startswith("kafka/")]
        assert found
        assert {environment(services()[path.split("/")[0]])["SALES_KAFKA_SASL_USERNAME"] for path in found} == {user}
    assert (tmp_path / ".env").read_text() == "SALES_CURRENCY=EUR\nPULSE_SECRETS=./.secrets\n"
    subprocess.run([script], capture_output=True, check=True)
    assert {path.relative_to(folder).as_posix(): path.read_text().strip() for path in folder.glob("*/*")} == files


@pytest.mark.parametrize(
    ("line", "password"),
    [
        ("WALL_PASSWORD=a#b # of the hall", "a#b"), ("WALL_PASSWORD='a # b' # of the hall", "a # b"),
        ('WALL_PASSWORD="it\'s"', "it's"), (" export WALL_PASSWORD = known ", "known"),
        ("WALL_PASSWORD=known\r", "known"),
        ("WALL_PASSWORD=one\nWALL_PASSWORD=two", "two"), ("WALL_PASSWORD= # none yet", ""), ("#WALL_PASSWORD=old", ""),
    ],
)  # fmt: skip
def test_compose_env_reads_as_compose_does(tmp_path: Path, line: str, password: str) -> None:
    """Whatever surrounds a password, the file has what compose gave to its container; and secrets lie where told."""
    (tmp_path / "deploy").mkdir()
    script = shutil.copy(ROOT / "deploy" / "compose-env", tmp_path / "deploy")
    (tmp_path / ".env").write_bytes(f"{line}\nPULSE_SECRETS='{tmp_path}/else where'\r\nSALES_CURRENCY=EUR\r\n".encode())
    subprocess.run([script], capture_output=True, check=True)
    found = (tmp_path / "else where" / "web" / "wall_password").read_text()
    assert found == f"{password}\n" if password else len(found) > 20
    assert not (tmp_path / ".secrets").exists()
    left = (tmp_path / ".env").read_text()
    assert not re.search(r"^ *(export )?WALL_PASSWORD", left, re.MULTILINE)
    assert left.count("PULSE_SECRETS") == 1
    assert "SALES_CURRENCY=EUR" in left


def test_every_setting_exists() -> None:
    """A mistyped SALES_ name would be passed on and never read."""
    given = {name for service in services().values() for name in environment(service) if name.startswith("SALES_")}
    assert given <= known_settings()


def test_the_gateway_carries_all_settings_of_bitrix24() -> None:
    """Whatever a portal needs to be set can be set; its spool and its mapping are where they are looked for."""
    gateway = services()["gateway"]
    given = environment(gateway)
    assert set(given) >= {
        f"SALES_{name.upper()}" for name in Bitrix24Settings.model_fields if name.startswith("bitrix24")
    }
    assert "gateway:/data" in gateway["volumes"]
    assert given["SALES_BITRIX24_SPOOL"].startswith("/data/")
    mapping = given["SALES_BITRIX24_MAPPING"].partition(":+")[2].rstrip("}")
    assert f"${{SALES_BITRIX24_MAPPING:-/dev/null}}:{mapping}:ro" in gateway["volumes"]


def test_every_channel_of_alerts_reaches_alertmanager() -> None:
    """Each setting reaches what makes its configuration; each file of a secret lies where that looks for it."""
    own = {name for name in AlertSettings.model_fields if name.startswith("alerts_")} - {"alerts_secrets"}
    given = environment(services()["walls"])
    assert {f"SALES_{name.upper()}" for name in (*own, "runbook_url", *CarrierSettings.model_fields)} - set(given) <= {
        "SALES_DIGEST_SMTP_PASSWORD"
    }
    assert set(services()["alertmanager"]["secrets"]) == {name.removeprefix("alerts_") for name in own}
    assert "SALES_ALERTS_SECRETS" not in given, "it is where compose mounts secrets"
    for name in own:
        file = name.upper() + "_FILE"
        assert compose()["secrets"][name.removeprefix("alerts_")]["file"] == f"${{{file}:-/dev/null}}"


def environment(service: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = service.get("environment", {})
    return found


def test_start_order_ends_at_something_that_can_be_waited_for() -> None:
    """A condition on health needs a health check; one on completion needs a service that ends."""
    for name, service in services().items():
        for other, condition in service.get("depends_on", {}).items():
            wanted = condition["condition"]
            assert (wanted == "service_healthy") is ("healthcheck" in services()[other]), (name, other)
            assert (wanted == "service_completed_successfully") is (other in ONE_SHOT), (name, other)


def test_named_volumes_are_declared_and_used() -> None:
    used = {
        re.sub(r"^\$\{[A-Z_]+:-(\w+)\}", r"\1", volume).split(":")[0]
        for service in services().values()
        for volume in service.get("volumes", [])
        if not volume.startswith((".", "${PULSE_SECRETS")) and "/dev/null" not in volume
    }
    assert used == set(compose()["volumes"])


def test_mounted_files_exist() -> None:
    for name, service in services().items():
        for volume in service.get("volumes", []):
            if volume.startswith("./"):
                assert (ROOT / volume.split(":")[0]).exists(), name


def test_prometheus_of_compose_scrapes_like_the_generated_configuration() -> None:
    """Only how targets are found differs: alerts name the same jobs, rates see the same intervals."""
    generated = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text())
    own = yaml.safe_load((ROOT / "deploy/containers/prometheus.yml").read_text())
    assert own["global"] == generated["global"]
    assert own["rule_files"] == [f"/etc/sales-pulse/{rules}" for rules in generated["rule_files"]]
    found = ("basic_auth", "dns_sd_configs", "file_sd_configs", "static_configs")
    jobs, others = (
        {
            one["job_name"]: {key: value for key, value in one.items() if key not in found}
            for one in config["scrape_configs"]
        }
        for config in (own, generated)
    )
    assert jobs == others
    assert ALIGNED in services()["prometheus"]["command"]


def test_past_is_served_as_in_the_local_stack() -> None:
    """From the folder that is filled, by the image that its tool comes from."""
    past, history = services()["past"], services()["history"]
    assert set(PAST) <= set(past["command"])
    assert past["image"] == services()["promtool"]["image"] == services()["prometheus"]["image"]
    assert f"--storage.tsdb.path={past['volumes'][1].partition(':')[2]}/data" in past["command"]
    assert past["user"] == re.search(r"^USER (\S+)$", dockerfile(), re.MULTILINE)[1]  # type: ignore[index]
    assert history["volumes"][0] == f"past:{history['environment']['SALES_PAST_DIR']}"


def test_image_runs_without_rights_and_stops_on_sigterm() -> None:
    final = dockerfile().rsplit("\nFROM ", 1)[1]
    assert re.search(r"^USER 10001:10001$", final, re.MULTILINE)
    assert re.search(r"^STOPSIGNAL SIGTERM$", final, re.MULTILINE)
    assert re.search(r"^HEALTHCHECK ", final, re.MULTILINE)
    assert final.index("USER ") > final.rindex("RUN "), "what runs as root comes before"


def test_image_has_a_choosable_base_and_a_list_of_contents() -> None:
    assert dockerfile().count("FROM ${BASE}") == 2
    assert "sbom.cdx.json" in dockerfile()


def test_everything_that_is_installed_is_pinned() -> None:
    """Each install names a lock with hashes, or the project itself."""
    installs = re.findall(r"(?:bin/pip|containers/pip \S+) install (.*)", dockerfile())
    assert len(installs) == 3
    for arguments in installs:
        assert "--no-deps" in arguments
        if lock := re.search(r"-r (\S+)", arguments):
            assert "--require-hashes" in arguments
            assert "--hash=sha256:" in (ROOT / lock[1]).read_text()


@pytest.mark.parametrize(
    "lock", [f"deploy/{name}.txt" for name in ("requirements/base", "requirements/compile", "containers/sbom")]
)
def test_lock_pins_what_the_tests_ran_with(lock: str) -> None:
    """The image holds the versions that were tested."""
    tested = pins("deploy/requirements/dev.txt")
    differing = {name: version for name, version in pins(lock).items() if tested.get(name, version) != version}
    assert not differing


def test_base_lock_has_every_dependency() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = {re.split(r"[\[<>=!~; ]", entry)[0].lower() for entry in project["dependencies"]}
    assert wanted <= set(pins("deploy/requirements/base.txt"))


def pins(lock: str) -> dict[str, str]:
    found = re.findall(r"^([a-z0-9_.\-]+)(?:\[[^\]]*\])?==([^ ;\\]+)", (ROOT / lock).read_text(), re.MULTILINE)
    return dict(found)


def test_image_leaves_out_what_it_does_not_need() -> None:
    """Everything is ignored but what is named."""
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    assert lines[0] == "*"
    copied = set(re.findall(r"^COPY (?!--)(\S+(?: \S+)*) \S+$", dockerfile(), re.MULTILINE))
    named = {word.split("/")[0] for words in copied for word in words.split()}
    assert named <= {line[1:] for line in lines if line.startswith("!")}


def test_image_has_every_module() -> None:
    """What is left out, but for what is taken in again, has none."""
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and line[0] not in "#*"]
    out = {path for line in lines if line[0] != "!" for path in ROOT.glob(line)}
    again = {path for line in lines if line[0] == "!" and "*" in line for path in ROOT.glob(line[1:])}
    found = {module for path in out - again for module in (path, *path.rglob("*")) if module.suffix == ".py"}
    assert found == set()


def test_image_has_every_library() -> None:
    """Each that a module of ours imports, but for the local stack and the compiler, which are no part of it."""
    modules = packages_distributions()
    ours = {"deploy", "grafana", "metrics", "producers", "streams"}
    installed = set(pins("deploy/requirements/base.txt"))
    for path in (path for room in sorted(ours) for path in (ROOT / room).rglob("*.py")):
        if {"stack", "compiling"} & set(path.parts) or path.name == "up.py":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
            for name in {name.partition(".")[0] for name in names} - ours - set(sys.stdlib_module_names):
                found = {distribution.lower().replace("_", "-") for distribution in modules[name]}
                assert found & installed, (path.relative_to(ROOT), name)
