"""The units and files of three hosts: systemd takes them, they name what there is, and hosts agree with each other."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from deploy.cli import COMMANDS
from deploy.errors import MisuseError
from deploy.settings_page import rows
from deploy.systemd import __main__ as installer

UNITS = Path(installer.__file__).parent / "units"
ADDRESSES = ("10.0.0.1", "10.0.0.2", "10.0.0.3")
WANTS_SYSTEMD = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed")


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Folders as three hosts have them."""
    monkeypatch.setattr(installer, "classpath", lambda: str(Path(__file__)))
    for number, address in enumerate(ADDRESSES, 1):
        settings = tmp_path / str(number) / "etc/sales-pulse"
        settings.mkdir(parents=True)
        (settings / "redis.password").write_text("of-all-three-hosts\n")
        installer.install(tmp_path / str(number), ADDRESSES, address, ["10.0.9.0/24"], os.getgid())
    return tmp_path


def said(path: Path, sign: str) -> dict[str, str]:
    lines = [line.partition(sign) for line in path.read_text().splitlines() if not line.startswith("#")]
    return {name: value for name, _, value in lines}


def test_every_unit_starts_what_there_is():
    """Commands of ours, and files of this repository."""
    for unit in UNITS.glob("*.service"):
        for line in re.findall(r"^ExecStart=(.*)$", unit.read_text(), re.MULTILINE):
            program, command, *_ = line.split()
            if program.endswith("/sales-pulse"):
                assert command in COMMANDS
            elif program.startswith("/opt/sales-pulse/"):
                assert os.access(Path(__file__).parents[3] / program.removeprefix("/opt/sales-pulse/"), os.X_OK)


def test_hosts_agree_and_each_is_itself(installed):
    """One cluster, one primary, the same settings; passwords are for root and one group."""
    kafka = [said(installed / n / "etc/sales-pulse/kafka.properties", "=") for n in "123"]
    assert len({one["sales.pulse.cluster.id"] for one in kafka}) == 1
    assert [one["node.id"] for one in kafka] == ["1", "2", "3"]
    assert {one["min.insync.replicas"] for one in kafka} == {"2"}
    redis = [said(installed / n / "etc/sales-pulse/redis.conf", " ") for n in "123"]
    assert [one.get("replicaof") for one in redis] == [None, "10.0.0.1 6379", "10.0.0.1 6379"]
    common = {(installed / n / "etc/sales-pulse/common.env").read_text() for n in "123"}
    assert len(common) == 1
    known = {name for _, name, _, _ in rows()}
    for name in ("common.env", "host.env"):
        path = installed / "1/etc/sales-pulse" / name
        assert said(path, "=").keys() <= known
        assert path.stat().st_mode & 0o777 == 0o640
    fence = (installed / "2/etc/systemd/system/sales-pulse-redis.service.d/20-hosts.conf").read_text()
    assert re.findall("Allow=(.*)", fence) == ["localhost", *ADDRESSES, "10.0.9.0/24"]


def test_what_people_changed_stays(installed):
    """A second run renews the units alone."""
    path = installed / "1/etc/sales-pulse/common.env"
    path.write_text("SALES_TIMEZONE=Europe/Moscow\n")
    unit = installed / "1/etc/systemd/system/sales-pulse-worker.service"
    unit.write_text("")
    installer.install(installed / "1", ADDRESSES, ADDRESSES[0], [], os.getgid())
    assert path.read_text() == "SALES_TIMEZONE=Europe/Moscow\n"
    assert unit.read_text() == (UNITS / unit.name).read_text()


@pytest.mark.parametrize(
    ("addresses", "this", "password"),
    [
        (["10.0.0.1", "10.0.0.1", "10.0.0.3"], "10.0.0.1", "of-all-three-hosts"),
        (ADDRESSES, "10.0.0.4", "of-all-three-hosts"),
        (["one", "two", "three"], "one", "of-all-three-hosts"),
        (["10.0.0.0/24", "10.0.1.0/24", "10.0.2.0/24"], "10.0.0.0/24", "of-all-three-hosts"),
        (["fd00::1", "fd00::2", "fd00::3"], "fd00::1", "of-all-three-hosts"),
        (["127.0.0.1", "10.0.0.2", "10.0.0.3"], "10.0.0.2", "of-all-three-hosts"),
        # Sentinel rewrites its file without quotes, and could not read this one again.
        (ADDRESSES, "10.0.0.1", 'with "quotes" and spaces'),
        (ADDRESSES, "10.0.0.1", b"in-koi8-\xd0\xc1\xd2\xcf\xcc\xd8"),
    ],
)
def test_what_cannot_work_is_refused(addresses, this, password, tmp_path):
    (tmp_path / "etc/sales-pulse").mkdir(parents=True)
    (tmp_path / "etc/sales-pulse/redis.password").write_bytes(
        password.encode() if isinstance(password, str) else password
    )
    with pytest.raises(MisuseError):
        installer.install(tmp_path, addresses, this, [], os.getgid())


@WANTS_SYSTEMD
def test_systemd_takes_every_unit(installed):
    """Verified as they are on a host; what a service may do is little."""
    folder = installed / "1/etc/systemd/system"
    units = [str(path) for path in sorted(folder.iterdir()) if path.is_file()]
    asked = {**os.environ, "SYSTEMD_UNIT_PATH": f"{folder}:/lib/systemd/system"}
    done = subprocess.run(["systemd-analyze", "verify", *units], env=asked, capture_output=True, text=True, check=False)
    wrong = [line for line in done.stderr.splitlines() if "sales-pulse" in line and "is not executable" not in line]
    assert not wrong
    for unit in units:
        if unit.endswith(".service"):
            safe = ["systemd-analyze", "security", "--offline=true", "--threshold=20", unit]
            done = subprocess.run(safe, env=asked, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stdout[-200:]
