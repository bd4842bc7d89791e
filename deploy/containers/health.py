"""Asks the process in this container whether it is well: the image has neither curl nor wget.

Exit 0 when HEALTH_URL answers with 200, or when there is none to ask; 1 and a line otherwise.
"""

import os
import ssl
import sys
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import urlsplit

TIMEOUT_SECONDS = 3.0


def fault(url: str) -> str:
    """Return why the process is not well, or nothing."""
    parts = urlsplit(url)
    host = parts.hostname or "127.0.0.1"
    connection = HTTPConnection(host, parts.port, timeout=TIMEOUT_SECONDS)
    if parts.scheme == "https":
        # It asks itself, over the container's loopback: whom its certificate names is others' affair.
        itself = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        itself.check_hostname, itself.verify_mode = False, ssl.CERT_NONE
        connection = HTTPSConnection(host, parts.port, timeout=TIMEOUT_SECONDS, context=itself)
    try:
        connection.request("GET", parts.path)
        answer = connection.getresponse()
        return "" if answer.status == 200 else f"{answer.status} {answer.read(200).decode(errors='replace')}"
    except (OSError, HTTPException) as error:
        return f"{type(error).__name__}: {error}"
    finally:
        connection.close()


def main() -> int:
    """Ask, and say what is wrong."""
    url = os.environ.get("HEALTH_URL")
    if url and (wrong := fault(url)):
        print(wrong)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
