"""What imports tell Prometheus: counters that only grow, each source by itself, and nobody else's file."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from producers.importer.errors import ImportProblem
from producers.importer.series import Series, Totals


def read(path):
    """Name and label values → value."""
    families = text_string_to_metric_families(path.read_text())
    return {(one.name, *sorted(one.labels.values())): one.value for family in families for one in family.samples}


def test_counted_on(tmp_path):
    """A second import adds to the first, a third of another source stands beside them; all are there from the start."""
    path = tmp_path / "sales.prom"
    Series(path, "pbx://spb", lambda: 5.0)
    assert set(read(path).values()) == {0.0}
    for source, totals in (
        ("pbx://spb", Totals(4, 2, 1, 3, 1, 2)),
        ("pbx://spb", Totals(1, 0, 0, 1, 1)),
        ("crm", Totals(7)),
    ):
        series = Series(path, source, lambda: 5.0)
        series.begin(Totals(1, 0, 0, 1))
        series.tell(totals)
        series.ended()
    found = read(path)
    assert [found["sales_import_lines_total", *of] for of in (("pbx://spb", "taken"), ("pbx://spb", "refused"))] == [
        3,
        1,
    ]
    assert found["sales_import_events_total", "pbx://spb"] == 2
    assert found["sales_import_clients_total", "known", "pbx://spb"] == 2
    assert found["sales_import_lines_total", "crm", "taken"] == 6
    assert found["sales_import_timestamp_seconds", "import", "pbx://spb"] == 5


def test_followed(tmp_path):
    """A log that is looked at each second has its file written every few; between them it counts on."""
    path, clock = tmp_path / "sales.prom", [100.0]
    series = Series(path, "pbx://spb", lambda: clock[0])
    written = []
    for clock[0] in (101.0, 104.0, 105.0, 109.0, 110.0):
        series.tell(Totals(taken=int(clock[0])))
        series.looked()
        written.append(read(path)["sales_import_lines_total", "pbx://spb", "taken"])
    assert written == [0, 0, 105, 105, 110]
    assert read(path)["sales_import_timestamp_seconds", "follow", "pbx://spb"] == 110


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("sales.txt", None, "has to end in .prom"),
        ("node.prom", "node_time_seconds 1\n", "has node_time_seconds, which is not ours"),
        ("node.prom", "no metrics {", "is no file of metrics"),
        ("node.prom", "\udcff", "is no file of metrics"),
        ("no/such/folder.prom", None, "cannot be written: No such file"),
    ],
)
def test_files_that_are_left_alone(tmp_path, name, content, said):
    """What cannot be, or is somebody else's, is told before anything is done, and stays as it is."""
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(ImportProblem, match=said):
        Series(path, "pbx://spb", lambda: 5.0)
    assert content is None or path.read_bytes() == content.encode(errors="surrogateescape")
