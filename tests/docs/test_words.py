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
OF_TODAY = {
    r"\bif you like\b": "optional",
    r"\bwhat is so now\b": "the current state",
    r"\bputs? right\b": "correct",
    r"\bwho waits\b": "who is waiting",
    r"\bweb hooks?\b": "webhook",
    r"\btests? holds? it\b": "a test checks it",
    r"\bgoes? on where it (was|stopped)\b": "resumes where it was",
    r"\btakes? (nothing|no events) any more\b": "no longer accepts",
    r"\bas it is said\b": "as stated",
    r"\bmakes? (names|managers) up\b": "invents",
    r"\bblocks? gr[eo]w(ing|n)? together\b": "compacted",
}
"""The same, of pages that are kept up; decisions stay as they were written."""


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_standard_terms(page):
    """A phrase that has a standard term gives way to it; what programs print is quoted as it is."""
    text = re.sub(r"`[^`]*`", "", prose(page))
    terms = TERMS if "decisions" in page.parts else TERMS | OF_TODAY
    wrong = {found[0]: term for phrase, term in terms.items() for found in re.finditer(phrase, text)}
    assert not wrong, f"{relative(page)}: write {wrong}"
