"""Makes the wheel of compiled modules from the source in the current folder: `python -m deploy.compiling.wheel FOLDER`.

Needs mypy, a C compiler and Python's headers; `deploy/compile` sees to them. The wheel holds machine code alone, below
a package of its own, for this Python and this kind of machine; `producers/compiled.py` decides whether it is what runs.
"""

import ast
import json
import shutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import chdir
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryDirectory

from mypyc.build import mypycify
from setuptools import Extension, setup

from deploy.compiling.modules import IN_C, MODULES
from producers.compiled import MADE_OF, PACKAGE, SHARED, digest

NAME = "sales-pulse-compiled"


def path_of(module: str, root: Path) -> Path | None:
    """The file of a module or package below `root`; None where it is none of ours."""
    base = root / module.replace(".", "/")
    return next((path for path in (base.with_suffix(".py"), base / "__init__.py") if path.is_file()), None)


def imported(path: Path) -> Iterator[str]:
    """Names that a file imports anywhere in it; with those of what is taken from them, which may be modules."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if not node.module or node.level:
                raise ValueError(f"{path}:{node.lineno}: an import says the whole name of its module here")
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def depends_on(modules: Iterable[str], root: Path) -> set[Path]:
    """The files that the machine code of modules may depend on: theirs, and of all of ours that they import.

    A type or a constant of a module that is not compiled itself is in the code of those that are.
    """
    found: set[Path] = set()
    waiting = list(modules)
    while waiting:
        module = waiting.pop()
        if package := module.rpartition(".")[0]:
            waiting.append(package)
        if (path := path_of(module, root)) and path not in found:
            found.add(path)
            waiting += imported(path)
    return found


def c_file(module: str) -> str:
    """The path of what is written in C."""
    return module.replace(".", "/") + ".c"


def extensions(root: Path, target: Path) -> list[Extension]:
    """C of all modules below `root`, written into `target`, as setuptools takes it.

    Raises SystemExit when mypy finds a fault.
    """
    paths = [str(path.relative_to(root)) for module in MODULES if (path := path_of(module, root))]
    with chdir(root):  # or tracebacks would name a folder that is no more
        made = mypycify(
            [f"--cache-dir={target / 'cache'}", *paths],
            opt_level="3", debug_level="0", group_name=SHARED.removesuffix("__mypyc"), target_dir=str(target),
        )  # fmt: skip
    made += [Extension(module, [str(root / c_file(module))], extra_compile_args=["-O2"]) for module in IN_C]
    for one in made:
        one.name = f"{PACKAGE}.{one.name}"
    return made


def wheel(root: Path, out: Path) -> None:
    """Write the wheel of the source below `root` into `out`."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        source, package = folder / "source", folder / "wheel" / PACKAGE
        package.mkdir(parents=True)
        # What is compiled is a copy, and digests are the copy's: whatever becomes of the source meanwhile.
        made_of = {}
        for path in sorted(depends_on(MODULES, root) | {root / c_file(module) for module in IN_C}):
            copy = source / path.relative_to(root)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
            made_of[path.relative_to(root).as_posix()] = digest(copy)
        shutil.copyfile(root / "pyproject.toml", source / "pyproject.toml")
        (package / MADE_OF).write_text(json.dumps(made_of, indent=1) + "\n")
        (package / "__init__.py").write_text('"""Machine code of sales-pulse; see producers/compiled.py there."""\n')
        made = extensions(source, folder / "c")
        with chdir(folder / "wheel"):
            setup(
                name=NAME, version=metadata.version("sales-pulse"), description="Machine code of sales-pulse.",
                packages=[PACKAGE], package_data={PACKAGE: [MADE_OF]}, ext_modules=made,
                script_args=["--quiet", "build", "--parallel", "2", "bdist_wheel", "--dist-dir", str(out)],
            )  # fmt: skip


if __name__ == "__main__":
    wheel(Path.cwd(), Path(sys.argv[1]).resolve())
