"""A process that folds the same log several times and says how large it is each time: what stays behind adds up."""

import gc
import sys
from pathlib import Path
from zoneinfo import ZoneInfo

from producers.compiled import FORM
from streams.runtime.worker import GC_THRESHOLDS
from streams.state.partition import Partition
from tests.bench import workload
from tests.laws.replay import fold_rules
from tests.support.folding import LogRecord

_BATCH = 100
_CUT = 25_000


def resident() -> float:
    """MB of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6


def _main(count: int, times: int) -> None:
    log = [LogRecord(n, key, value) for n, (key, value) in enumerate(workload.events(count, full=True, days=30))]
    rules = fold_rules(ZoneInfo("Europe/Moscow"))
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    sizes = []
    for _ in range(times):
        partition = Partition(0, 1, rules)
        for start in range(0, count, _BATCH):
            partition.fold(log[start : start + _BATCH])
            if start % _CUT == 0:
                partition.cut()
                partition.view()
        partition.cut()
        partition.view()
        sizes.append(resident())
        del partition
        gc.collect()
    print(FORM.name, *(f"{size:.0f}" for size in sizes))


if __name__ == "__main__":
    _main(*map(int, sys.argv[1:]))
