"""Documents use the field's standard terms, so that a reader has nothing to translate."""

import re

import pytest

from tests.docs.test_references import PAGES, prose, relative
from tests.test_house import sources

TERMS = {
    r"\bmade anew\b": "recreated",
    r"\bopened anew\b": "opened again",
    r"\bin earnest\b": "in production",
    r"\b\d+ of 100 take less\b": "p99 under",
}
"""What was written once → what the field says."""


CODE = r"\banew\b|\bin earnest\b"
"""What comments and messages do not say either: again, recreated, rebuilt, restarted, in production."""


def test_standard_terms_in_code():
    """Comments, docstrings and messages are read as often as documents."""
    wrong = [f"{relative(path)}: {found[0]}" for path in sources() for found in re.finditer(CODE, path.read_text())]
    assert not wrong


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_standard_terms(page):
    """A phrase that has a standard term gives way to it; what programs print is quoted as it is."""
    text = re.sub(r"`[^`]*`", "", prose(page))
    wrong = {found[0]: term for phrase, term in TERMS.items() for found in re.finditer(phrase, text)}
    assert not wrong, f"{relative(page)}: write {wrong}"
