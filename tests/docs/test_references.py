"""No reference of a document leads nowhere: links, their anchors, and the files that texts and docstrings name."""

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).parents[2]
ENDINGS = "py|pyi|md|lua|js|css|html|toml|ya?ml|json|jsonl|sh|txt|png|svg|lock|in|cfg|ini|msgpack"
NAMED = re.compile(
    rf"(?<![\w/.$*{{-])((?:\.\./|\./)*[\w-][\w.-]*(?:/[\w.-]+)*\.(?:{ENDINGS})|(?:[\w.-]+/)+)(?![\w/*{{<-])"
)
"""A file's name with an ending, or a folder's that ends in a slash."""
OF_PEOPLE = {
    "bench.jsonl", "calendar.yaml", "clients.csv", "history.jsonl", "plans.yaml", "reference.yaml", "deals.yaml",
    "mapping.yaml", "pbx.yaml", "results.jsonl", "stack.env", "package.json", "docker-compose.override.yml",
    "bitrix24.yaml", "events.jsonl",
}  # fmt: skip
"""Names of files that a reader makes or has, as examples call them; Kafka's tools are no files here either."""
ROOMS = ("deploy", "grafana", "metrics", "producers", "streams", "tests")


@cache
def tracked() -> tuple[str, ...]:
    """Paths of all files that are committed, or would be."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return tuple(path for path in listed.stdout.splitlines() if (ROOT / path).is_file())


@cache
def names() -> frozenset[str]:
    """Every tracked file's path, and each shorter spelling of it down to its bare name."""
    return frozenset("/".join(path.split("/")[at:]) for path in tracked() for at in range(path.count("/") + 1))


@cache
def folders() -> frozenset[str]:
    """The same of folders, each with a slash at its end."""
    return frozenset(f"{path.rpartition('/')[0]}/" for path in names() if "/" in path)


PAGES = [ROOT / path for path in tracked() if path.endswith(".md")]
SOURCES = [ROOT / path for path in tracked() if path.endswith(".py")]


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def prose(page: Path) -> str:
    """A page without its blocks of code."""
    return re.sub(r"^```.*?^```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    found: set[str] = set()
    for heading in re.findall(r"^#+ (.+?)\s*$", prose(page), re.MULTILINE):
        plain = re.sub(r"\[([^\]]+)\]\([^)]*\)", r"\1", heading).replace("`", "").lower()
        base = re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
        number, name = 0, base
        while name in found:
            number += 1
            name = f"{base}-{number}"
        found.add(name)
    return found


def is_there(name: str, near: Path) -> bool:
    """Whether a file or folder of this name exists: beside the page, from the root, or anywhere by its last parts."""
    if name in OF_PEOPLE or re.match(r"\.local/|kafka-[\w-]+\.sh$", name):
        return True
    if (near.parent / name).exists() or (ROOT / name).exists():
        return True
    return name in (folders() if name.endswith("/") else names())


def is_ours(name: str) -> bool:
    """Whether a name with slashes claims to be in this repository."""
    return "/" not in name.rstrip("/") or name.split("/", maxsplit=1)[0] in {
        *ROOMS,
        "..",
        ".",
        "spec",
        "schemas",
        "docs",
    }


def defined(path: Path) -> set[str]:
    """`Class.member` of everything that a module's classes define."""
    classes = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ClassDef)]
    return {f"{one.name}.{part.name}" for one in classes for part in one.body if hasattr(part, "name")}


