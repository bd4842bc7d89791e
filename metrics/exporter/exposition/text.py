"""Prometheus text: labels, values and headers, and the lines of what is small."""

from collections.abc import Iterable, Iterator, Mapping

from metrics.exporter.held.numbers import Block, Labels, Shown
from metrics.family import Family, Source
from metrics.other import manager_name


def escape(value: str) -> str:
    """A label's value as Prometheus wants it between quotes."""
    if "\\" in value or '"' in value or "\n" in value:
        return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
    return value


def number(value: float) -> str:
    """A float as Prometheus reads it."""
    return repr(float(value))


def own(names: tuple[str, ...], labels: Labels) -> str:
    """A family's own labels, each after a comma."""
    return "".join(f',{name}="{escape(value)}"' for name, value in zip(names, labels, strict=True))


def header(name: str, text: str, kind: str = "gauge") -> str:
    """HELP and TYPE of one exposed name."""
    return f"# HELP {name} {text.replace(chr(92), chr(92) * 2).replace(chr(10), ' ')}\n# TYPE {name} {kind}\n"


def plain_lines(family: Family, rows: Iterable[tuple[Labels, float]]) -> str:
    """Lines of a family whose rows carry the values of all its labels."""
    names = family.all_labels
    return "".join(
        f"{family.name}{_braces(names, labels)} {number(value)}\n" for labels, value in sorted(rows)
    )  # fmt: skip


def head(family: Family, labels: Labels) -> str:
    """Name and labels of a line whose labels are all given."""
    return f"{family.name}{_braces(family.all_labels, labels)}"


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
    """What has no window, and so no distribution, by name as exposed."""
    found: dict[str, list[str]] = {}
    for shown, block in sorted(blocks.items(), key=lambda item: item[0]):
        head = f'{{manager="{escape(manager_name(shown[0]))}",team="{escape(shown[1])}"'
        for family, numbers in block.items():
            found.setdefault(family.name, []).extend(
                f"{family.name}{head}{own(family.labels, labels)}}} {number(value)}\n"  # type: ignore[arg-type]
                for labels, value in sorted(numbers.items())
            )
    return {name: "".join(lines) for name, lines in found.items()}
