"""What a library's class has inside, for tests that ask whether a private name is still there."""

import ast
import inspect
import textwrap
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest


def each(names: Mapping[type, Iterable[str]]) -> list[Any]:
    """Cases of a test: (class, name) for each name that a table has of a class."""
    return [pytest.param(kind, name, id=f"{kind.__name__}.{name}") for kind in names for name in names[kind]]


def set_by(kind: type) -> set[str]:
    """Attributes of `self` that a class or its bases set, annotated or not."""
    found: set[str] = set()
    written = (one for base in kind.__mro__[:-1] for one in vars(base).values() if inspect.isfunction(one))
    for method in (one for one in written if Path(one.__code__.co_filename).exists()):
        for node in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(method)))):
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                found.add(node.attr)
    return found