@pytest.mark.parametrize(
    "page",
    [
        "deploy/docs/architecture.md",
        "producers/README.md",
        "streams/README.md",
        "metrics/README.md",
        "grafana/README.md",
    ],
)
def test_methods_that_a_page_names_exist(page):
    """`Class.method` is one of ours; where "in `file`" follows, it is there."""
    text = re.sub(r"\s+", " ", prose(ROOT / page))
    wrong = []
    for name, file in re.findall(r"`([A-Z][A-Za-z]+\.[a-z_]+)`(?: in `([\w/]+\.py)`)?", text):
        places = [ROOT / file] if file else [path for path in SOURCES if name.split(".")[0] in path.read_text()]
        if not any(name in defined(place) for place in places):
            wrong.append(f"{name}: not in {file or 'any module'}")
    assert not wrong, f"{page}: correct these names: {wrong}"


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_links_of_a_page_lead_somewhere(page):
    """A relative link names a file that exists, and its anchor a heading of that file."""
    wrong = []
    for target in re.findall(r"\]\(\s*<?((?!https?:|mailto:)[^)\s>]+)>?(?:\s+\"[^\"]*\")?\)", prose(page)):
        file, _, anchor = unquote(target).partition("#")
        leads_to = (page.parent / file) if file else page
        if not leads_to.exists():
            wrong.append(f"{target}: no such file")
        elif anchor and leads_to.suffix == ".md" and anchor not in anchors(leads_to):
            wrong.append(f"{target}: no such heading; there are {', '.join(sorted(anchors(leads_to)))}")
    assert not wrong, f"{relative(page)}: correct these links: {wrong}"


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_files_that_a_page_names_exist(page):
    """Between backticks a name with a file's ending, or a folder of ours, is one that is there."""
    wrong = [
        name
        for code in re.findall(r"`([^`\n]+)`", prose(page))
        for name in NAMED.findall(code)
        if not re.search(r"https?://|[<>*]", code) and is_ours(name) and "=" not in code and not is_there(name, page)
    ]
    assert not wrong, f"{relative(page)}: correct or remove these names of files: {wrong}"


def test_documents_that_the_code_names_exist():
    """A docstring, comment or message of the code that names a page names one that is there."""
    wrong = [
        f"{relative(path)}:{number}: {name}"
        for path in SOURCES
        if path != Path(__file__) and not relative(path).startswith("tests/unit/deploy/")
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if ".md" in line
        for name in re.findall(r"(?<![\w/.*{}-])((?:[\w.-]+/)*[\w-]+\.md)\b", line)
        if not is_there(name, path)
    ]
    assert not wrong, f"correct these names of pages: {wrong}"


def docstrings(path: Path) -> Iterator[str]:
    """Of a module and everything in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield ast.get_docstring(node, clean=False) or ""


def test_modules_that_docstrings_name_exist():
    """`room/module.py` and `room.module` in a docstring are modules or what they hold."""
    rooms, wrong = "|".join(ROOMS), []
    for path in SOURCES:
        for text in docstrings(path):
            files = re.findall(rf"\b((?:{rooms})/[\w./-]+\.py)\b", text)
            names = re.findall(rf"`((?:{rooms})(?:\.\w+)+)`", text)
            missing = [name for name in files if not (ROOT / name).exists()]
            missing += [name for name in names if not _module(name)]
            wrong += [f"{relative(path)}: {name}" for name in missing]
    assert not wrong, f"correct these names of modules: {wrong}"


def _module(name: str) -> bool:
    """Whether a dotted name is a module, or a name that stands in one."""
    parts = name.split(".")
    for end in range(len(parts), 0, -1):
        path = ROOT.joinpath(*parts[:end])
        file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        if file.exists():
            rest = parts[end:]
            return not rest or re.search(rf"\b{re.escape(rest[0])}\b", file.read_text()) is not None
    return False


def test_the_index_leads_to_every_page():
    """Each document is reached from the index in one step, so that nobody has to know that it is there."""
    index = ROOT / "deploy/docs/README.md"
    linked = {
        (index.parent / target.partition("#")[0]).resolve() for target in re.findall(r"\]\(([^)]+)\)", prose(index))
    }
    missing = [relative(page) for page in PAGES if page.resolve() not in {*linked, index} and _is_a_document(page)]
    assert not missing, f"deploy/docs/README.md does not link {missing}"


def _is_a_document(page: Path) -> bool:
    """Decisions have an index of their own."""
    return page.parent.name != "decisions" or page.name == "README.md"


EXPLAINING = [
    page for page in PAGES if {"decisions", "specification"} & {*page.parts} or page.name == "architecture.md"
]


@pytest.mark.parametrize("page", EXPLAINING, ids=relative)
def test_names_that_a_page_explains_are_in_the_code(page):
    """A class or method between backticks, and a function called by name, is one that the code still has."""
    wrong = []
    for name in re.findall(r"`((?:[A-Z]\w*[a-z]\w*|\w+)(?:\.\w+)*)(?:\(\))?`", prose(page)):
        first, *rest = name.split(".")
        if re.search("[a-z][A-Z]|[A-Z][a-z]", first) and not all(part in words() for part in (first, *rest)):
            wrong.append(name)
    assert not wrong, f"{relative(page)}: the code has no {wrong} any more; correct or remove these names"


@cache
def words() -> frozenset[str]:
    """Every word of the sources."""
    return frozenset(word for path in SOURCES for word in re.findall(r"\w+", path.read_text()))
