"""No line of a shell block is left to chance: each is of a kind that is checked here or followed elsewhere."""

import importlib
import itertools
import os
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    page
    for folder in (".", "deploy", "producers", "metrics", "tests")
    for page in ((ROOT / folder).glob("*.md") if folder == "." else (ROOT / folder).rglob("*.md"))
    if page.parent.name != "recipes"  # tests/integration/clients runs those as they stand
)
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def lines() -> Iterator[tuple[str, str]]:
    """(page, command) of every line; a continued or quoted command is one."""
    for page in PAGES:
        for block in re.findall(r"```sh\n(.*?)```", page.read_text(), re.DOTALL):
            words: list[str] = []
            for line in block.splitlines():
                words.append(line)
                try:
                    whole = shlex.split("\n".join(words), comments=True)
                except ValueError:
                    continue
                if whole:
                    yield str(page.relative_to(ROOT)), shlex.join(whole)
                words = []
            assert not words, f"{page}: {words}"


def is_right(words: list[str]) -> bool:  # noqa: C901, PLR0911 - one line a kind
    """Whether a command is one that exists here, with the files and names that it mentions."""
    match words:
        case ["poe", task]:
            return task in PROJECT["tool"]["poe"]["tasks"]
        case [setting, *rest] if re.match(r"TEST_\w+=", setting):
            return is_right(rest)
        case ["pytest", "-s", *rest]:
            return is_right(["pytest", *rest])
        case ["pytest", "-m", marker, *paths]:
            markers = {one.partition(":")[0] for one in PROJECT["tool"]["pytest"]["ini_options"]["markers"]}
            return marker in markers and all((ROOT / path.partition("::")[0]).exists() for path in paths)
        case ["python", "-m", module, *_] if module.startswith(("tests.", "deploy.")):
            found = importlib.util.find_spec(module)
            return (
                found is not None
                and (ROOT / module.replace(".", "/")).with_suffix(".py").exists()
                | (ROOT / module.replace(".", "/") / "__main__.py").exists()
            )
        case ["docker", "compose", *rest]:
            services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
            profiles = {profile for service in services.values() for profile in service.get("profiles", ())}
            named = {after for flag, after in itertools.pairwise(rest) if flag == "--profile"}
            return named <= profiles
        case ["pip", "install", spec] if spec.startswith(".["):
            return set(spec[2:-1].split(",")) <= PROJECT["project"]["optional-dependencies"].keys()
        case ["pre-commit", "install"]:
            return (ROOT / ".pre-commit-config.yaml").exists()
        case ["sales-pulse", *_] | ["curl", *_]:
            return True  # test_docs.py runs the first, test_newcomer.py and the gateway's tests the second
        case [program, *_] if program.startswith("deploy/"):
            return os.access(ROOT / program, os.X_OK)
        case ["export", setting] if "=" in setting:
            return True
        case [first, *rest] if "=" in first:
            return not rest or is_right(rest)
    return False


@pytest.mark.parametrize(("page", "command"), [pytest.param(*one, id=f"{one[0]}: {one[1][:60]}") for one in lines()])
def test_every_line_is_known(page, command):
    """A command that nobody checks rots."""
    assert is_right(shlex.split(command)), command
