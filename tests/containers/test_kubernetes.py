"""The manifests are what Kubernetes, the Prometheus Operator and KEDA accept, and agree with each other."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from deploy.commands.generate import collect
from deploy.kubernetes import generate
from deploy.stack.prometheus import PAST
from metrics.digest.settings import DigestSettings
from metrics.settings import ExporterSettings, LoginSettings, PastSettings
from producers.connectors.bitrix24.meaning.mapping import load_mapping
from producers.connectors.bitrix24.settings import Bitrix24Settings
from producers.gateway.settings import GatewaySettings
from producers.identities import IdentitySettings
from producers.rights import Right, rights
from producers.settings import KafkaSettings
from producers.topics import specs
from streams.ledger.settings import LedgerSettings
from streams.settings import WorkerSettings

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "deploy" / "kubernetes"
SCHEMAS = Path(__file__).with_name("schemas")
OPERATED = {"strimzi", "argocd"}
"""Folders of what other operators read, looked at by tests of their own."""
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
PROMETHEUS_IMAGE = COMPOSE["prometheus"]["image"].partition(":-")[2].rstrip("}")
VERSION = "1.34"
"""Kubernetes version whose published schemas are asked."""


def documents() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every resource, with the name of its file."""
    for path in sorted(FOLDER.rglob("*.yaml")):
        if path.name != "kustomization.yaml" and path.parent.name not in OPERATED:
            for document in yaml.safe_load_all(path.read_text()):
                yield f"{path.relative_to(FOLDER)} {document['kind']} {document['metadata']['name']}", document


RESOURCES = dict(documents())


def named(kind: str, name: str) -> dict[str, Any]:
    return next(d for d in RESOURCES.values() if d["kind"] == kind and d["metadata"]["name"] == name)


def pods() -> dict[str, dict[str, Any]]:
    """Pod templates by the name of what makes them."""
    found = {
        document["metadata"]["name"]: document["spec"]["template"]
        for document in RESOURCES.values()
        if document["kind"] in {"Deployment", "StatefulSet", "Job"}
    }
    jobs = (document for document in RESOURCES.values() if document["kind"] == "CronJob")
    return found | {job["metadata"]["name"]: job["spec"]["jobTemplate"]["spec"]["template"] for job in jobs}


@pytest.mark.parametrize("name", RESOURCES)
def test_resource_keeps_its_published_schema(name: str) -> None:
    """Kubernetes' own kinds by its schemas, strictly; others by those of their custom resource definitions."""
    resource = RESOURCES[name]
    group, _, version = resource["apiVersion"].rpartition("/")
    own = SCHEMAS / f"{resource['kind'].lower()}-{group.split('.')[0]}-{version}.json"
    if own.exists():
        jsonschema.validate(resource, json.loads(own.read_text()))
    else:
        kubernetes_validate.validate(resource, VERSION, strict=True)


@pytest.mark.parametrize("path", sorted(FOLDER.rglob("kustomization.yaml")), ids=lambda path: path.parent.name)
def test_kustomization_names_what_exists(path: Path) -> None:
    content = yaml.safe_load(path.read_text())
    for name in [*content.get("resources", []), *content.get("components", [])]:
        assert (path.parent / name).exists()
    listed = {*content.get("resources", []), "kustomization.yaml"}
    assert {file.name for file in path.parent.glob("*.yaml")} - {"application.yaml"} <= listed


def test_every_dashboard_becomes_a_config_map() -> None:
    """From the very files that compose gives to Grafana; none too large for the cluster's store."""
    content = yaml.safe_load((ROOT / "grafana/out/kustomization.yaml").read_text())
    files = [name for config_map in content["configMapGenerator"] for name in config_map["files"]]
    boards = sorted((ROOT / "grafana/out/dashboards").glob("*.json"))
    assert files == [f"dashboards/{path.name}" for path in boards]
    assert all(path.stat().st_size < 1_000_000 for path in boards)


def test_generated_files_are_part_of_generate() -> None:
    """`sales-pulse generate --check` sees when they are out of date."""
    wanted, _ = collect()
    assert wanted.keys() >= generate.files().keys()


def test_rules_are_those_of_the_local_prometheus() -> None:
    files = sorted((ROOT / "grafana/out/rules").glob("*.yml"))
    local = [group for path in files for group in yaml.safe_load(path.read_text())["groups"]]
    cluster = [g for d in RESOURCES.values() if d["kind"] == "PrometheusRule" for g in d["spec"]["groups"]]
    assert sorted(cluster, key=lambda group: group["name"]) == sorted(local, key=lambda group: group["name"])


