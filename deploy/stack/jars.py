"""Jars of Maven's repository, resolved in pure Python by jgo."""

import fcntl
import os
from pathlib import Path

from deploy.errors import StartError

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sales-pulse"


def jars(endpoint: str) -> list[str]:
    """Paths of an endpoint's jars and of all that they need (`group:name:version`, joined by `+`). Raises StartError.

    One process of a machine downloads at a time: jgo fails on a file that another one has just put there.
    """
    try:
        import jgo
    except ImportError as error:
        raise StartError("the local Kafka needs the extra 'local': pip install 'sales-pulse[local]'") from error
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "jars.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            return [str(jar) for jar in jgo.build(endpoint).all_jars]
        except Exception as error:  # jgo lets its HTTP and XML errors through as they are, some of them without a word
            raise StartError(f"could not download {endpoint}: {str(error) or type(error).__name__}") from error
