"""What Prometheus may take of a machine, as `up` tells it."""

import shutil
from pathlib import Path

import pytest

from deploy.errors import MisuseError
from deploy.stack import prometheus
from deploy.stack.allowance import Allowance
from deploy.stack.local import Floor, LocalStack
from deploy.stack.prometheus import Prometheus

GB = 2**30


def sparse(file: Path, size: int) -> None:
    """A file that is so long (bytes) and takes nothing."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("wb") as out:
        out.truncate(size)


@pytest.mark.parametrize(
    ("said", "limit"),
    [({}, "3072MiB"), ({"PROMETHEUS_MEMORY": ""}, "3072MiB"), ({"PROMETHEUS_MEMORY": "1g"}, "768MiB"),
     ({"PROMETHEUS_MEMORY": "6GiB"}, "4608MiB"), ({"PROMETHEUS_MEMORY": "1.5gb"}, "1152MiB"),
     ({"PROMETHEUS_MEMORY": "512m"}, "384MiB")],
)  # fmt: skip
def test_go_keeps_to_three_quarters_of_the_memory(said: dict[str, str], limit: str) -> None:
    assert Allowance.of(said).env == {"GOGC": "30", "GOMEMLIMIT": limit}


@pytest.mark.parametrize("name", ["PROMETHEUS_MEMORY", "PROMETHEUS_DISK"])
@pytest.mark.parametrize("said", ["much", "4", "-4g", "0g", "4 pears", "g"])
def test_what_is_no_amount_is_refused_by_its_name(name: str, said: str) -> None:
    with pytest.raises(MisuseError, match=rf"{name}: '{said}' is not an amount; write it like \d"):
        Allowance.of({name: said})


@pytest.mark.parametrize(("free", "limit"), [(400, 100), (150, 75), (4, 10)])
def test_half_of_the_free_disk_within_bounds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, limit: int
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda place: shutil._ntuple_diskusage(0, 0, free * GB))
    assert Allowance().limit(tmp_path / "not" / "there" / "yet") == limit * GB
    assert not list(Allowance().warnings(tmp_path))


def test_what_it_holds_already_is_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the limit would sink as its blocks grow."""
    monkeypatch.setattr(shutil, "disk_usage", lambda place: shutil._ntuple_diskusage(0, 0, 30 * GB))
    sparse(tmp_path / "01ABC" / "chunks" / "000001", 50 * GB)
    assert Allowance().limit(tmp_path) == 40 * GB


def test_a_log_of_changes_cannot_push_the_blocks_out(tmp_path: Path) -> None:
    """Prometheus counts it towards the limit at its start: 9 GB of it and a limit of 10 dropped every block."""
    sparse(tmp_path / "wal" / "00000001", 6 * GB)
    sparse(tmp_path / "wal" / "checkpoint.00000000" / "00000000", GB)
    sparse(tmp_path / "chunks_head" / "000001", 2 * GB)
    sparse(tmp_path / "01ABC" / "chunks" / "000001", 3 * GB)
    allowance = Allowance.of({"PROMETHEUS_DISK": "10GB"})
    assert allowance.argument(tmp_path) == f"--storage.tsdb.retention.size={18 * 1024}MB"
    (said,) = allowance.warnings(tmp_path)
    assert said == (
        "10 GB of disk (PROMETHEUS_DISK) are too few: 9 GB are not in blocks yet, and all of the past would be "
        "dropped; it may have 18 GB"
    )
    assert Allowance.of({"PROMETHEUS_DISK": "20GB"}).limit(tmp_path) == 20 * GB


def test_a_server_is_started_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What somebody set for Go himself stands."""
    monkeypatch.setenv("GOGC", "75")
    monkeypatch.delenv("GOMEMLIMIT", raising=False)
    allowance = Allowance.of({"PROMETHEUS_MEMORY": "8g", "PROMETHEUS_DISK": "350GB"})
    server = Prometheus(tmp_path, port=1, generated=tmp_path, targets={}, allowance=allowance)
    assert f"--storage.tsdb.retention.size={350 * 1024}MB" in server.argv
    assert server.env is not None
    assert (server.env["GOGC"], server.env["GOMEMLIMIT"]) == ("75", "6144MiB")


def test_up_says_so_and_reads_the_file_of_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the environment says wins over `.env`; a stack without Prometheus says nothing."""
    monkeypatch.delenv("PROMETHEUS_DISK", raising=False)
    monkeypatch.setattr(prometheus, "binary", lambda: "/usr/bin/prometheus")
    (tmp_path / ".env").write_text("PROMETHEUS_DISK=1GB\n")
    folder = tmp_path / ".local"
    sparse(folder / "prometheus" / "data" / "wal" / "00000000", GB)
    (said,) = LocalStack(folder, ["prometheus"], Floor()).warnings()
    assert said.startswith("1 GB of disk (PROMETHEUS_DISK) are too few: 1 GB are not in blocks yet")
    assert not LocalStack(folder, ["redis"], Floor()).warnings()
    monkeypatch.setenv("PROMETHEUS_DISK", "2GB")
    assert not LocalStack(folder, ["prometheus"], Floor()).warnings()
