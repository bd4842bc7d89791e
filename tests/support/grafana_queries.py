"""Evaluates every query of every generated dashboard and alert on a Prometheus: works on synthetic and on real data."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import httpx
import yaml

from grafana.dashboards.base import DYNAMICS

ROOT = Path(__file__).resolve().parents[2]
DASHBOARDS = ROOT / "grafana" / "out" / "dashboards"
ALERTS = ROOT / "grafana" / "out" / "rules" / "alerts.yml"
SELECTOR = re.compile(
    r"(?<![\w:])((?:(?:manager|team|company):)?sales_[\w:]+|up|scrape_samples_scraped)(?![\w:(])(\{[^}]*\})?"
)
"""A selector of series in PromQL: name, matchers."""
_PEOPLE = re.compile(r"query_result\((?P<expr>.*)\)")
_LABEL_VALUES = re.compile(r"label_values\((?P<series>.*), (?P<label>\w+)\)")


@dataclass(frozen=True)
class Question:
    """One query and where it stands."""

    where: str
    expr: str


@dataclass(frozen=True)
class Answer:
    """What Prometheus said to a question."""

    question: Question
    samples: int
    error: str = ""

    @property
    def bad(self) -> bool:
        return bool(self.error) or not self.samples


def documents() -> dict[str, dict[str, Any]]:
    """Uid → dashboard, as committed."""
    return {path.stem: json.loads(path.read_text()) for path in sorted(DASHBOARDS.glob("*.json"))}


def of_now() -> dict[str, dict[str, Any]]:
    """Those that read the Prometheus that scrapes; what reads that of the past is asked there."""
    return {uid: board for uid, board in documents().items() if uid != DYNAMICS}


def alert_rules() -> list[dict[str, Any]]:
    """The alerting rules as committed."""
    return [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]


class Asker:
    """Asks one Prometheus."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=f"{url}/api/v1", timeout=20)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def ask(self, question: Question) -> Answer:
        body = self._http.post("/query", data={"query": question.expr}).json()
        if body["status"] != "success":
            return Answer(question, 0, body["error"])
        data = body["data"]
        return Answer(question, 1 if data["resultType"] == "scalar" else len(data["result"]))

    def label_values_of(self, expr: str, label: str) -> list[str]:
        body = self._http.post("/query", data={"query": expr}).json()
        return sorted(one["metric"].get(label, "") for one in body["data"]["result"])

    def label_values(self, series: str, label: str) -> list[str]:
        body = self._http.get(f"/label/{label}/values", params={"match[]": series}).json()
        return [value for value in body["data"] if value]


def panels(board: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """All panels, those of folded rows too."""
    for panel in board["panels"]:
        yield panel
        yield from panel.get("panels", ())


def variables(board: dict[str, Any], asker: Asker) -> tuple[dict[str, str], list[Answer]]:
    """Variable → the text that Grafana puts in by default, and how its query went."""
    chosen = {"__rate_interval": "1m", "__interval": "5m"}
    answers = []
    for variable in board["templating"]["list"]:
        name = variable["name"]
        if variable["type"] == "datasource":
            continue
        if variable["type"] != "query":
            chosen[name] = variable["current"]["value"]
            continue
        query = filled(variable["query"]["query"], chosen)
        if people := _PEOPLE.fullmatch(query):
            values = asker.label_values_of(people["expr"], name)
            answers.append(Answer(Question(f"{board['uid']}: variable {name}", query), len(values)))
            chosen[name] = next((value for value in values if value != "unknown"), "")
            continue
        found = _LABEL_VALUES.fullmatch(query)
        values = asker.label_values(found["series"], found["label"]) if found else []
        answers.append(Answer(Question(f"{board['uid']}: variable {name}", query), len(values)))
        known = [value for value in values if value != "unknown"]
        chosen[name] = variable["allValue"] if variable["includeAll"] else (known or values or [""])[0]
    return chosen, answers


def filled(expr: str, chosen: dict[str, str]) -> str:
    """A query with its variables put in, the longest names first."""
    for name in sorted(chosen, key=len, reverse=True):
        expr = expr.replace(f"${{{name}}}", chosen[name]).replace(f"${name}", chosen[name])
    return expr


def questions(board: dict[str, Any], chosen: dict[str, str]) -> Iterator[Question]:
    """Every query of a dashboard's panels and annotations."""
    for panel in panels(board):
        for target in panel.get("targets", ()):
            where = f"{board['uid']}: {panel['title']} ({target['refId']})"
            yield Question(where, filled(target["expr"], chosen))
    for mark in board["annotations"]["list"]:
        yield Question(f"{board['uid']}: annotation {mark['name']}", filled(mark["expr"], chosen))


def check_all_queries(prometheus_url: str) -> list[Answer]:
    """Ask every query of every panel, variable, annotation and alert.

    Of an alert every selector is asked besides, since a healthy floor gives its expression no samples.
    """
    answers: list[Answer] = []
    with Asker(prometheus_url) as asker:
        for board in of_now().values():
            chosen, found = variables(board, asker)
            answers += found
            answers += [asker.ask(question) for question in questions(board, chosen)]
        for rule in alert_rules():
            answers.append(asker.ask(Question(f"alert {rule['alert']}", rule["expr"])))
            for name, matchers in SELECTOR.findall(rule["expr"]):
                answers.append(asker.ask(Question(f"alert {rule['alert']}: {name}", f"{name}{matchers}")))
    return answers


def unexplained(answers: list[Answer], reasons: dict[str, str]) -> list[str]:
    """Answers with an error, or with no samples and no reason. reasons: regex in `where` or in the query → why."""
    return [
        f"{answer.question.where}: {answer.error or 'no data'}: {answer.question.expr}"
        for answer in answers
        if answer.bad and (answer.error or not _reason(answer.question, reasons))
    ]


def _reason(question: Question, reasons: dict[str, str]) -> str:
    return next(
        (why for text, why in reasons.items() if re.search(text, question.where) or re.search(text, question.expr)), ""
    )


def missing_records(prometheus_url: str, names: list[str]) -> list[str]:
    """Recorded names that have no series."""
    with Asker(prometheus_url) as asker:
        return [name for name in names if not asker.ask(Question(name, name)).samples]
