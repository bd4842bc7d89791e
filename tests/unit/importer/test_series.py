"""What imports tell Prometheus: counters that only grow, each source by itself, and nobody else's file."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from producers.importer.errors import ImportProblem
from producers.importer.series import ImportSeries, ImportTotals


def read(path):
    """Name, source, and what else a series says → value."""
    samples = [one for family in text_string_to_metric_families(path.read_text()) for one in family.samples]
    assert {one.labels["format"] for one in samples} == {"asterisk-cdr"}
    return {
        (one.name, one.labels["source"], one.labels.get("outcome", one.labels.get("mode", ""))): one.value
        for one in samples
    }


def test_counted_on(tmp_path):
    """A second import adds to the first, a third of another source stands beside them; all are there from the start."""
    path = tmp_path / "sales.prom"
    ImportSeries(path, "pbx://spb", "asterisk-cdr", lambda: 5.0)
    assert set(read(path).values()) == {0.0}
    for source, totals in (
        ("pbx://spb", ImportTotals(4, 2, 1, 3, 1, 2)),
        ("pbx://spb", ImportTotals(1, 0, 0, 1, 1)),
        ("crm", ImportTotals(7)),
    ):
        series = ImportSeries(path, source, "asterisk-cdr", lambda: 5.0)
        series.begin(ImportTotals(1, 0, 0, 1))
        series.tell(totals)
        series.ended()
    found = read(path)
    assert found["sales_import_lines_total", "pbx://spb", "taken"] == 3
    assert found["sales_import_lines_total", "pbx://spb", "refused"] == 1
    assert found["sales_import_events_total", "pbx://spb", ""] == 2
    assert found["sales_import_clients_total", "pbx://spb", "known"] == 2
    assert found["sales_import_lines_total", "crm", "taken"] == 6
    assert found["sales_import_timestamp_seconds", "pbx://spb", "import"] == 5


def test_both_logs_of_an_exchange(tmp_path):
    """Node exporter takes nothing at all where a series is in two files: those of two logs have none in common."""
    seen = []
    for format_ in ("asterisk-cdr", "asterisk-queue-log"):
        path = tmp_path / f"{format_}.prom"
        ImportSeries(path, "pbx://spb", format_, lambda: 5.0).ended("follow")
        seen.append({line.rpartition(" ")[0] for line in path.read_text().splitlines() if not line.startswith("#")})
    assert all(seen)
    assert seen[0].isdisjoint(seen[1])


def test_followed(tmp_path):
    """A log that is looked at each second has its file written every few; between them it counts on."""
    path, clock = tmp_path / "sales.prom", [100.0]
    series = ImportSeries(path, "pbx://spb", "asterisk-cdr", lambda: clock[0])
    written = []
    for clock[0] in (101.0, 104.0, 105.0, 109.0, 110.0):
        series.tell(ImportTotals(taken=int(clock[0])))
        series.looked()
        written.append(read(path)["sales_import_lines_total", "pbx://spb", "taken"])
    assert written == [0, 0, 105, 105, 110]
    assert read(path)["sales_import_timestamp_seconds", "pbx://spb", "follow"] == 110


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("sales.txt", None, "has to end in .prom"),
        ("node.prom", "node_time_seconds 1\n", "has node_time_seconds, which is not ours"),
        ("node.prom", "no metrics {", "is not a file of metrics"),
        ("node.prom", "\udcff", "is not a file of metrics"),
        ("no/such/folder.prom", None, "cannot be written: No such file"),
    ],
)
def test_files_that_are_left_alone(tmp_path, name, content, said):
    """What cannot be, or is somebody else's, is told before anything is done, and stays as it is."""
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(ImportProblem, match=said):
        ImportSeries(path, "pbx://spb", "asterisk-cdr", lambda: 5.0)
    assert content is None or path.read_bytes() == content.encode(errors="surrogateescape")
