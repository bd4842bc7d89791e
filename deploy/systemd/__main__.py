"""Writes the units and files of one of three hosts: `python -m deploy.systemd --this ADDRESS ADDRESS ADDRESS ADDRESS`.

Run it as root on each host. What is there already stays as it is, but for the units.
"""

import argparse
import grp
import ipaddress
import os
import re
import secrets
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from deploy.errors import DeployError, MisuseError
from deploy.stack.kafka import classpath
from deploy.systemd import files
from deploy.systemd.files import Hosts

_HERE = Path(__file__).parent
_FENCED = ("kafka", "redis", "sentinel")


def install(root: Path, addresses: Sequence[str], this: str, allowed: Sequence[str], group: int) -> None:
    """Write all beneath a root folder; group: who may read what holds a password. Raises DeployError, OSError."""
    for address in addresses:
        if not _is_host(address):
            raise MisuseError(
                f"{address!r} is not an IPv4 address at which others reach a host; write one like 10.0.0.1"
            )
    for network in allowed:
        try:
            ipaddress.ip_network(network)
        except ValueError as error:
            raise MisuseError(f"{network!r} is not an address or network; write one like 10.0.0.0/24") from error
    if len(set(addresses)) != len(addresses) or this not in addresses:
        raise MisuseError("give three addresses, and this host's own with --this")
    settings = root / "etc/sales-pulse"
    settings.mkdir(parents=True, exist_ok=True)
    settings.chmod(0o750)
    os.chown(settings, -1, group)
    hosts = Hosts(tuple(addresses), this, _password(settings / "redis.password", group), tuple(allowed))
    _units(root / "etc/systemd/system", hosts)
    for name, told in (
        ("kafka.properties", files.kafka),
        ("redis.conf", files.redis),
        ("sentinel.conf", files.sentinel),
        ("common.env", files.common),
        ("host.env", files.own),
    ):
        _once(settings / name, told(hosts), group)
    _jars(root / "usr/local/lib/sales-pulse/kafka")


def _is_host(text: str) -> bool:
    try:
        return not ipaddress.IPv4Address(text).is_loopback
    except ValueError:
        return False


def _group() -> int:
    try:
        return grp.getgrnam("sales-pulse").gr_gid
    except KeyError:
        raise MisuseError("make the user first: systemd-sysusers deploy/systemd/sysusers.conf") from None


def _units(units: Path, hosts: Hosts) -> None:
    units.mkdir(parents=True, exist_ok=True)
    shutil.copytree(_HERE / "units", units, dirs_exist_ok=True)
    for name in _FENCED:
        folder = units / f"sales-pulse-{name}.service.d"
        folder.mkdir(exist_ok=True)
        (folder / "20-hosts.conf").write_text(files.fence(hosts))


def _password(path: Path, group: int) -> str:
    """Redis's, made up on the first host and brought to the others."""
    _once(path, secrets.token_urlsafe(24) + "\n", group)
    password = path.read_text(errors="replace").strip()
    if not re.fullmatch(r"[A-Za-z0-9_-]{12,}", password):
        # Sentinel rewrites its file without quotes, and could not read it again.
        raise MisuseError(f"{path}: write a password of 12 or more letters, digits, - and _")
    return password


def _once(path: Path, text: str, group: int) -> None:
    """Write a file that only root and a group may read; one that is there stays."""
    if path.exists():
        print(f"kept {path}")
        return
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640), "w") as file:
        file.write(text)
    os.chown(path, -1, group)
    print(f"wrote {path}")


def _jars(folder: Path) -> None:
    """Kafka's jars where its user may read them."""
    folder.mkdir(parents=True, exist_ok=True)
    for jar in map(Path, classpath().split(os.pathsep)):
        if not (folder / jar.name).exists():
            shutil.copy(jar, folder / jar.name)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m deploy.systemd", description=__doc__)
    parser.add_argument("addresses", nargs=3, help="the three hosts, in the same order on each")
    parser.add_argument("--this", required=True, help="which of them this one is")
    parser.add_argument("--root", type=Path, default=Path("/"), help="write beneath this folder")
    parser.add_argument("--allow", nargs="*", default=[], help="who else may reach Kafka, Redis and Sentinel")
    given = parser.parse_args()
    try:
        install(given.root, given.addresses, given.this, given.allow, _group())
    except (DeployError, OSError) as error:
        sys.exit(f"deploy.systemd: {error}")


if __name__ == "__main__":
    main()
