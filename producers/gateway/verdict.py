"""What becomes of a request's events, and the answer that says so."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from operator import attrgetter
from typing import Any

from starlette.responses import JSONResponse, Response

from producers.gateway.reading.body import Problem, SentRecord
from producers.gateway.reading.hints import Hint
from producers.gateway.rights import FORBIDDEN

MOST_NAMED = 100
_RETRY_SECONDS = 2
PROBLEM_JSON = "application/problem+json"
_of_whom = attrgetter("source", "type")


@dataclass(slots=True)
class Verdict:
    """Who sent how many events, those to be sent to Kafka, what is wrong with the others, and unknown fields.

    `counts`: of the good ones, by source and type.
    """

    sender: str
    total: int
    good: Sequence[SentRecord]
    counts: Mapping[tuple[str, str], int]
    problems: Sequence[Problem] = ()
    warnings: Sequence[Hint] = ()
    sources: Sequence[str] = field(default=())
    """Of each problem: whom it concerns."""

    def answer(self, *, dry_run: bool, partial: bool, private: bool) -> Response:
        """When the good ones were taken, or would have been. `private`: the address holds a token."""
        headers = {"Cache-Control": "private"} if private else None
        if not (dry_run or partial or self.warnings):
            return Response(b'{"accepted":%d}' % len(self.good), 202, headers, media_type="application/json")
        said: dict[str, Any] = {"accepted": 0 if dry_run else len(self.good)}
        if dry_run:
            said |= {"dry_run": True, "good": len(self.good)}
        if partial:
            said |= {"refused": len(self.problems), "results": self._results(200 if dry_run else 202)}
        if self.warnings or dry_run:
            said["warnings"] = _warnings(self.warnings)
        return JSONResponse(said, 207 if partial else 200 if dry_run else 202, headers)

    def refusal(self) -> tuple[int, str, dict[str, Any]]:
        """Status, title and more, when nothing was sent because of the problems."""
        reasons = sorted({found.reason for found in self.problems})
        many = "event" if len(self.problems) == 1 else "events"
        title = f"{len(self.problems)} bad {many} ({', '.join(reasons)}); none was sent"
        more: dict[str, Any] = {"errors": [asdict(found) for found in self.problems[:MOST_NAMED]]}
        if self.warnings:
            more["warnings"] = _warnings(self.warnings)
        if reasons == [FORBIDDEN]:
            return 403, self.problems[0].detail.partition(": ")[2], more
        return 400, title, more

    def _results(self, taken: int) -> list[dict[str, Any]]:
        results: list[dict[str, Any]] = [{"index": index, "status": taken} for index in range(self.total)]
        for found in self.problems:
            results[found.index] = asdict(found) | {"status": 403 if found.reason == FORBIDDEN else 400}
        return results


def tally(records: Iterable[SentRecord]) -> Mapping[tuple[str, str], int]:
    """How many there are, by source and type."""
    return Counter(map(_of_whom, records))


def _warnings(hints: Iterable[Hint]) -> list[dict[str, Any]]:
    return [asdict(hint) for hint in list(hints)[:MOST_NAMED]]


def refuse(status: int, title: str, **more: Any) -> JSONResponse:
    """An answer in problem+json."""
    headers = {"Retry-After": str(_RETRY_SECONDS)} if status in {408, 429, 503} else {}
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if status == 415:
        headers["Accept-Encoding"] = "gzip"
    content = {"type": "about:blank", "status": status, "title": title, **more}
    return JSONResponse(content, status, headers, media_type=PROBLEM_JSON)
