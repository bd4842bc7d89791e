"""What the digest has in common with the wall besides its tiles: its words and colours, read from the wall's own files.

They are JavaScript and CSS, because browsers read them; what is read here is data alone, which YAML reads, too.
"""

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

LANGUAGES = ("en", "ru")
_WALL = files("metrics.exporter") / "wall"


@cache
def words(language: str) -> Mapping[str, str]:
    """The wall's words by key."""
    found: Mapping[str, str] = _literal("words.js", "WORDS")[language]
    return found


@cache
def colours() -> Mapping[str, str]:
    """The wall's colours by name, as it is when it is light."""
    text = (_WALL / "theme.css").read_text()
    block = text.partition("html[data-theme=light] {")[2].partition("}")[0]
    return dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", block))


def _literal(name: str, constant: str) -> Any:
    """The array or object that a constant of a script is, as data."""
    text = (_WALL / name).read_text().partition(f"const {constant} = ")[2]
    return yaml.safe_load(text[: re.search(r"^[\]}];$", text, re.MULTILINE).start() + 1])  # type: ignore[union-attr]
