"""Documents use the field's standard terms, so that a reader has nothing to translate."""

import re

import pytest

from tests.docs.test_references import PAGES, prose, relative

TERMS = {
    r"\bmade anew\b": "recreated",
    r"\bopened anew\b": "opened again",
    r"\bin earnest\b": "in production",
    r"\b\d+ of 100 take less\b": "p99 under",
}
"""What was written once → what the field says."""


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_standard_terms(page):
    """A phrase that has a standard term gives way to it; what programs print is quoted as it is."""
    text = re.sub(r"`[^`]*`", "", prose(page))
    wrong = {found[0]: term for phrase, term in TERMS.items() for found in re.finditer(phrase, text)}
    assert not wrong, f"{relative(page)}: write {wrong}"
