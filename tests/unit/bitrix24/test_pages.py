"""The stand-in portal says from which page of the documentation each answer, refusal and hook of it is."""

import re
from pathlib import Path

from tests.support import bitrix24_life, bitrix24_portal, bitrix24_tables
from tests.support.bitrix24_life import Life
from tests.support.bitrix24_pages import ANSWERS, HOOKS, REFUSALS
from tests.support.bitrix24_portal import StandIn


def test_every_answer_names_its_page():
    """No method without a page, and no page of what is not answered."""
    assert StandIn(Life()).answered == ANSWERS.keys()


def test_every_refusal_and_hook_names_its_page():
    """As the text of the stand-in has them."""
    text = "".join(Path(str(one.__file__)).read_text() for one in (bitrix24_portal, bitrix24_life, bitrix24_tables))
    codes = set(re.findall(r'Refusal\(\d+, "(\w+)"', text)) | {"INVALID_CREDENTIALS"}
    assert codes == REFUSALS.keys()
    life = Life(3)
    life.live(3600)
    life.finish()
    told = {hook.event for hook in life.hooks}
    assert {event for event in told if not event.startswith(tuple(HOOKS))} == set()
    assert {start for start in HOOKS if not any(event.startswith(start) for event in told)} == set()
