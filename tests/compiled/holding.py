"""A process that takes Python's memory from huge pages, fills it and empties it, and says what it had meanwhile, MB.

Three lines: resident and of that in huge pages, once full, when half of it went here and there, and at the end.
"""

import gc
import sys
from pathlib import Path

from streams.runtime.huge_pages import hold_in_huge_pages


def held() -> tuple[int, int]:
    """Resident, and in huge pages."""
    found = dict(line.split(":") for line in Path("/proc/self/smaps_rollup").read_text().splitlines()[1:])
    resident, huge = (int(found[name].split()[0]) >> 10 for name in ("Rss", "AnonHugePages"))
    return resident, huge


def _main(count: int) -> None:
    hold_in_huge_pages()
    hold_in_huge_pages()  # asked for again it changes nothing
    things = [b"%0200d" % number for number in range(count)]
    print(*held())
    del things[::2]
    print(*held())
    assert all(int(thing) == 2 * at + 1 for at, thing in enumerate(things))
    things.clear()
    gc.collect()
    print(*held())
    again = [b"%0200d" % number for number in range(count)]
    assert all(int(thing) == at for at, thing in enumerate(again))


if __name__ == "__main__":
    _main(int(sys.argv[1]))
