"""What the exporter shows at a moment, as numbers."""

import httpx
from prometheus_client.parser import text_string_to_metric_families

from metrics.catalogue import CELL_FAMILIES
from streams.audit.report import AuditError
from streams.plain.series import Series, series

_NAMES = {name for family in CELL_FAMILIES for name in family.names}
_PATIENCE = 60.0


async def scrape(url: str, at: str) -> dict[Series, float] | None:
    """The windowed series of `GET <url>/metrics?at=<at>`; None when nobody answers there.

    Raises AuditError when the answer is no exposition.
    """
    try:
        async with httpx.AsyncClient(timeout=_PATIENCE) as client:
            answer = await client.get(f"{url.rstrip('/')}/metrics", params={"at": at})
    except httpx.TransportError:
        return None
    if answer.status_code != httpx.codes.OK:
        raise AuditError(f"the exporter at {url} answers {answer.status_code}: {answer.text[:200].strip()}")
    return read(answer.text)


def read(text: str) -> dict[Series, float]:
    """The windowed series of an exposition in Prometheus's text format."""
    return {
        series(sample.name, sample.labels): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name in _NAMES
    }
