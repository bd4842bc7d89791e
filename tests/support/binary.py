"""Records in binary mode, for tests."""

import json
from typing import Any


def binary(event: dict[str, Any]) -> tuple[bytes, tuple[tuple[str, bytes], ...]]:
    """Value and headers of an event as the CloudEvents SDKs write them by default."""
    attributes = {name: text for name, text in event.items() if name != "data" and text is not None}
    headers = [
        ("content-type", b"application/json"),
        *((f"ce_{name}", str(t).encode()) for name, t in attributes.items()),
    ]
    return json.dumps(event["data"], ensure_ascii=False).encode(), tuple(headers)
