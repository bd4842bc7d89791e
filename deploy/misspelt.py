"""Settings that nobody reads: a misspelt name, or a file in another encoding, must not go by without a word."""

import difflib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from dotenv import dotenv_values

from deploy.errors import MisuseError
from deploy.settings_page import rows
from metrics.settings import ENV_FILES

_PREFIX, _NEAR = "SALES_", 0.8


def settings_of(file: str | Path) -> Mapping[str, str | None]:
    """What a file of settings says; nothing where there is none. Raises MisuseError when it cannot be read."""
    try:
        return dotenv_values(file)
    except UnicodeDecodeError as error:
        raise MisuseError(f"{file}: is not in UTF-8 (byte {error.start}); save it as UTF-8") from error
    except OSError as error:
        raise MisuseError(f"{file}: {error.strerror}") from error


def misspelt(environment: Mapping[str, str] | None = None) -> Iterator[str]:
    """A sentence for each name, in the environment or a file of settings, that is not a setting. Raises MisuseError."""
    given = dict.fromkeys(os.environ if environment is None else environment, "")
    for file in ENV_FILES:
        given |= dict.fromkeys((name for name in settings_of(file) if name not in given), f"{file}: ")
    known = [name for _, name, _, _ in rows()]
    for name, place in given.items():
        if name.upper().startswith(_PREFIX) and name.upper() not in known:
            near = difflib.get_close_matches(name.upper(), known, 1, _NEAR)
            yield f"{place}{name} is not a setting" + (f"; did you mean {near[0]}?" if near else "")
