"""Forms of times, as a mapping names them."""

import re
from collections.abc import Sequence

_DIRECTIVE = re.compile("%.?", re.DOTALL)
_WIDTHS = {"%Y": "4", "%B": "b", "%b": "b", "%A": "a", "%a": "a", "%p": "p", "%z": "z", "%Z": "z"}
"""What a directive is written with; all others are numbers of one or two digits."""


def alike(forms: Sequence[str]) -> tuple[str, str] | None:
    """Two forms that fit the same texts and read them otherwise: 09/08 is a day of August, or of September."""
    seen: dict[str, str] = {}
    for form in forms:
        skeleton = _DIRECTIVE.sub(lambda found: _WIDTHS.get(found.group(), "2"), form)
        if seen.setdefault(skeleton, form) != form:
            return seen[skeleton], form
    return None
