"""Everything has a caller outside the tests: two functions that all depended on once had none, and nobody noticed.

By the types, not by names: mypy writes down who uses what, resolved, while it checks (`cache_fine_grained`).
"""

import ast
import importlib
import inspect
import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from typing_extensions import is_protocol

from tests.test_house import ROOMS, ROOT, sources

PUBLIC = {
    "producers.compiled.Finder.find_spec": "Python asks for it at each import",
    "producers.publisher.SalesPublisher.publish": "for programs of others",
    "producers.publisher.SalesPublisher.publish_many": "for programs of others",
    "streams.letters.collector.OpenLettersCollector.describe": "prometheus_client asks for it",
    "streams.runtime.partition_state.PartitionCollector.describe": "prometheus_client asks for it",
    "deploy.stack.program.Program.pause": "the other half of resume; faults freeze programs",
}
"""What is called from outside, and why."""
COMING: tuple[str, ...] = ()
"""Modules of a change that is not whole yet; empty at a release."""
BY_NAME = {"command": "deploy.commands.", "files": "", "render": ""}
"""Functions that are looked up by name → prefix of the modules that have them: by the command line and `generate`."""
PLAIN = {"property", "cached_property", "staticmethod", "classmethod", "cache", "lru_cache", "contextmanager",
         "asynccontextmanager", "override", "overload"}  # fmt: skip
"""Decorators that do not hand a function to somebody who calls it."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


@pytest.fixture(scope="module")
def uses() -> dict[str, set[str]]:
    """What is defined → what uses it, both by full name; `<name>` stands for all that uses `name`."""
    done = subprocess.run([sys.executable, "-m", "mypy"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    found: dict[str, set[str]] = {}
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    databases = sorted((ROOT / ".mypy_cache" / version).glob("*.db"))
    assert databases
    for path in databases:
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as database:
            for name, data in database.execute("SELECT path, data FROM files2 WHERE path LIKE '%.deps.json'"):
                if name.split("/")[0] in ROOMS:
                    for defined, users in json.loads(data).items():
                        found.setdefault(defined, set()).update(users)
    return found


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def defined(tree: ast.Module, module: str) -> Iterator[tuple[str, Function]]:
    """Functions and methods, by full name."""
    for node in tree.body:
        if isinstance(node, Function):
            yield f"{module}.{node.name}", node
        elif isinstance(node, ast.ClassDef):
            yield from ((f"{module}.{node.name}.{one.name}", one) for one in node.body if isinstance(one, Function))


def is_handed_over(node: Function) -> bool:
    """Whether a decorator gives the function to a framework."""
    names = {part.id if isinstance(part, ast.Name) else part.attr for one in node.decorator_list
             for part in ast.walk(one) if isinstance(part, ast.Name | ast.Attribute)}  # fmt: skip
    return bool(names) and not names & PLAIN


def named_in(tree: ast.Module) -> set[str]:
    """Names that a module reads: also in annotations, where validators are."""
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


class Callers:
    """Who calls what, found in what mypy wrote down and, of classes, in how they stand to each other."""

    def __init__(self, uses: dict[str, set[str]], modules: list[ModuleType]) -> None:
        self._uses = uses
        self._protocols = [
            one for module in modules for one in vars(module).values()
            if inspect.isclass(one) and is_protocol(one) and one.__module__ == module.__name__
        ]  # fmt: skip

    def are_there(self, name: str, seen: frozenset[str] = frozenset()) -> bool:
        """Whether anything but itself uses it, perhaps by the name of a class that inherits it."""
        users = self._uses.get(f"<{name}>", set()) - {name}
        if any(not user.startswith("<") and not user.startswith(f"{name}.") for user in users):
            return True
        ending = name[name.rindex(".") :]
        inherited = {user[1:-1] for user in users if user.startswith("<")} - seen - {name}
        return any(self.are_there(other, seen | {name}) for other in inherited if other.endswith(ending))

    def by_what_it_is(self, cls: type, method: str) -> bool:
        """Whether who calls the method knows its class by a base, or by a protocol that it fulfils."""
        for base in cls.__mro__[1:]:
            if method in vars(base) and (
                base.__module__.split(".")[0] not in ROOMS or self.are_there(full(base, method))
            ):
                return True
        return any(
            method in members and all(hasattr(cls, one) or one in _attributes(cls) for one in members)
            and self.are_there(full(protocol, method))
            for protocol in self._protocols if protocol is not cls
            for members in [_members(protocol)]
        )  # fmt: skip


def full(cls: type, method: str) -> str:
    return f"{cls.__module__}.{cls.__qualname__}.{method}"


@cache
def _members(protocol: type) -> frozenset[str]:
    held = {name for base in protocol.__mro__ if is_protocol(base) for name in (*vars(base), *_attributes(base))}
    return frozenset(name for name in held if not name.startswith("_"))


@cache
def _attributes(cls: type) -> frozenset[str]:
    """Attributes that are annotated, or set in methods."""
    found = {name for base in cls.__mro__ for name in getattr(base, "__annotations__", ())}
    for base in cls.__mro__:
        if base.__module__.split(".")[0] in ROOMS:
            tree = ast.parse(inspect.getsource(base))
            found |= {
                node.attr
                for node in ast.walk(tree)
                if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
            }
    return frozenset(found)


@pytest.mark.timeout(900)  # mypy starts from nothing where nobody has run it
def test_everything_has_a_caller(uses: dict[str, set[str]]) -> None:
    """No function or method of the rooms is there for tests alone, or for nobody."""
    trees = {module_of(path): ast.parse(path.read_text()) for path in sources()}
    modules = {name: importlib.import_module(name) for name in trees}
    callers = Callers(uses, list(modules.values()))
    unused = []
    for module, tree in trees.items():
        read = named_in(tree)
        for name, node in defined(tree, module):
            owner: Any = getattr(modules[module], name.removeprefix(f"{module}.").split(".")[0])
            is_method = inspect.isclass(owner)
            if (
                callers.are_there(name)
                or name in PUBLIC
                or name.startswith(COMING)
                or (node.name.startswith("__") and node.name.endswith("__"))
                or is_handed_over(node)
                or (not is_method and node.name in read)
                or (not is_method and node.name in BY_NAME and module.startswith(BY_NAME[node.name]))
                or (is_method and callers.by_what_it_is(owner, node.name))
            ):
                continue
            unused.append(f"{name} (line {node.lineno})")
    assert not unused, "\n".join(unused)


def test_the_public_is_there() -> None:
    """The list of what is called from outside names nothing that is gone."""
    for name in PUBLIC:
        module, owner, method = name.rsplit(".", 2)
        assert hasattr(getattr(importlib.import_module(module), owner), method)


def test_every_call_in_the_tests_fits() -> None:
    """In tests that are run by hand a function with new arguments would be noticed long after. Stars are not judged."""
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "tests"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    # Most of them are not typed: what is said of that does not count.
    assert "source files)" in done.stdout.splitlines()[-1], done.stdout + done.stderr
    wrong = [line for line in done.stdout.splitlines() if line.endswith("[call-arg]")]
    assert [line for line in wrong if "(*" not in _line(line)] == []


def _line(said: str) -> str:
    path, number, *_ = said.split(":")
    return (ROOT / path).read_text().splitlines()[int(number) - 1]