@pytest.mark.parametrize("name", pods())
def test_pod_is_restricted(name: str) -> None:
    """As the namespace demands of every pod: no root, no rights, nothing to write on but its volumes."""
    spec = pods()[name]["spec"]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert spec["automountServiceAccountToken"] is False
    for container in (*spec["containers"], *spec.get("initContainers", [])):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"]["limits"].keys() == {"cpu", "memory"}, "as a quota demands"
        assert container["resources"]["requests"].keys() == {"cpu", "memory"}


@pytest.mark.parametrize("name", pods())
def test_pod_finds_its_volumes(name: str) -> None:
    template = pods()[name]
    claims = [
        claim
        for document in RESOURCES.values()
        if document["kind"] == "StatefulSet" and document["metadata"]["name"] == name
        for claim in document["spec"]["volumeClaimTemplates"]
    ]
    volumes = {volume["name"] for volume in template["spec"]["volumes"]} | {c["metadata"]["name"] for c in claims}
    assert {
        mount["name"]
        for container in (*template["spec"]["containers"], *template["spec"].get("initContainers", []))
        for mount in container["volumeMounts"]
    } == volumes


def test_settings_exist() -> None:
    """A mistyped SALES_ name would be passed on and never read."""
    ours = (WorkerSettings, LedgerSettings, ExporterSettings, PastSettings, DigestSettings, LoginSettings)
    classes = (*ours, GatewaySettings, Bitrix24Settings, IdentitySettings)
    known = {f"SALES_{name.upper()}" for kind in classes for name in kind.model_fields} | {"SALES_LOG_FORMAT", "PATH"}
    given = {entry["name"] for pod in pods().values() for c in pod["spec"]["containers"] for entry in c["env"]}
    assert given | settings().keys() | settings("bitrix24").keys() <= known


