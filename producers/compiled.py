"""Takes the worker's hot modules in their compiled form, where one is installed that was made of exactly this source.

`deploy/compile` makes it: a package beside this one, of machine code and of digests of the source that it was made of.
The source always lies here and is what runs wherever one of those files differs by a byte: an edit is never overruled.
"""

import hashlib
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.machinery import EXTENSION_SUFFIXES, ExtensionFileLoader, ModuleSpec, PathFinder
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType

PACKAGE = "sales_pulse_compiled"
"""What holds it: compiled modules by their paths, what they share, and `MADE_OF`."""
SHARED = "sales_pulse__mypyc"
"""The module that all compiled ones take their code from."""
MADE_OF = "made-of.json"
"""Path of each file of source that the machine code depends on → its digest."""
WANTED = "PULSE_COMPILED"
"""`no` in this variable of the environment has the source run, whatever is installed."""
_ROOT = Path(__file__).parents[1]
_SUFFIX = EXTENSION_SUFFIXES[0]


@dataclass(frozen=True)
class Form:
    """In which form this process runs the hot modules."""

    reason: str = ""
    """Why it is the source; "" where it is compiled."""
    modules: dict[str, str] = field(default_factory=dict)
    """Name of each compiled module → its file."""

    @property
    def name(self) -> str:
        """`compiled` or `python`."""
        return "python" if self.reason else "compiled"

    @property
    def told(self) -> str:
        """The form for people, with why it is the source."""
        return f"python: {self.reason}" if self.reason else "compiled"


def digest(path: Path) -> str:
    """Of a file's content; "" where there is none."""
    try:
        return hashlib.blake2b(path.read_bytes(), digest_size=16).hexdigest()
    except OSError:
        return ""


def installed(root: Path = _ROOT, wanted: str = "") -> Form:
    """The form for the source below `root`, by what is installed and what is `wanted`."""
    if wanted.lower() in {"no", "0", "false", "off"}:
        return Form(f"{WANTED} is {wanted}")
    found = PathFinder.find_spec(PACKAGE)
    if found is None or not found.submodule_search_locations:
        return Form("nothing compiled is installed")
    folder = Path(next(iter(found.submodule_search_locations)))
    try:
        made_of: dict[str, str] = json.loads((folder / MADE_OF).read_bytes())
    except (OSError, ValueError):
        return Form(f"{folder} has no {MADE_OF}")
    if other := next((path for path, was in made_of.items() if digest(root / path) != was), ""):
        return Form(f"it was made of another {other}")
    files = {path.relative_to(folder).as_posix().removesuffix(_SUFFIX): path for path in folder.rglob(f"*{_SUFFIX}")}
    if SHARED not in files:
        return Form(f"it was made for another Python than {sys.implementation.cache_tag}")
    return Form(modules={name.replace("/", "."): str(path) for name, path in files.items()})


class Finder:
    """Finds compiled modules before their source."""

    def __init__(self, modules: dict[str, str]) -> None:
        self._modules = modules

    def find_spec(
        self, name: str, _path: Sequence[str] | None = None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Where a module is, if it is one of them."""
        file = self._modules.get(name)
        return spec_from_file_location(name, file, loader=ExtensionFileLoader(name, file)) if file else None


FORM = installed(wanted=os.environ.get(WANTED, ""))
"""Settled when the first module is imported: a process has one form."""
if FORM.modules:
    sys.meta_path.insert(0, Finder(FORM.modules))
