"""All manifests, applied to a real kube-apiserver, twice: nothing is refused, ignored or changed by a second time.

By hand: `tests/containers/build-cluster ~/.cache/sales-pulse/cluster` builds etcd and kube-apiserver, half an hour of a
core; kubectl has to be there. Then `pytest -m slow tests/containers/test_api_server.py`. No controller and no kubelet
runs: what starts pods is not here. The resources of others are held against definitions made from the published
schemas of Prometheus Operator and KEDA (`schemas/`), and from the documentation of Strimzi and Argo CD
(`definitions.yaml`).
"""

import json
import os
import secrets
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.stack.ports import free_port
from tests.support.certificates import certificate

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "deploy" / "kubernetes"
HERE = Path(__file__).parent
TARGETS = {
    "all": FOLDER,
    "small": FOLDER / "overlays" / "small",
    "bitrix24": FOLDER / "overlays" / "bitrix24",
    "argocd": FOLDER / "overlays" / "argocd",
    "strimzi": FOLDER / "strimzi",
}
NAMESPACES = ("kafka", "redis", "monitoring", "argocd", "ingress-nginx")
PROGRAMS = Path(os.environ.get("PULSE_CLUSTER") or Path.home() / ".cache" / "sales-pulse" / "cluster")


def missing() -> str:
    """What is not there for it; "" when nothing."""
    if not shutil.which("kubectl"):
        return "kubectl is not installed"
    lacking = [name for name in ("etcd", "kube-apiserver") if not (PROGRAMS / name).exists()]
    return f"no {' and '.join(lacking)} in {PROGRAMS}: tests/containers/build-cluster makes them" if lacking else ""


pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(bool(missing()), reason=missing() or "all is there"),
]


