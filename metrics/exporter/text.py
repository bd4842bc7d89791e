"""Prometheus text, made fast: a credit's lines of a family and window are rendered once and kept until they change."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate

from metrics.exporter.numbers import Block, Histogram, Labels, Number, Shown
from metrics.family import Family, Source

Lines = dict[str, str]
"""Exposed name → the lines that one credit has of it."""


def escape(value: str) -> str:
    """A label's value as Prometheus wants it between quotes."""
    if "\\" in value or '"' in value or "\n" in value:
        return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
    return value


def number(value: float) -> str:
    """A float as Prometheus reads it."""
    return repr(float(value))


def block_lines(block: Block, shown: Shown, slot: tuple[str, str] | None) -> Lines:
    """Lines of one credit. slot: (window, period) of families from cells, None for what has no window."""
    head = f'{{manager="{escape(shown[0])}",team="{escape(shown[1])}"'
    tail = f',window="{slot[0]}",period="{slot[1]}"' if slot else ""
    found: Lines = {}
    for family, numbers in block.items():
        if slot and slot[0] not in family.windows:
            continue
        if family.has_buckets:
            _histogram(family, numbers, head, tail, found)
        else:
            found[family.name] = "".join(
                f"{family.name}{head}{own(family, labels)}{tail}}} {number(value)}\n"  # type: ignore[arg-type]
                for labels, value in sorted(numbers.items())
            )
    return found


def own(family: Family, labels: Labels) -> str:
    """A family's own labels, each after a comma."""
    return "".join(f',{name}="{escape(value)}"' for name, value in zip(family.labels, labels, strict=True))


def _histogram(family: Family, numbers: dict[Labels, Number], head: str, tail: str, found: Lines) -> None:
    buckets, sums, counts = [], [], []
    for labels, histogram in sorted(numbers.items()):
        if not isinstance(histogram, Histogram):
            continue
        inner = f"{head}{own(family, labels)}{tail}"
        start = f'{family.bucket}{inner},le="'
        cumulative = list(accumulate(histogram.bins))
        buckets += [f'{start}{le}"}} {n}.0\n' for le, n in zip(family.le, cumulative, strict=True)]
        sums.append(f"{family.sum}{inner}}} {number(histogram.sum)}\n")
        counts.append(f"{family.count}{inner}}} {cumulative[-1]}.0\n")
    found[family.bucket] = "".join(buckets)
    found[family.sum] = "".join(sums)
    found[family.count] = "".join(counts)


def header(name: str, text: str, kind: str = "gauge") -> str:
    """HELP and TYPE of one exposed name."""
    return f"# HELP {name} {text.replace(chr(92), chr(92) * 2).replace(chr(10), ' ')}\n# TYPE {name} {kind}\n"


def plain_lines(family: Family, rows: Iterable[tuple[Labels, float]]) -> str:
    """Lines of a family whose rows carry the values of all its labels."""
    names = family.all_labels
    return "".join(
        f"{family.name}{_braces(names, labels)} {number(value)}\n" for labels, value in sorted(rows)
    )  # fmt: skip


def _braces(names: tuple[str, ...], labels: Labels) -> str:
    if not names:
        return ""
    return "{" + ",".join(f'{name}="{escape(value)}"' for name, value in zip(names, labels, strict=True)) + "}"


def exposed(families: Iterable[Family]) -> Iterator[tuple[Family, str]]:
    """Every exposed name with its family, in order."""
    for family in families:
        if family.source is not Source.SERVICE:
            for name in family.names:
                yield family, name


def now_lines(blocks: Mapping[Shown, Block]) -> dict[str, str]:
    """What has no window, by name as exposed."""
    found: dict[str, list[str]] = {}
    for shown, numbers in sorted(blocks.items(), key=lambda item: item[0]):
        for name, lines in block_lines(numbers, shown, None).items():
            found.setdefault(name, []).append(lines)
    return {name: "".join(lines) for name, lines in found.items()}
