"""Dead letters as text: one line each where it goes to a pipe; on a terminal wrapped between words, nothing cut."""

import shutil
import sys
import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime

from streams.letters.dead_letter import DeadLetter
from streams.letters.judging import LetterJudge, Sendable

_INDENT = "    "
_EXAMPLES = 20
_REASON_WIDTH = 17


def terminal_width() -> int | None:
    """Columns of the terminal that standard output is, None for a pipe or file."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def table(letters: Sequence[DeadLetter], width: int | None) -> Iterator[str]:
    """A line per letter, and its remedy: behind it in a pipe, below it on a terminal."""
    for one in letters:
        moment = datetime.fromtimestamp(one.time / 1000, UTC)
        head = f"{moment:%Y-%m-%dT%H:%M:%SZ}  {one.reason:<{_REASON_WIDTH}}  {one.source}"
        said = [head, _oneline(one.sender) or "(no source)", *([one.closed] if one.closed else [])]
        detail = _oneline(one.detail)
        if width is None:
            yield "  ".join([*said, detail])
        else:
            yield from _wrapped("  ".join(said), width, "")
            yield from _wrapped(detail, width, _INDENT)


def summary(counts: Mapping[tuple[str, str], int]) -> Iterator[str]:
    """How many letters of each reason and source, most first."""
    if not counts:
        yield "no open dead letters"
        return
    yield f"{sum(counts.values()):,} dead letters:"
    for (reason, sender), n in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])):
        yield f"{n:>9,}  {reason:<{_REASON_WIDTH}}  {_oneline(sender) or '(no source)'}"


class Sorter:
    """Sorts letters into what can be sent and what not, and says so. each: a line for each that is not."""

    def __init__(self, judge: LetterJudge, *, each: bool) -> None:
        self._judge = judge
        self._each = each
        self._sendable: Counter[str] = Counter()
        self._kept: Counter[tuple[str, str]] = Counter()
        self._chats = 0

    def sort(self, letters: Iterable[DeadLetter]) -> Iterator[tuple[DeadLetter, Sendable]]:
        """Pass on what can be sent."""
        for one in letters:
            verdict = self._judge.judge(one)
            if isinstance(verdict, str):
                self._kept[one.reason, verdict] += 1
                if self._each:
                    print(f"not sent  {one.source}  {_oneline(one.sender) or '(no source)'}  {_oneline(verdict)}")
            else:
                self._sendable[one.reason] += 1
                self._chats += verdict.is_chat
                yield one, verdict

    def lines(self, did: str) -> Iterator[str]:
        """What became of them; `did`: "sent" or "would send"."""
        by_reason = ", ".join(f"{reason} {n:,}" for reason, n in self._sendable.most_common())
        yield f"{did} {self._sendable.total():,}" + (f": {by_reason}" if by_reason else "")
        if self._chats:
            yield (
                f"{self._chats:,} are chat events: they stand behind what came since, and an answer that is in the log "
                "already does not answer them"
            )
        if not self._kept:
            return
        yield f"{self._kept.total():,} cannot be fixed by sending them again and stay open:"
        for (reason, why), n in self._kept.most_common(_EXAMPLES):
            yield f"{n:>9,}  {reason:<{_REASON_WIDTH}}  {_oneline(why)}"
        if len(self._kept) > _EXAMPLES:
            yield f"           and {len(self._kept) - _EXAMPLES:,} more kinds: --dry-run names each letter"


def _wrapped(said: str, width: int, indent: str) -> Iterator[str]:
    yield from textwrap.wrap(
        said, max(width, 40), initial_indent=indent, subsequent_indent=indent or _INDENT, break_long_words=False,
        break_on_hyphens=False,
    ) or [indent]  # fmt: skip


def _oneline(text: str) -> str:
    """Without what would break the line or command the terminal: senders wrote it."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
