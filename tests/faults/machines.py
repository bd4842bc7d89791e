"""Hosts on one machine: each a network namespace on a bridge, a disk of its own over ours, and systemd as process 1.

What is started is what is shipped: the units and files that `deploy.systemd` writes. Nothing leaves a host's own disk:
ours is seen read-only beneath it. SIGKILL of its process 1 ends every process of a host at once, as a power cut does.
"""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Self

from deploy.systemd.__main__ import install

ROOT = Path(__file__).resolve().parents[2]
SWITCH, NETWORK, GATE = "sp0", "10.77.0", "10.77.0.254"
"""A namespace with nothing but a bridge: rules of our own one, such as Docker's, do not hold there. GATE is us."""
USER = 64077
READER = "who reads everything"
"""Password of the users wall and prometheus."""
_STUBS = ("sysinit", "basic", "multi-user", "network", "network-online", "timers", "shutdown", "umount", "final",
          "sockets", "paths", "slices")  # fmt: skip
_BOOT = """
set -e
mount --make-rprivate /
mount -t overlay overlay -o lowerdir=/,upperdir="$DISK/upper",workdir="$DISK/work" "$DISK/root"
cd "$DISK/root"
mount --rbind -o ro "$ROOT" opt/sales-pulse
mount --bind -o ro "$ROOT" ".$ROOT"
mount -t proc proc proc
mount --bind proc/sys proc/sys && mount -o remount,ro,bind proc/sys
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs dev
for node in "null 3" "zero 5" "full 7" "random 8" "urandom 9"; do mknod -m 666 "dev/${node% *}" c 1 "${node#* }"; done
mknod -m 666 dev/tty c 5 0
mkdir dev/pts dev/shm dev/mqueue
mount -t tmpfs tmpfs dev/shm
ln -s /proc/self/fd dev/fd
ln -s pts/ptmx dev/ptmx
mount -t tmpfs tmpfs run
mount -t tmpfs tmpfs tmp
pivot_root . mnt
umount -l /mnt
exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin container=test SYSTEMD_UNIT_PATH=/etc/systemd/system \
  /lib/systemd/systemd --system --unit=sales-pulse.target --log-target=console --show-status=no
"""


def run(*argv: str, check: bool = True) -> str:
    """What a command says."""
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert not check or done.returncode == 0, f"{' '.join(argv)}: {done.stderr or done.stdout}"
    return done.stdout + done.stderr


def missing() -> str:
    """What this machine lacks for it; "" when nothing."""
    if os.geteuid():
        return "hosts are namespaces, which only root may make"
    lacking = [name for name in ("ip", "nsenter", "unshare", "redis-server", "systemctl") if not shutil.which(name)]
    return f"not installed: {', '.join(lacking)}" if lacking else ""


