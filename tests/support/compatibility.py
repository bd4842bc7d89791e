"""Whether a schema may replace another within one version: only optional additions, so old and new meet safely."""

from collections.abc import Mapping
from typing import Any

_SAYS_NOTHING = frozenset({"title", "description", "examples", "$id", "$schema", "$comment", "$defs", "default"})
_LOOKED_INTO = frozenset({"properties", "required"})


def breaks(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """What `new` breaks of `old`, one line each with the path; empty when producers and consumers survive it.

    Both are whole JSON Schemas of objects. Allowed are new optional members and new annotations.
    """
    return _breaks(old, new, old, new, "")


def missing_types(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Types that were in the contract and are no longer."""
    return [f"{kind}: the type is gone; keep it, new meanings get a new suffix" for kind in old if kind not in new]


def _breaks(old: Any, new: Any, old_root: Any, new_root: Any, path: str) -> list[str]:
    old, new = _resolved(old, old_root), _resolved(new, new_root)
    if "properties" not in old or "properties" not in new:
        return [] if _meaning(old, old_root) == _meaning(new, new_root) else [f"{path or 'event'}: its rules changed"]
    found = []
    for name, member in old["properties"].items():
        here = f"{path}.{name}" if path else name
        if name not in new["properties"]:
            found.append(f"{here}: is gone; keep it")
        else:
            found += _breaks(member, new["properties"][name], old_root, new_root, here)
    before, after = set(old.get("required", ())), set(new.get("required", ()))
    found += [
        f"{f'{path}.' if path else ''}{name}: is required now; keep it optional" for name in sorted(after - before)
    ]
    found += [
        f"{f'{path}.' if path else ''}{name}: is optional now; keep it required" for name in sorted(before - after)
    ]
    rest_old, rest_new = ({k: v for k, v in node.items() if k not in _LOOKED_INTO} for node in (old, new))
    if _meaning(rest_old, old_root) != _meaning(rest_new, new_root):
        found.append(f"{path or 'event'}: its rules changed")
    return found


def _resolved(node: Any, root: Any) -> Any:
    while "$ref" in node:
        rest = {name: item for name, item in node.items() if name != "$ref"}
        node = {**root["$defs"][node["$ref"].rsplit("/", 1)[1]], **rest}
    return node


def _meaning(node: Any, root: Any) -> Any:
    if isinstance(node, list):
        return [_meaning(item, root) for item in node]
    if not isinstance(node, dict):
        return node
    node = _resolved(node, root)
    return {name: _meaning(item, root) for name, item in node.items() if name not in _SAYS_NOTHING}