class Cluster:
    """etcd and kube-apiserver of this test alone, on loopback."""

    def __init__(self, folder: Path, programs: Path) -> None:
        self.folder, self.programs = folder, programs
        self.port, self.token = free_port(), secrets.token_urlsafe(16)
        self.config = folder / "kubeconfig"

    def start(self, stack: ExitStack) -> None:
        tls = certificate(self.folder, "kube")
        store, peers = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
        (self.folder / "tokens").write_text(f"{self.token},admin,admin,system:masters\n")
        self._run(
            stack, "etcd", f"--data-dir={self.folder / 'etcd'}", f"--listen-client-urls={store}",
            f"--advertise-client-urls={store}", f"--listen-peer-urls={peers}",
            f"--initial-advertise-peer-urls={peers}", f"--initial-cluster=default={peers}",
        )  # fmt: skip
        server = self._run(
            stack, "kube-apiserver", f"--etcd-servers={store}", "--bind-address=127.0.0.1",
            f"--secure-port={self.port}", f"--token-auth-file={self.folder / 'tokens'}", "--authorization-mode=RBAC",
            f"--tls-cert-file={tls.cert}", f"--tls-private-key-file={tls.key}",
            f"--service-account-issuer=https://127.0.0.1:{self.port}", f"--service-account-key-file={tls.cert}",
            f"--service-account-signing-key-file={tls.key}", "--service-cluster-ip-range=10.96.0.0/16",
            # No controller makes the token of a service account.
            "--disable-admission-plugins=ServiceAccount",
        )  # fmt: skip
        address = {"server": f"https://127.0.0.1:{self.port}", "insecure-skip-tls-verify": True}
        config = {
            "apiVersion": "v1", "kind": "Config", "current-context": "test",
            "clusters": [{"name": "test", "cluster": address}],
            "users": [{"name": "admin", "user": {"token": self.token}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "admin"}}],
        }  # fmt: skip
        self.config.write_text(yaml.safe_dump(config))
        deadline = time.monotonic() + 180
        while (said := self.kubectl("get", "--raw", "/readyz", check=False)) != "ok":
            told = f"{said}\n{(self.folder / 'kube-apiserver.log').read_text()[-3000:]}"
            assert time.monotonic() < deadline, told
            assert server.poll() is None, told
            time.sleep(1)

    def _run(self, stack: ExitStack, name: str, *arguments: str) -> subprocess.Popen[bytes]:
        log = stack.enter_context((self.folder / f"{name}.log").open("wb"))
        process = subprocess.Popen([self.programs / name, *arguments], cwd=self.folder, stdout=log, stderr=log)
        stack.callback(process.wait, 30)
        stack.callback(process.terminate)
        return process

    def kubectl(self, *arguments: str, given: str | None = None, check: bool = True) -> str:
        """What kubectl says, warnings included."""
        done = subprocess.run(
            ["kubectl", f"--kubeconfig={self.config}", *arguments],
            input=given, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300, check=False,
        )  # fmt: skip
        assert not check or done.returncode == 0, f"{arguments}: {done.stdout[-3000:]}"
        return done.stdout

    def apply(self, target: Path, *options: str) -> list[str]:
        """Lines of an apply on the server's side, in which nothing that is not known is dropped."""
        return self.kubectl("apply", "--server-side", "--validate=strict", *options, "-k", str(target)).splitlines()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster with namespaces and definitions that manifests name, a quota and a range of limits."""
    found = Cluster(tmp_path_factory.mktemp("cluster"), PROGRAMS)
    with ExitStack() as stack:
        found.start(stack)
        for name in NAMESPACES:
            found.kubectl("create", "namespace", name)
        found.kubectl("apply", "--server-side", "-f", str(HERE / "definitions.yaml"))
        for path in sorted((HERE / "schemas").glob("*.json")):
            found.kubectl("apply", "--server-side", "-f", "-", given=json.dumps(definition(path)))
        found.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")
        yield found


def definition(path: Path) -> dict[str, Any]:
    """Of a resource by its published schema; the file's name is kind, group's first word, version."""
    kind, group, version = path.stem.split("-")
    names = {"servicemonitor": "ServiceMonitor", "prometheusrule": "PrometheusRule", "scaledobject": "ScaledObject",
             "triggerauthentication": "TriggerAuthentication"}  # fmt: skip
    group = {"monitoring": "monitoring.coreos.com", "keda": "keda.sh"}[group]
    schema = structural(json.loads(path.read_text()))
    return {
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind}s.{group}"},
        "spec": {
            "group": group, "scope": "Namespaced",
            "names": {"kind": names[kind], "plural": f"{kind}s", "singular": kind, "listKind": f"{names[kind]}List"},
            "versions": [{
                "name": version, "served": True, "storage": True, "schema": {"openAPIV3Schema": schema},
            }],
        },
    }  # fmt: skip


def structural(schema: Any, *, is_names: bool = False) -> Any:
    """The same schema as Kubernetes wants it: that nothing else may be there goes without saying."""
    if isinstance(schema, list):
        return [structural(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if is_names:
        return {name: structural(one) for name, one in schema.items()}
    if "anyOf" in schema and {one.get("type") for one in schema["anyOf"]} == {"integer", "string"}:
        return {"x-kubernetes-int-or-string": True}
    dropped = {"$comment"} | ({"additionalProperties"} if schema.get("additionalProperties") is False else set())
    return {name: structural(one, is_names=name == "properties") for name, one in schema.items() if name not in dropped}


def rendered(target: Path) -> list[dict[str, Any]]:
    done = subprocess.run(["kubectl", "kustomize", target], capture_output=True, text=True, check=True)
    return [document for document in yaml.safe_load_all(done.stdout) if document]


@pytest.mark.parametrize("name", TARGETS)
def test_it_can_be_applied_twice(cluster: Cluster, name: str) -> None:
    """The second time nothing is refused, and no object becomes another one."""
    target = TARGETS[name]
    first = cluster.apply(target)
    assert len(first) == len(rendered(target)), first
    assert all(line.endswith("serverside-applied") for line in first), first
    before = generations(cluster, target)
    assert [line for line in cluster.apply(target) if not line.endswith("serverside-applied")] == []
    assert generations(cluster, target) == before


def generations(cluster: Cluster, target: Path) -> dict[tuple[str, str], tuple[str, int]]:
    listed = json.loads(cluster.kubectl("get", "-k", str(target), "-o", "json"))["items"]
    return {
        (one["kind"], one["metadata"]["name"]): (one["metadata"]["uid"], one["metadata"].get("generation", 0))
        for one in listed
    }


@pytest.mark.parametrize("name", TARGETS)
def test_nothing_that_is_said_gets_lost(cluster: Cluster, name: str) -> None:
    """Each field of each manifest is found again in what the server keeps."""
    cluster.apply(TARGETS[name])
    for wanted in rendered(TARGETS[name]):
        meta = wanted["metadata"]
        space = ["-n", meta["namespace"]] if "namespace" in meta else []
        kept = json.loads(cluster.kubectl("get", _kind(wanted), meta["name"], *space, "-o", "json"))
        assert not list(_lost(wanted, kept)), (wanted["kind"], meta["name"])


def _kind(resource: dict[str, Any]) -> str:
    group, _, version = resource["apiVersion"].rpartition("/")
    return f"{resource['kind']}.{version}.{group}" if group else resource["kind"]


def _lost(wanted: Any, kept: Any, path: str = "") -> Iterator[str]:
    """Paths that are not, or not so, in what is kept; more there, as defaults are, is no loss."""
    if isinstance(wanted, dict):
        for key, value in wanted.items():
            # An empty map, like a selector of everything, may be kept as none.
            if not isinstance(kept, dict) or (key not in kept and value not in ({}, [], None)):
                yield f"{path}.{key}"
            elif key in kept:
                yield from _lost(value, kept[key], f"{path}.{key}")
    elif isinstance(wanted, list):
        if not isinstance(kept, list) or len(kept) != len(wanted):
            yield path
        else:
            for number, (one, other) in enumerate(zip(wanted, kept, strict=True)):
                yield from _lost(one, other, f"{path}[{number}]")
    elif str(wanted) != str(kept) and not _same_amount(wanted, kept):
        yield f"{path}: {wanted!r} is {kept!r}"


def _same_amount(wanted: Any, kept: Any) -> bool:
    return str(wanted) == str(kept).replace('"', "")


def test_each_night_is_applied(cluster: Cluster, tmp_path: Path) -> None:
    """Backup and digest, which nobody has who has not asked for them."""
    copy = own(tmp_path, {"components": [f"deploy/kubernetes/{name}" for name in ("backup", "digest")]})
    for _ in range(2):
        said = cluster.apply(copy)
        assert {line.partition(" ")[0] for line in said} >= {
            "cronjob.batch/sales-backup",
            "cronjob.batch/sales-digest",
        }
        assert all(line.endswith("serverside-applied") for line in said), said


def own(folder: Path, more: dict[str, Any]) -> Path:
    """An overlay as an administrator writes it, with more in it than all."""
    overlay = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", "namespace": "sales-pulse",
        "resources": ["deploy/kubernetes"], **more,
    }  # fmt: skip
    copy = folder / "own"
    shutil.copytree(FOLDER, copy / "deploy" / "kubernetes")
    shutil.copytree(ROOT / "grafana" / "out", copy / "grafana" / "out")
    (copy / "kustomization.yaml").write_text(yaml.safe_dump(overlay))
    return copy


def test_a_release_with_other_settings_is_applied(cluster: Cluster, tmp_path: Path) -> None:
    """An image of one's own registry, and another broker."""
    cluster.apply(FOLDER)
    settings = {"name": "sales-settings", "behavior": "merge", "literals": ["SALES_KAFKA_SERVERS=other.kafka:9093"]}
    image = {"name": "sales-pulse", "newName": "registry.example.com/sales-pulse", "newTag": "1.2.3"}
    cluster.apply(own(tmp_path, {"images": [image], "configMapGenerator": [settings]}))
    worker = json.loads(cluster.kubectl("-n", "sales-pulse", "get", "statefulset", "sales-worker", "-o", "json"))
    spec = worker["spec"]["template"]["spec"]
    assert {one["image"] for one in (*spec["containers"], *spec["initContainers"])} == {
        "registry.example.com/sales-pulse:1.2.3"
    }
    assert worker["metadata"]["generation"] > 1


