"""YAML read with the line of every value, and every value as the text that was written.

Numbers stay text, so that a rate of 0.10 never becomes a binary float.
"""

from typing import Any

import yaml

from producers.reference.errors import ReferenceProblem

Place = tuple[str | int, ...]


class Text:
    """The content of a YAML file: dicts, lists and strings; `line` finds where a place in it stands."""

    def __init__(self, text: str, name: str) -> None:
        self.name = name
        self._lines: dict[Place, int] = {(): 1}
        self.problems: list[str] = []
        try:
            node = yaml.compose(text, Loader=yaml.SafeLoader)
        except (yaml.YAMLError, RecursionError) as error:
            raise ReferenceProblem(f"{name}: is not YAML: {' '.join(str(error).split())}") from error
        try:
            self.content: Any = self._read(node, ()) if node is not None else {}
        except RecursionError:
            raise ReferenceProblem(f"{name}: a part of it holds itself; write it without & and *") from None

    def problem(self, place: Place, what: str) -> str:
        """Return one line for a problem: file, line, place, what."""
        path = ".".join(str(step) for step in place)
        return f"{self.name}:{self.line(place)}: {path + ': ' if path else ''}{what}"

    def line(self, place: Place) -> int:
        """Return the line of a place, or of the nearest one around it."""
        while place not in self._lines:
            place = place[:-1]
        return self._lines[place]

    def _read(self, node: yaml.Node, place: Place) -> Any:
        self._lines.setdefault(place, node.start_mark.line + 1)
        if isinstance(node, yaml.SequenceNode):
            return [self._read(child, (*place, number)) for number, child in enumerate(node.value)]
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, place)
        return None if node.tag.endswith(":null") else node.value

    def _mapping(self, node: yaml.MappingNode, place: Place) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, child in node.value:
            if not isinstance(name, yaml.ScalarNode):
                line = name.start_mark.line + 1
                raise ReferenceProblem(f"{self.name}:{line}: a name is a list or a group; write it as text")
            here = (*place, str(name.value))
            if name.value in found:
                self.problems.append(self.problem(here, f"stands here twice (also in line {name.start_mark.line + 1})"))
            self._lines.setdefault(here, name.start_mark.line + 1)
            found[str(name.value)] = self._read(child, here)
        return found
