"""Which modules are compiled, and that what is compiled runs only where the source is the one it was made of."""

import json
import os
import shutil
import subprocess
import sys
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from deploy.compiling.modules import MODULES
from producers.compiled import FORM, MADE_OF, PACKAGE, SHARED, WANTED, Finder, digest, installed

ROOT = Path(__file__).parents[3]
SUFFIX = EXTENSION_SUFFIXES[0]
SOURCES = ("streams/fold/calls.py", "metrics/view.py")


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A source, and beside it what passes for the result of compiling it."""
    for name in SOURCES:
        path = tmp_path / name
        path.parent.mkdir(parents=True)
        path.write_bytes((ROOT / name).read_bytes())
    package = tmp_path / "site" / PACKAGE
    for name in ("__init__.py", f"{SHARED}{SUFFIX}", f"streams/fold/calls{SUFFIX}"):
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).touch()
    (package / MADE_OF).write_text(json.dumps({name: digest(tmp_path / name) for name in SOURCES}))
    monkeypatch.syspath_prepend(tmp_path / "site")
    return tmp_path


def test_every_module_of_the_list_is_there_once() -> None:
    assert all((ROOT / name.replace(".", "/")).with_suffix(".py").is_file() for name in MODULES)
    assert len(set(MODULES)) == len(MODULES)
    assert list(MODULES) == sorted(MODULES)


def test_it_runs_where_the_source_is_the_same(tree: Path) -> None:
    found = installed(tree)
    assert (found.name, found.told) == ("compiled", "compiled")
    assert found.modules.keys() == {SHARED, "streams.fold.calls"}


@pytest.mark.parametrize("name", SOURCES)
def test_the_source_runs_where_a_byte_differs(tree: Path, name: str) -> None:
    """Also of a module that is not compiled: its constants are in the code of those that are. Times do not count."""
    path = tree / name
    before = path.stat()
    path.write_bytes(path.read_bytes() + b"\n")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    found = installed(tree)
    assert found.told == f"python: it was made of another {name}"
    assert not found.modules
    path.unlink()
    assert installed(tree).name == "python"


def test_the_source_runs_where_it_is_asked_for(tree: Path) -> None:
    assert installed(tree, "no").told == f"python: {WANTED} is no"
    assert installed(tree, "yes").name == "compiled"


@pytest.mark.parametrize("content", ["", "{", None])
def test_the_source_runs_where_nobody_knows_what_it_was_made_of(tree: Path, content: str | None) -> None:
    path = tree / "site" / PACKAGE / MADE_OF
    path.unlink() if content is None else path.write_text(content)
    assert installed(tree).name == "python"


def test_the_source_runs_where_it_is_for_another_python(tree: Path) -> None:
    for path in (tree / "site" / PACKAGE).rglob(f"*{SUFFIX}"):
        path.rename(path.with_name(path.name.removesuffix(SUFFIX) + ".cpython-27-x86_64-linux-gnu.so"))
    assert installed(tree).reason.startswith("it was made for another Python")


def test_only_its_own_modules_are_found() -> None:
    finder = Finder({"streams.fold.calls": "/somewhere/calls.so"})
    spec = finder.find_spec("streams.fold.calls")
    assert spec is not None
    assert spec.origin == "/somewhere/calls.so"
    assert finder.find_spec("streams.fold") is None
    assert finder.find_spec("streams.fold.callsigns") is None


def test_this_process_has_one_form() -> None:
    """Every module that is loaded and listed is of it."""
    import streams.state.partition  # noqa: F401 - loads most of them

    loaded = {name: str(sys.modules[name].__file__) for name in MODULES if name in sys.modules}
    assert len(loaded) > 20
    assert {path.endswith(SUFFIX) for path in loaded.values()} == {FORM.name == "compiled"}


def test_what_machine_code_depends_on_is_found() -> None:
    """Modules that the list imports, what these import, and the packages that they lie in."""
    from deploy.compiling.wheel import depends_on

    found = {path.relative_to(ROOT).as_posix() for path in depends_on(MODULES, ROOT)}
    assert found >= {
        "streams/fold/calls.py", "streams/fold/state.py", "streams/fold/__init__.py", "streams/__init__.py",
        "metrics/view.py", "metrics/measure.py", "producers/events/wire/structs/calls.py", "producers/compiled.py",
    }  # fmt: skip
    assert not any(path.startswith(("deploy/", "tests/", "metrics/exporter/")) for path in found)


def test_types_are_there_where_it_is_compiled() -> None:
    """What the files take from others has its types with it, or its stubs are in the lock of what compiles."""
    from deploy.compiling.wheel import depends_on, imported

    lock = (ROOT / "deploy/requirements/compile.txt").read_text().lower()
    owners = packages_distributions()
    names = {name.partition(".")[0] for path in depends_on(MODULES, ROOT) for name in imported(path)}
    stubs = {owner.lower() for name in names for owner in owners.get(f"{name}-stubs", ())}
    assert stubs
    assert {name for name in stubs if f"\n{name}==" not in lock} == set()


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """An environment whose Python has no headers, and a PATH with neither a compiler nor Debian's client."""
    programs = tmp_path / "programs"
    for name in ("bash", "sh", "dirname"):
        (programs / name).parent.mkdir(exist_ok=True)
        (programs / name).symlink_to(shutil.which(name) or name)
    python = tmp_path / "environment" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\nexit 1\n")
    python.chmod(0o755)
    return tmp_path