QUOTA = """
apiVersion: v1
kind: LimitRange
metadata: {name: range, namespace: sales-pulse}
spec:
  limits:
  - type: Container
    min: {cpu: 20m, memory: 16Mi}
    max: {cpu: "2", memory: 2Gi}
  - type: PersistentVolumeClaim
    max: {storage: 100Gi}
---
apiVersion: v1
kind: ResourceQuota
metadata: {name: quota, namespace: sales-pulse}
spec: &hard
  hard: {requests.cpu: "8", requests.memory: 16Gi, limits.cpu: "24", limits.memory: 32Gi, pods: "40"}
"""
"""What a cluster's administrator gives to a department; whoever states no limits is refused by it."""


def test_pods_are_let_in(cluster: Cluster) -> None:
    """By the level `restricted`, a range of limits and a quota: each pod that a workload would make, one by one."""
    for target in (FOLDER, TARGETS["bitrix24"]):
        cluster.apply(target)
    cluster.kubectl("apply", "-f", "-", given=QUOTA)
    hard = yaml.safe_load(QUOTA.split("---")[1])["spec"]["hard"]
    # No controller counts: what it would write.
    status = {"status": {"hard": hard, "used": dict.fromkeys(hard, "0")}}
    cluster.kubectl(
        "-n", "sales-pulse", "patch", "resourcequota", "quota", "--subresource=status", "--type=merge",
        "-p", json.dumps(status),
    )  # fmt: skip
    assert "forbidden" in _let_in(cluster, "bare", {"containers": [{"name": "x", "image": "x"}]}, check=False)
    seen = set()
    for document in rendered(TARGETS["bitrix24"]):
        spec = document.get("spec", {})
        template = spec.get("template") or spec.get("jobTemplate", {}).get("spec", {}).get("template")
        if template and document["kind"] in {"StatefulSet", "Deployment", "CronJob"}:
            name = document["metadata"]["name"]
            pod = dict(template["spec"])
            claims = [claim["metadata"]["name"] for claim in spec.get("volumeClaimTemplates", ())]
            pod["volumes"] = [
                *pod.get("volumes", ()),
                *({"name": claim, "persistentVolumeClaim": {"claimName": claim}} for claim in claims),
            ]
            said = _let_in(cluster, name, pod)
            assert "created" in said
            assert "Warning" not in said, said
            seen.add(name)
    assert len(seen) == 8, seen


def _let_in(cluster: Cluster, name: str, spec: dict[str, Any], *, check: bool = True) -> str:
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "sales-pulse"}, "spec": spec}
    return cluster.kubectl("create", "--dry-run=server", "-f", "-", given=json.dumps(pod), check=check)