def settings(part: str = "base") -> dict[str, str]:
    lines = (FOLDER / part / "settings.env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def test_settings_are_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The processes take them as they are, once the Secrets add who they are."""
    for name, value in {**settings(), "SALES_KAFKA_SASL_USERNAME": "x", "SALES_KAFKA_SASL_PASSWORD": "x"}.items():
        monkeypatch.setenv(name, value)
    assert WorkerSettings(worker_id="sales-worker-0").kafka_security_protocol == "SASL_SSL"


def test_one_connector_of_bitrix24_with_its_spool(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of its settings are there and taken, one replica has the spool on a volume that stays, and hooks reach it."""
    connector = named("StatefulSet", "sales-bitrix24")["spec"]
    (container,) = connector["template"]["spec"]["containers"]
    given = {entry["name"] for entry in container["env"]} | settings("bitrix24").keys()
    assert given >= {f"SALES_{name.upper()}" for name in Bitrix24Settings.model_fields if name.startswith("bitrix24")}
    assert connector["replicas"] == 1
    assert set(connector["persistentVolumeClaimRetentionPolicy"].values()) == {"Retain"}
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    assert settings("bitrix24")["SALES_BITRIX24_SPOOL"].startswith(mounts["data"])
    assert settings("bitrix24")["SALES_BITRIX24_MAPPING"] == f"{mounts['mapping']}/mapping.yml"
    assert load_mapping(FOLDER / "bitrix24" / "mapping.yml") == load_mapping(None)
    for name, value in settings("bitrix24").items():
        monkeypatch.setenv(name, value)
    made = Bitrix24Settings(_env_file=None)
    assert (made.bitrix24_identity, made.bitrix24_burst) == (None, 40)
    (rule,) = named("Ingress", "sales-bitrix24")["spec"]["rules"]
    assert [path["path"] for path in rule["http"]["paths"]] == ["/v1/bitrix24"]


def test_passwords_come_from_secrets_only() -> None:
    assert not [name for name in settings() if any(word in name for word in ("PASSWORD", "TOKEN", "SECRET", "REDIS"))]
    for pod in pods().values():
        for container in pod["spec"]["containers"]:
            for entry in container["env"]:
                if any(word in entry["name"] for word in ("PASSWORD", "TOKEN", "REDIS_URL", "WEBHOOK", "_KEY")):
                    assert "secretKeyRef" in entry["valueFrom"]


def test_services_budgets_and_monitors_select_pods_that_exist() -> None:
    labels = [pod["metadata"]["labels"] for pod in pods().values()]
    for name, document in RESOURCES.items():
        selector = document.get("spec", {}).get("selector")
        if document["kind"] in {"Service", "PodDisruptionBudget", "ServiceMonitor"}:
            wanted = selector.get("matchLabels", selector)
            assert any(wanted.items() <= found.items() for found in labels), name


def test_probes_and_services_use_the_port_that_is_listened_on() -> None:
    for name in ("worker", "ledger", "exporter", "gateway"):
        pod = pods()[f"sales-{name}"]["spec"]["containers"][0]
        listen = next(entry["value"] for entry in pod["env"] if entry["name"].endswith("_LISTEN"))
        port = int(listen.rpartition(":")[2])
        assert pod["ports"] == [{"name": "http", "containerPort": port}]
        assert named("Service", f"sales-{name}")["spec"]["ports"][0]["port"] == port
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            assert pod[probe]["httpGet"]["port"] == "http"


def test_worker_keeps_its_identity() -> None:
    """Static membership by the pod's name, state on its own volume, and time to leave cleanly."""
    worker = named("StatefulSet", "sales-worker")["spec"]
    container = worker["template"]["spec"]["containers"][0]
    entry = next(entry for entry in container["env"] if entry["name"] == "SALES_WORKER_ID")
    assert entry["valueFrom"]["fieldRef"]["fieldPath"] == "metadata.name"
    assert worker["serviceName"] == "sales-worker"
    assert worker["template"]["spec"]["terminationGracePeriodSeconds"] >= 15


def test_autoscaling_watches_the_group_and_topic_of_the_workers() -> None:
    given = KafkaSettings(topic_prefix=settings()["SALES_TOPIC_PREFIX"])
    scaled = named("ScaledObject", "sales-worker")["spec"]
    trigger = scaled["triggers"][0]["metadata"]
    assert trigger["consumerGroup"] == settings()["SALES_APP_ID"]
    assert trigger["topic"] == given.events_topic
    assert trigger["bootstrapServers"] == settings()["SALES_KAFKA_SERVERS"]
    assert scaled["maxReplicaCount"] <= int(settings()["SALES_PARTITIONS"])


def test_past_is_served_as_in_the_local_stack() -> None:
    """From the folder that is filled, by the image that its tool comes from; where the data source looks."""
    pod = named("StatefulSet", "sales-past")["spec"]["template"]["spec"]
    prometheus, history = pod["containers"]
    assert set(PAST) <= set(prometheus["args"])
    assert prometheus["image"] == pod["initContainers"][0]["image"]
    assert {entry["name"]: entry.get("value") for entry in history["env"]}["SALES_PAST_DIR"] == "/past"
    assert "--storage.tsdb.path=/past/data" in prometheus["args"]
    config = yaml.safe_load(named("ConfigMap", "sales-past")["data"]["past.yml"])
    assert config == yaml.safe_load((ROOT / "deploy/prometheus/past.yml").read_text())
    port = named("Service", "sales-past")["spec"]["ports"][0]["port"]
    namespace = next(d for d in RESOURCES.values() if d["kind"] == "Namespace")["metadata"]["name"]
    assert f"http://sales-past.{namespace}:{port}" == generate.PAST_URL


def test_pods_reach_what_they_work_with_and_nothing_else() -> None:
    """Closed both ways; a way to Kafka for who has a user there, to Redis for who has its address, out for few."""
    policies = [d["spec"] for d in RESOURCES.values() if d["kind"] == "NetworkPolicy"]
    closed = named("NetworkPolicy", "sales-closed")["spec"]
    assert closed["policyTypes"] == ["Ingress", "Egress"]
    assert closed.keys() == {"podSelector", "policyTypes"}
    assert all(closed["podSelector"]["matchLabels"].items() <= p["metadata"]["labels"].items() for p in pods().values())
    for name, variable in (("sales-kafka", "SALES_KAFKA_SASL_PASSWORD"), ("sales-redis", "SALES_REDIS_URL")):
        (selector,) = named("NetworkPolicy", name)["spec"]["podSelector"]["matchExpressions"]
        assert set(selector["values"]) == {
            pod["metadata"]["labels"]["app.kubernetes.io/name"]
            for pod in pods().values()
            if any(entry["name"] == variable for c in pod["spec"]["containers"] for entry in c["env"])
        }
    out = [
        policy["podSelector"]["matchLabels"]["app.kubernetes.io/name"]
        for policy in policies
        if any("ipBlock" in to for rule in policy.get("egress", ()) for to in rule["to"])
    ]
    assert sorted(out) == ["sales-bitrix24", "sales-digest"]


def test_images_have_a_version() -> None:
    """`latest` would be asked for at each start, and nobody could say what runs."""
    images = {
        c["image"]
        for pod in pods().values()
        for c in (*pod["spec"]["containers"], *pod["spec"].get("initContainers", []))
    }
    tag = yaml.safe_load((FOLDER / "base" / "kustomization.yaml").read_text())["images"]
    assert images == {"sales-pulse", PROMETHEUS_IMAGE}
    assert [(one["name"], one["newTag"]) for one in tag] == [("sales-pulse", "0.1")]


def test_one_exporter_is_never_two() -> None:
    """The recording rules add up what they find."""
    exporter = named("Deployment", "sales-exporter")["spec"]
    assert exporter["replicas"] == 1
    assert exporter["strategy"] == {"type": "Recreate"}


def test_nothing_stands_in_the_way_of_a_second_apply() -> None:
    """A Job cannot be changed; pods that are not ready may be evicted; whoever asks finds the class of the ingress."""
    kinds = {document["kind"] for document in RESOURCES.values()}
    assert "Job" not in kinds
    for document in RESOURCES.values():
        if document["kind"] == "PodDisruptionBudget":
            assert document["spec"]["unhealthyPodEvictionPolicy"] == "AlwaysAllow"
        if document["kind"] == "Ingress":
            assert document["spec"]["ingressClassName"]
            assert "nginx.ingress.kubernetes.io/proxy-body-size" in document["metadata"]["annotations"]
    (topics,) = pods()["sales-worker"]["spec"]["initContainers"]
    assert topics["args"] == ["topics", "create"]


def test_kube_prometheus_stack_finds_what_it_is_given() -> None:
    """Rules and monitors bear its label; its Grafana keeps the default that it has."""
    for document in RESOURCES.values():
        if document["kind"] in {"PrometheusRule", "ServiceMonitor"}:
            assert document["metadata"]["labels"]["release"] == "kube-prometheus-stack"
    sources = yaml.safe_load(named("ConfigMap", "sales-datasource")["data"]["sales-pulse.yml"])["datasources"]
    assert [one["isDefault"] for one in sources] == [False, False]


def test_a_user_of_kafka_is_the_secret_of_its_name() -> None:
    """As Strimzi makes them: the user's name is the Secret's, which holds a password and no name."""
    for pod in pods().values():
        for container in (*pod["spec"]["containers"], *pod["spec"].get("initContainers", [])):
            given = {entry["name"]: entry for entry in container.get("env", [])}
            if "SALES_KAFKA_SASL_PASSWORD" in given:
                secret = given["SALES_KAFKA_SASL_PASSWORD"]["valueFrom"]["secretKeyRef"]
                assert secret == {"name": given["SALES_KAFKA_SASL_USERNAME"]["value"], "key": "password"}


def test_strimzi_has_the_rights_and_topics_of_the_documents() -> None:
    """Each right of the table, and nothing else; each topic with the settings that the contract needs."""
    users = list(yaml.safe_load_all((FOLDER / "strimzi" / "users.yaml").read_text()))
    pattern = {"prefix": "prefixed", "literal": "literal"}
    kinds = {"topic": "Topic", "group": "Group", "transactionalId": "TransactionalId", "cluster": "Cluster"}
    found = {
        Right(
            user["metadata"]["name"].replace("sales-kafka-", "sales-"), kinds[acl["resource"]["type"]],
            acl["resource"].get("name", "kafka-cluster"),
            pattern[acl["resource"].get("patternType", "literal")], ", ".join(acl["operations"]),
        )
        for user in users
        for acl in user["spec"]["authorization"]["acls"]
    }  # fmt: skip
    assert found == set(rights())
    given = KafkaSettings(_env_file=None, partitions=8, replication=3)
    topics = list(yaml.safe_load_all((FOLDER / "strimzi" / "topics.yaml").read_text()))
    assert [(one["metadata"]["name"], one["spec"]) for one in topics] == [
        (spec.name, {"partitions": spec.partitions, "replicas": spec.replication, "config": spec.config})
        for spec in specs(given)
    ]


def test_argo_cd_leaves_keda_its_replicas() -> None:
    """And reads the overlay that is there."""
    application = yaml.safe_load((FOLDER / "overlays" / "argocd" / "application.yaml").read_text())["spec"]
    assert (ROOT / application["source"]["path"] / "kustomization.yaml").exists()
    (left,) = application["ignoreDifferences"]
    assert (left["name"], left["jsonPointers"]) == ("sales-worker", ["/spec/replicas"])
