"""What a library's class has inside, for tests that ask whether a private name is still there."""

import ast
import inspect
import textwrap
from pathlib import Path


def set_by(kind: type) -> set[str]:
    """Attributes of `self` that a class or its bases set, annotated or not."""
    found: set[str] = set()
    written = (one for base in kind.__mro__[:-1] for one in vars(base).values() if inspect.isfunction(one))
    for method in (one for one in written if Path(one.__code__.co_filename).exists()):
        for node in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(method)))):
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                found.add(node.attr)
    return found