class Machine:
    """A host. `units` are those that are enabled on it."""

    def __init__(self, number: int, folder: Path, units: tuple[str, ...]) -> None:
        self.name, self.address, self.units = f"sp{number}", f"{NETWORK}.{number}", units
        self.disk = folder / self.name
        self.upper = self.disk / "upper"
        self.log = folder / f"{self.name}.log"
        self._cgroup = folder / "cgroup" / self.name
        self._boot: subprocess.Popen[bytes] | None = None

    def prepare(self, addresses: list[str], password: str) -> None:
        """Write its disk, as the page says, and plug it in."""
        for folder in ("work", "root", "upper/opt/sales-pulse", "upper/mnt", "upper/var/log/sales-pulse"):
            (self.disk / folder).mkdir(parents=True, exist_ok=True)
        settings = self.upper / "etc/sales-pulse"
        settings.mkdir(parents=True)
        (settings / "redis.password").write_text(password)
        for name, line in (("passwd", f"sales-pulse:x:{USER}:{USER}::/var/lib/sales-pulse:/usr/sbin/nologin"),
                           ("group", f"sales-pulse:x:{USER}:")):  # fmt: skip
            (self.upper / "etc" / name).write_text(f"{Path('/etc', name).read_text()}{line}\n")
        install(self.upper, addresses, self.address, [GATE], USER)
        (settings / "redis.password").chmod(0o640)
        known = [f"{name}_PASSWORD={READER}" for name in ("METRICS", "WALL")]
        run("env", *known, sys.executable, "-m", "deploy.cli", "web-config", str(settings / "web"))
        run("chown", "-R", f"{USER}:{USER}", str(settings / "web"))
        (self.upper / "var/log/sales-pulse").chmod(0o777)
        self._units()
        self._cgroup.mkdir(exist_ok=True)
        run("ip", "netns", "add", self.name)
        run("ip", "-n", SWITCH, "link", "add", self.name, "type", "veth", "peer", "name", "eth0", "netns", self.name)
        run("ip", "-n", SWITCH, "link", "set", self.name, "master", "bridge", "up")
        for argv in (["addr", "add", f"{self.address}/24", "dev", "eth0"], ["link", "set", "eth0", "up"],
                     ["link", "set", "lo", "up"]):  # fmt: skip
            run("ip", "-n", self.name, *argv)

    def _units(self) -> None:
        """Enable the units; instead of the distribution's targets there are empty ones; logs are files."""
        units = self.upper / "etc/systemd/system"
        for name in _STUBS:
            (units / f"{name}.target").write_text("[Unit]\nDefaultDependencies=no\n")
        wants = units / "sales-pulse.target.wants"
        wants.mkdir()
        for unit in self.units:
            (wants / f"sales-pulse-{unit}.service").symlink_to(f"../sales-pulse-{unit}.service")
        said = "append:/var/log/sales-pulse/%p.log"
        (units / "sales-pulse-.service.d/90-test.conf").write_text(
            f"[Service]\nStandardOutput={said}\nStandardError={said}\n"
        )

    def boot(self) -> None:
        """Switch it on."""
        inner = [
            "unshare",
            "--mount",
            "--pid",
            "--uts",
            "--ipc",
            "--cgroup",
            "--fork",
            "--kill-child",
            "bash",
            "-c",
            _BOOT,
        ]
        joined = f'echo $$ > {self._cgroup}/cgroup.procs; exec ip netns exec {self.name} "$@"'
        with self.log.open("ab") as log:
            self._boot = subprocess.Popen(
                ["bash", "-c", joined, "boot", *inner],
                env={**os.environ, "DISK": str(self.disk), "ROOT": str(ROOT)}, stdout=log, stderr=log,
            )  # fmt: skip

    @property
    def first(self) -> int:
        """Its process 1, as we see it."""
        assert self._boot is not None
        children = Path(f"/proc/{self._boot.pid}/task/{self._boot.pid}/children")
        deadline = time.monotonic() + 20
        while not (found := children.read_text().split()):
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.1)
        return int(found[0])

    def do(self, *argv: str, check: bool = True) -> str:
        """Run a command on it."""
        return run("nsenter", "--target", str(self.first), "--all", "--root", "--wd", *argv, check=check)

    def asked(self, port: int, path: str) -> str:
        """The status that a process answers with to somebody on the host itself."""
        code = (
            "import sys, urllib.request as u\n"
            "try: print(u.urlopen(sys.argv[1], timeout=5).status)\n"
            "except u.HTTPError as e: print(e.code)\n"
            "except OSError as e: print(e)"
        )
        return self.do("/usr/bin/python3", "-c", code, f"http://{self.address}:{port}{path}", check=False).strip()

    def die(self) -> None:
        """SIGKILL of all of its processes at once."""
        if self._boot is not None and self._boot.poll() is None:
            self._boot.kill()  # unshare ends its child with itself, and with that one all others end
            self._boot.wait(20)
            deadline = time.monotonic() + 20
            while (self._cgroup / "cgroup.procs").read_text() or "populated 1" in (
                self._cgroup / "cgroup.events"
            ).read_text():
                assert time.monotonic() < deadline, "a process did not die"
                time.sleep(0.05)

    def cut(self) -> None:
        """Pull its cable out."""
        run("ip", "-n", SWITCH, "link", "set", self.name, "down")

    def heal(self) -> None:
        """Plug it in again."""
        run("ip", "-n", SWITCH, "link", "set", self.name, "up")

    def words(self, lines: int = 6) -> str:
        """The last that its processes said."""
        logs = sorted((self.upper / "var/log/sales-pulse").glob("*.log"))
        return "\n".join(f"{self.name} {one.stem}: " + "\n".join(one.read_text(errors="replace").splitlines()[-lines:])
                         for one in logs)  # fmt: skip


class Machines:
    """Three of them on a bridge that we are on, too; `with` takes everything away again."""

    def __init__(self, folder: Path, units: list[tuple[str, ...]]) -> None:
        self._folder = folder
        self.all = [Machine(number, folder, names) for number, names in enumerate(units, 1)]

    def __enter__(self) -> Self:
        (self._folder / "cgroup").mkdir(parents=True)
        for name in (SWITCH, *(one.name for one in self.all)):  # what a run that was killed has left
            run("ip", "netns", "del", name, check=False)
        run("ip", "link", "del", SWITCH, check=False)
        run("mount", "-t", "cgroup2", "none", str(self._folder / "cgroup"))
        run("ip", "netns", "add", SWITCH)
        run("ip", "-n", SWITCH, "link", "add", "bridge", "type", "bridge")
        run("ip", "-n", SWITCH, "link", "set", "bridge", "up")
        run("ip", "link", "add", SWITCH, "type", "veth", "peer", "name", "gate", "netns", SWITCH)
        run("ip", "-n", SWITCH, "link", "set", "gate", "master", "bridge", "up")
        run("ip", "addr", "add", f"{GATE}/24", "dev", SWITCH)
        run("ip", "link", "set", SWITCH, "up")
        for one in self.all:
            one.prepare([machine.address for machine in self.all], "between-three-hosts")
        return self

    def __exit__(self, *_: object) -> None:
        for one in self.all:
            one.die()
            run("ip", "netns", "del", one.name, check=False)
            for folder in sorted((self._folder / "cgroup" / one.name).rglob("*/"), reverse=True):
                folder.rmdir()
            run("rmdir", str(self._folder / "cgroup" / one.name), check=False)
        run("ip", "netns", "del", SWITCH, check=False)
        run("ip", "link", "del", SWITCH, check=False)
        run("umount", str(self._folder / "cgroup"), check=False)
