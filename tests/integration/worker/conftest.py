"""A house of its own for each test of the worker."""

import pytest

from tests.support.workers import house as make_house


@pytest.fixture
def house(kafka, redis_url, topic_prefix, app_id, tmp_path):
    """Topics, application id and folder that no other test has; its workers end with the test."""
    with make_house(kafka, redis_url, topic_prefix, app_id, tmp_path) as found:
        yield found
