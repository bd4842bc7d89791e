"""What one installation's Grafana, Prometheus and Alertmanager read: generated with its settings, into a folder.

FOLDER/dashboards, FOLDER/rules, FOLDER/prometheus, FOLDER/alertmanager, FOLDER/provisioning, FOLDER/playlist.json; and
FOLDER/kubernetes, to be applied with `kubectl apply -k`.
"""

from pathlib import Path

from deploy.errors import GenerateError
from deploy.kubernetes import generate as kubernetes
from grafana import generate as grafana
from grafana.channels import AlertSettings
from grafana.look import Look

_PLACES = {
    "grafana/out/": "",
    "deploy/grafana/": "",
    "deploy/alertmanager/": "alertmanager/",
    "deploy/prometheus/": "prometheus/",
    "deploy/kubernetes/monitoring/": "kubernetes/",
    "deploy/": "",
}
"""Folder of the repository → where its files go; the first that fits."""
LIST = ".sales-pulse-generated"
"""Names what was written there before, so that what is no longer generated goes, and nothing else does."""


def look(settings: Path | None = None) -> Look:
    """The look by the settings in force. settings: a file that is read instead of `.env`.

    Raises ValidationError for settings that are wrong, GenerateError where there is no such file.
    """
    if settings is None:
        return Look.of(AlertSettings())
    if not settings.is_file():
        raise GenerateError(f"there is no file {settings}")
    return Look.of(AlertSettings(_env_file=settings))


def files(look: Look) -> dict[str, bytes]:
    """Path in the folder → content."""
    made = {_place(path): content for path, content in (grafana.files(look) | kubernetes.files(look)).items()}
    base = "kubernetes/kustomization.yaml"
    made[base] = made[base].replace(f"../../../{kubernetes.OUT}".encode(), b"..")
    return made


def _place(path: str) -> str:
    return next(f"{to}{path.removeprefix(start)}" for start, to in _PLACES.items() if path.startswith(start))


def written(folder: Path, look: Look) -> int:
    """Write all files, remove those of an earlier run that are no more. Returns how many there are."""
    wanted = files(look)
    folder.mkdir(parents=True, exist_ok=True)
    listed = folder / LIST
    before = set(listed.read_text().splitlines()) if listed.exists() else set()
    for path in before - wanted.keys():
        (folder / path).unlink(missing_ok=True)
    for path, content in wanted.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    listed.write_text("".join(f"{path}\n" for path in sorted(wanted)))
    return len(wanted)
