"""When the certificates that a process shows or trusts run out, read from their files as they are now."""

import re
import ssl
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from metrics.catalogue.service import CERTIFICATE

Files = Mapping[str, Path | str | None]
"""What a certificate is for → its PEM file; None where there is none."""


class Certificates(Collector):
    """One series for each file that holds a certificate; of a bundle of authorities nobody knows which one is used."""

    def __init__(self, *files: Callable[[], Files]) -> None:
        self._files = files

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Read them; a file that cannot be read has no series, and whoever needs it says so."""
        found = GaugeMetricFamily(CERTIFICATE.name, CERTIFICATE.help, labels=CERTIFICATE.labels)
        for files in self._files:
            for what, path in files().items():
                if path is not None and (ends := runs_out(Path(path), what)) is not None:
                    found.add_metric([what], ends)
        yield found


def runs_out(path: Path, what: str) -> float | None:
    """The last moment (Unix s) of a file's first certificate, which is one's own in a chain."""
    try:
        text = path.read_text(encoding="ascii", errors="replace")
        if text.count("-----BEGIN CERTIFICATE-----") != 1 and what.endswith("authority"):
            return None
        told = ssl._ssl._test_decode_cert(str(path))  # type: ignore[attr-defined]  # noqa: SLF001 - the only reader in Python
        return float(ssl.cert_time_to_seconds(told["notAfter"]))
    except (OSError, ValueError, KeyError):
        return None


def of_redis(url: str) -> Files:
    """The files that an address of Redis names."""
    found = {what: re.search(rf"[?&]{name}=([^&]+)", url) for what, name in _REDIS.items()}
    return {what: match[1] for what, match in found.items() if match}


_REDIS = {"redis-authority": "ssl_ca_certs", "redis-client": "ssl_certfile"}