@pytest.mark.parametrize(
    ("command", "status"),
    [(("deploy/compile", "--environment"), 3), (("deploy/containers/compile",), 0)],
)
def test_without_headers_everything_stays_as_it_is(bare: Path, command: tuple[str, ...], status: int) -> None:
    """It says what is missing and what that means; an image is built all the same."""
    done = subprocess.run(
        [*command, bare / "environment"],
        cwd=ROOT, env={"PATH": str(bare / "programs")}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == status, done.stderr
    assert "Python's headers are missing" in done.stderr
    assert "runs from source" in done.stderr


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A copy of what compiling needs, moved here with its `.venv`, whose programs say what they were asked."""
    tree = tmp_path / "moved"
    for name in (
        "deploy/compile",
        "deploy/install.sh",
        "deploy/containers/pip",
        "deploy/requirements",
        "pyproject.toml",
    ):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tree / name)
    (tree / ".venv/bin").mkdir(parents=True)
    for name in ("python", "pip"):
        program = tree / ".venv/bin" / name
        program.write_text(f'#!/bin/sh\necho "$@" >>"{tree}/asked"\ncase "$1" in -c) exit 1 ;; esac\n')
        program.chmod(0o755)
    return tree


def _stamp(tree: Path, folder: str) -> str:
    command = "cat deploy/requirements/local.txt pyproject.toml | cksum"
    found = subprocess.run(["bash", "-c", command], cwd=tree, capture_output=True, text=True, check=True).stdout
    return f"local {folder} {found}"


@pytest.mark.parametrize("folder", ["/where/it was made", "/another"])
def test_a_wheel_leaves_the_environment_as_it_is(clone: Path, folder: str) -> None:
    """Moved or not: what it has is read, for the types, and nothing is installed."""
    stamp = clone / ".venv/.installed"
    stamp.write_text(_stamp(clone, folder))
    done = subprocess.run(
        ["deploy/compile", "--wheel", "dist"], cwd=clone, capture_output=True, text=True, check=False
    )  # fmt: skip
    assert done.returncode == 3, done.stderr
    assert "Installing" not in done.stderr
    assert stamp.read_text() == _stamp(clone, folder)
    asked = (clone / "asked").read_text()
    assert "Python.h" in asked
    assert "install" not in asked


def test_a_wheel_is_made_without_an_environment_too(clone: Path) -> None:
    """What another lock pinned is not read: Python itself is asked for its headers, and `.venv` is left alone."""
    (clone / ".venv/.installed").write_text("local /elsewhere 1 2\n")
    bare = clone / "bare"
    bare.write_text('#!/bin/sh\ncase "$2" in *Python.h*) exit 1 ;; esac\n')
    bare.chmod(0o755)
    done = subprocess.run(
        ["deploy/compile", "--wheel", "dist"], cwd=clone, env=os.environ | {"PYTHON": str(bare)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 3, done.stderr
    assert "headers are missing" in done.stderr
    assert not (clone / "asked").exists()
