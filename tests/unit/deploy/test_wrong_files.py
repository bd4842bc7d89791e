"""Files that people write, and get wrong: every command names the file and says what to do, and shows no traceback."""

import pytest

from deploy.commands import import_, reference
from deploy.errors import DeployError
from metrics.calendar import load as load_calendar
from metrics.errors import MetricsError
from metrics.settings import BusinessSettings
from producers.connectors.asterisk.config import load_config
from producers.connectors.bitrix24.meaning.mapping import load_mapping as load_portal
from producers.errors import ProducersError

WRONG = {
    "cp1251": "managers:\n- {id: m, name: Иван}\n".encode("cp1251"),
    "utf-16": "managers: []\n".encode("utf-16"),
    "noise": bytes(range(128, 256)),
    "broken": b"a: [1",
    "holds itself": b"hours: &x {mon: *x}\nmanagers: &y [*y]\nfields: &z {a: *z}\n",
    "names that are lists": b"? [1, 2]\n: 3\n",
    "no date": b"holidays: [2026-13-45]\nmanagers:\n- {id: 2026-02-31}\n",
    "brackets without end": b"[" * 5_000,
    "a list": b"- 1\n",
    "a number": b"42\n",
    "tags": b"hours: !!python/object:os.system x\nmanagers: !!python/object:os.system x\n",
    "other types": b"hours: x\nmanagers: {a: 1}\nevents: 3\nfunnels: 4\nexchange: []\n",
}


def calendar(path):
    load_calendar(path, BusinessSettings(_env_file=None).zone)


def people(path):
    reference.apply(str(path), dry_run=True)


def table(path):
    import_._formats(None, path)


READERS = {"calendar": calendar, "reference": people, "mapping": table, "portal": load_portal, "exchange": load_config}


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("reader", READERS)
def test_is_said_in_words(reader, wrong, tmp_path, monkeypatch):
    """Each is refused by an error that names the file."""
    monkeypatch.setenv("SALES_IDENTITY_KEY", "0123456789abcdef")
    path = tmp_path / "given.yaml"
    path.write_bytes(WRONG[wrong])
    with pytest.raises((DeployError, MetricsError, ProducersError)) as caught:
        READERS[reader](path)
    assert "given.yaml" in str(caught.value)


@pytest.mark.parametrize("reader", ["calendar", "reference"])
def test_a_mark_of_the_order_of_bytes_is_no_content(reader, tmp_path, monkeypatch):
    """What Windows writes before UTF-8."""
    path = tmp_path / "given.yaml"
    content = b"hours: {mon: ['09:00-18:00']}\n" if reader == "calendar" else b"managers: []\n"
    path.write_bytes(b"\xef\xbb\xbf" + content)
    if reader == "calendar":
        calendar(path)
    else:
        monkeypatch.setattr(reference, "_changes", _nothing)
        people(path)


async def _nothing(_):
    return []
