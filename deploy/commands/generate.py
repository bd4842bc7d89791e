"""`sales-pulse generate`: rewrites everything generated, so that what is committed never drifts from its source."""

from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from deploy.errors import GenerateError, MisuseError
from deploy.installation import look, written
from deploy.misspelt import settings_of

ROOT = Path(__file__).resolve().parents[2]
PROVIDERS = ("producers.events.generate", "grafana.generate", "deploy.kubernetes.generate")
"""Modules with `files() -> {path from the root: bytes}` and FOLDERS, the folders that they own entirely (or FOLDER)."""
PAGES = {
    "metrics/REFERENCE.md": "metrics.reference_page",
    "metrics/exporter/wall/layout.js": "metrics.layout_page",
    "deploy/docs/SETTINGS.md": "deploy.settings_page",
    "producers/gateway/openapi.json": "producers.gateway.document",
}
"""Single pages → the module whose `render() -> str` makes them."""


def command(
    check: Annotated[bool, typer.Option("--check", help="Change nothing; exit 1 and name what differs.")] = False,
    to: Annotated[
        Path | None, typer.Option(help="Write dashboards, rules and alerts for this installation's settings there.")
    ] = None,
    settings: Annotated[
        Path | None, typer.Option(help="With --to: a file of SALES_ settings, read instead of .env.")
    ] = None,
) -> None:
    """Rewrite schemas, reference page, dashboards, rules and alerts from their source.

    Committed files have the defaults. --to writes those of this installation, with its currency, targets, time zone
    and addresses (SALES_PUBLIC_URL, SALES_GRAFANA_URL).

    Example: sales-pulse generate --to /srv/sales-pulse
    """
    if settings and not to:
        raise MisuseError("--settings needs --to; the committed files have the defaults")
    if settings:
        if not settings.is_file():
            raise MisuseError(f"{settings}: there is no such file")
        settings_of(settings)
    if to:
        if check:
            raise MisuseError("--check compares the committed files; --to writes others")
        typer.echo(f"{written(to, look(settings))} files written to {to}")
        return
    changed: set[str] = set()
    wanted, folders = collect(None if check else changed)
    if check:
        if differing := differences(ROOT, wanted, folders):
            raise GenerateError(f"not up to date (run `sales-pulse generate`): {', '.join(differing)}")
        typer.echo(f"{len(wanted)} generated files are up to date")
        return
    changed.update(write(ROOT, wanted, folders))
    typer.echo(f"{len(changed)} of {len(wanted)} generated files changed")


def collect(changed: set[str] | None = None) -> tuple[dict[str, bytes], list[str]]:
    """Ask every provider. Returns files by path from the root (bytes) and the folders that hold nothing else.

    changed: where given, each one's files are written before the next is asked, which may import them, as the fold does
    the structs; the paths of those that differed are added.
    """
    wanted: dict[str, bytes] = {}
    folders: list[str] = []
    for name in filter(find_spec, PROVIDERS):
        module = import_module(name)
        files = {str(path): content for path, content in module.files().items()}
        if changed is not None:
            changed.update(write(ROOT, files, []))
        wanted |= files
        folders += [str(folder) for folder in getattr(module, "FOLDERS", None) or (module.FOLDER,)]
    for path, name in PAGES.items():
        if find_spec(name):
            wanted[path] = import_module(name).render().encode()
    return wanted, folders


def differences(root: Path, wanted: Mapping[str, bytes], folders: list[str]) -> list[str]:
    """Paths that are missing, changed, or lie in an owned folder without being generated; sorted."""
    found = {
        str(path.relative_to(root))
        for folder in folders
        for path in (root / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    stale = found - set(wanted)
    changed = {path for path, content in wanted.items() if not _same(root / path, content)}
    return sorted(stale | changed)


def _same(path: Path, content: bytes) -> bool:
    return path.is_file() and path.read_bytes() == content


def write(root: Path, wanted: Mapping[str, bytes], folders: list[str]) -> list[str]:
    """Write every file that differs, and take away what lies in the owned folders without being generated.

    Returns the paths of both.
    What is right stays in its place: a gateway or a Grafana that reads the folder finds no moment without it.
    """
    differing = differences(root, wanted, folders)
    for name in differing:
        path = root / name
        if name not in wanted:
            path.unlink()
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(wanted[name])
    return differing
