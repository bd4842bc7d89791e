"""The gateway's OpenAPI as it is committed: what the application itself gives, with a note of where it is from."""

import json
from collections.abc import Iterable

from producers.gateway.app import create_app
from producers.gateway.settings import GatewaySettings


def render() -> str:
    """The document as it is committed."""

    class Nowhere:
        """No publisher is needed to describe the gateway."""

        async def publish_many_raw(self, records: Iterable[tuple[bytes, bytes]], *, reference: bool = False) -> int:
            raise NotImplementedError

    document = create_app(Nowhere(), GatewaySettings(_env_file=None)).openapi()
    note = {"x-note": "Made by `sales-pulse generate` from the models; do not edit."}
    return json.dumps(document | note, ensure_ascii=False, indent=2) + "\n"
