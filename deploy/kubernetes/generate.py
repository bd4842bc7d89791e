"""Makes what the Prometheus Operator and Grafana's sidecar read in a cluster, from the rules and dashboards in grafana.

Dashboards stay where they are: `grafana/out/kustomization.yaml` makes config maps of the very files.
"""

from typing import Any

import yaml

from grafana.alerting.service import MOST_SERIES
from grafana.generate import NOTICE
from grafana.generate import files as grafana_files
from grafana.look import Look
from grafana.provisioning import LIVE_PACE, PARTS, identity, pace

FOLDERS = ("deploy/kubernetes/monitoring",)
"""Folders, from the repository's root, that hold nothing but generated files."""
OUT = "grafana/out"
PROMETHEUS_URL = "http://prometheus-operated.monitoring:9090"
"""Where the Prometheus Operator's own service answers; an overlay may say another."""
PAST_URL = "http://sales-past.sales-pulse:9090"
"""Where the Prometheus of the past answers, by the namespace of base/."""
_FOUND = {"release": "kube-prometheus-stack"}
"""By this label kube-prometheus-stack finds rules and monitors, where its Helm release has its own name."""
_TARGET_LABELS = "pod|container|endpoint|service|namespace"
_PROCESSES = {
    "exporter": _TARGET_LABELS,
    "worker": "container|endpoint|service",
    "gateway": "container|endpoint|service",
}
"""Process → labels of its target that would stand in the way: who shows a number is no part of the number."""
_INSTANCES: dict[str, dict[str, Any]] = {
    "exporter": {"replacement": "sales-exporter"},
    "worker": {"sourceLabels": ["__meta_kubernetes_pod_name"]},
}
"""Process → its `instance`: the exporter is one, a worker has its pod's name; an address is new with each start."""


def files(look: Look | None = None) -> dict[str, bytes]:
    """Path from the repository's root → content."""
    made = grafana_files(look)
    rules = {
        path.removeprefix(f"{OUT}/rules/").removesuffix(".yml"): yaml.safe_load(content)["groups"]
        for path, content in made.items()
        if path.startswith(f"{OUT}/rules/")
    }
    boards = sorted(
        path.removeprefix(f"{OUT}/")
        for path in made
        if path.startswith(f"{OUT}/dashboards/") and path.endswith(".json")
    )
    return {
        "deploy/kubernetes/monitoring/rules.yaml": _text(
            *(_rule(name, groups) for name, groups in sorted(rules.items()))
        ),
        "deploy/kubernetes/monitoring/targets.yaml": _text(*(_monitor(*item) for item in _PROCESSES.items())),
        "deploy/kubernetes/monitoring/datasource.yaml": _text(_datasource(made)),
        "deploy/kubernetes/monitoring/kustomization.yaml": _text(
            _kustomization(resources=["rules.yaml", "targets.yaml", "datasource.yaml", f"../../../{OUT}"])
        ),
        f"{OUT}/kustomization.yaml": _text(_dashboards(boards)),
    }


def _rule(name: str, groups: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {
            "name": name if name.startswith("sales-") else f"sales-{name}",
            "labels": {"role": "alert-rules", **_FOUND},
        },
        "spec": {"groups": groups},
    }


def _monitor(process: str, unwanted: str) -> dict[str, Any]:
    """Scrape a service under the job name that the alerts know."""
    job = f"sales-{process}"
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "ServiceMonitor",
        "metadata": {"name": job, "labels": dict(_FOUND)},
        "spec": {
            "selector": {"matchLabels": {"app.kubernetes.io/name": job}},
            "sampleLimit": MOST_SERIES,
            "endpoints": [_endpoint(one, process, unwanted) for one in (PARTS if job in PARTS else (job,))],
        },
    }


def _endpoint(job: str, process: str, unwanted: str) -> dict[str, Any]:
    """One job of a process, as prometheus.yml has it."""
    relabelings = [
        {"action": "replace", "targetLabel": "job", "replacement": job},
        *({"action": "replace", "targetLabel": "instance", **one} for one in [_INSTANCES.get(process)] if one),
        {"action": "labeldrop", "regex": unwanted},
    ]
    interval, timeout = pace(job).values() or LIVE_PACE
    scraped = identity(job)
    return {
        "port": "http",
        **({"params": scraped["params"]} if scraped else {}),
        "interval": interval,
        "scrapeTimeout": timeout,
        "basicAuth": {name: {"name": "sales-web", "key": name} for name in ("username", "password")},
        "relabelings": relabelings,
        **_samples(scraped.get("metric_relabel_configs", [])),
    }


def _samples(relabelled: list[dict[str, str]]) -> dict[str, Any]:
    """What becomes of the labels of samples, in the operator's spelling."""
    found = [
        {"action": "replace", "targetLabel": one["target_label"], "replacement": one["replacement"]}
        for one in relabelled
    ]
    return {"metricRelabelings": found} if found else {}


def _datasource(made: dict[str, bytes]) -> dict[str, Any]:
    text = made["deploy/grafana/provisioning/datasources/sales-pulse.yml"].decode()
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "sales-datasource", "labels": {"grafana_datasource": "1"}},
        "data": {
            "sales-pulse.yml": text.replace("${SALES_PROMETHEUS_URL}", PROMETHEUS_URL)
            .replace("${SALES_PAST_URL}", PAST_URL)
            # A Grafana has one default, and kube-prometheus-stack's has its own; dashboards name theirs.
            .replace("isDefault: true", "isDefault: false")
        },
    }


def _dashboards(boards: list[str]) -> dict[str, Any]:
    def config_map(path: str) -> dict[str, Any]:
        name = path.removeprefix("dashboards/").removesuffix(".json").removeprefix("sales-")
        options = {"labels": {"grafana_dashboard": "1"}, "annotations": {"grafana_folder": "Sales Pulse"}}
        return {"name": f"sales-dashboard-{name}", "files": [path], "options": options}

    return _kustomization(
        generatorOptions={"disableNameSuffixHash": True}, configMapGenerator=[config_map(path) for path in boards]
    )


def _kustomization(**content: Any) -> dict[str, Any]:
    return {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", **content}


def _text(*documents: dict[str, Any]) -> bytes:
    body = "---\n".join(
        yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=1000) for document in documents
    )
    return (NOTICE + body).encode()
