"""Explanations for people: names, titles, units, links, order, piece, tables, percentiles, what KPIs are made of."""

import csv
import io
from dataclasses import replace
from datetime import UTC, datetime

import httpx
import pytest
from pydantic import ValidationError

from metrics.catalogue import FAMILIES, KPIS
from metrics.catalogue.titles import FAMILIES as TITLES
from metrics.catalogue.titles import LANGUAGES, title_of
from metrics.exporter.http.server import create_app
from metrics.exporter.kpi import tables
from metrics.family import Source
from metrics.links import link, links
from metrics.measure import key
from metrics.settings import ExporterSettings
from metrics.view import Field
from tests.support.boards import board, exporter_of, manager, plan
from tests.support.explanations import AT, Explainer, row

NOW = AT.timestamp()
DAY = datetime(2026, 11, 18, tzinfo=UTC).toordinal()
LINKS = "deal=https://crm.example.com/deals/{number}/?from=pulse call=https://pbx.example.com/{client}/{id}"


@pytest.fixture
def exporter():
    """Two people with calls, deals and responses, today and yesterday."""
    shown = board()
    for day in (DAY, DAY - 1):
        measures = {
            key("c", "inbound", "answered"): 3, key("dx", "retail", "won"): 2, key("dx", "retail", "lost"): 1,
            key("wa", "retail", "RUB"): 500_000, key("r", "call", "first", "1"): 4,
            key("r", "call", "first", "s"): 10**7, key("d", "call"): 5, key("t", "call"): 4,
        }  # fmt: skip
        shown.put(("d", day), {Field(0, "m-1", "north"): measures, Field(0, "m-2", "south"): measures})
    references = {"a": manager("m-1", "north", "Anna"), "b": manager("m-2", "south", "=cmd|' /C calc'!A0")}
    shown.put_reference(references | {"p": plan("company:", "2026-11", "2000", currency="RUB")})
    found = exporter_of(shown, NOW)
    found.settings = ExporterSettings(_env_file=None, entity_links=LINKS)
    return found


def client_of(exporter, explainer):
    return httpx.AsyncClient(transport=httpx.ASGITransport(create_app(exporter, explainer)), base_url="http://exporter")


async def ask(exporter, explainer, status=200, **query):
    async with client_of(exporter, explainer) as client:
        answer = await client.get("/api/v1/explain", params=query)
    assert answer.status_code == status, answer.text
    return answer.json() if "json" in answer.headers["content-type"] else answer.text


async def test_entities_have_names_titles_units_and_links(exporter):
    """In the language asked for; who and what nobody knows keeps its id, and has no link."""
    rows = [
        row("4711-abcdef12", 50.5, kind="deal", client="c/1 &"), row("deal-x", 40, "m-9", kind="deal"),
        row("../..", 30, "unknown", "unknown", client="c-2"),
    ]  # fmt: skip
    told = await ask(exporter, Explainer(rows), family="sales_won_amount", manager="m-1")
    assert (told["title"], told["unit"], told["manager_name"], told["total"]) == (
        "Booked sales",
        "currency",
        "Anna",
        "120.5",
    )
    first, second, third = told["entities"]
    assert (first["title"], first["manager_name"]) == ("Deal", "Anna")
    assert first["link"] == "https://crm.example.com/deals/4711/?from=pulse"
    assert (second["manager_name"], "link" in second) == ("m-9", False)
    assert (third["manager_name"], third["link"]) == ("", "https://pbx.example.com/c-2/..%2F..")
    russian = await ask(exporter, Explainer(rows), family="sales_won_amount", lang="ru")
    assert (russian["title"], russian["entities"][0]["title"]) == ("Продажи", "Сделка")
    seconds = await ask(exporter, Explainer(rows), family="sales_response_seconds_count")
    assert (seconds["title"], seconds["unit"]) == ("Response time", "short")


SORTABLE = [
    row("b", 3, "m-2", "south", client="c-3", kind="deal"), row("a", -5, "m-1", client="c-2", time=None),
    row("c", 1, "m-1", client="c-1", time=1_000_000), row("d", 1, "unknown", "", client="c-9"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        (None, "abcd"), ("-size", "abcd"), ("size", "cdba"), ("contribution", "acdb"), ("-contribution", "bcda"),
        ("id", "abcd"), ("-id", "dcba"), ("client", "cabd"), ("kind", "acdb"), ("time", "acbd"), ("team", "dacb"),
    ],
)  # fmt: skip
async def test_any_order_and_any_piece(exporter, sort, order):
    """Pieces put together are the whole, each entity once; what is over says so."""
    asked = {"family": "sales_calls", **({"sort": sort} if sort else {})}
    told = await ask(exporter, Explainer(SORTABLE), **asked)
    assert "".join(one["id"] for one in told["entities"]) == order
    assert told["truncated"] is False
    pieces = [await ask(exporter, Explainer(SORTABLE), **asked, limit=3, offset=start) for start in (0, 3)]
    assert "".join(one["id"] for each in pieces for one in each["entities"]) == order
    assert {(each["count"], each["total"], each["truncated"]) for each in pieces} == {(4, "0", True)}


async def test_only_what_is_needed_is_asked_for(exporter):
    """The largest come first by themselves; another order needs all, and refuses when they are too many."""
    explainer = Explainer(SORTABLE)
    await ask(exporter, explainer, family="sales_calls", limit=10, offset=5)
    await ask(exporter, explainer, family="sales_calls", limit=10, sort="time")
    assert [one[-2] for one in explainer.asked] == [15, 20_000]

    class Many(Explainer):
        async def explain(self, *args, limit, **more):
            return await super().explain(*args, limit=2, **more | {"fewer": 2})

    told = await ask(exporter, Many(SORTABLE), 400, family="sales_calls", sort="time")
    assert "narrow it by manager=, team= or dates" in told["detail"]


async def test_a_percentile_shows_the_entities_around_it(exporter):
    """In order, with how many are shorter; the middle of what is asked for is the percentile itself."""
    rows = [row(str(n), n / 10, manager="m-1") for n in range(1, 101)]
    told = await ask(
        exporter, Explainer(rows, "5.05"), family="sales_response_seconds", quantile="0.5", limit=4, window="week"
    )
    assert [one["contribution"] for one in told["entities"]] == ["4.9", "5", "5.1", "5.2"]
    assert (told["position"], told["first"], told["count"], told["unit"]) == (50, 48, 100, "s")
    edge = await ask(exporter, Explainer(rows, "99"), family="sales_response_seconds", quantile="0.95", limit=3)
    assert [one["contribution"] for one in edge["entities"]] == ["9.8", "9.9", "10"]
    none = await ask(exporter, Explainer([], None), family="sales_response_seconds", quantile="0.95")
    assert (none["total"], none["entities"]) == (None, [])


async def test_a_percentile_of_many_shows_what_the_ledger_found_around_it(exporter):
    """Of more than are put in order only those around it come, with how many lie before them; pieces go on."""

    class Around(Explainer):
        async def explain(self, *args, limit, fewer, **more):
            found = await super().explain(*args, limit=len(self.rows), **more)
            assert (limit, len(self.rows)) == (20_000, 20_100)
            around = sorted(self.rows, key=lambda one: one.value)[10_050 - fewer : 10_050 + fewer]
            return replace(found, rows=tuple(around), truncated=True, position=10_050, first=10_050 - fewer)

    many = Around([row(str(n), n) for n in range(20_100)], "10049.5")
    pieces = [
        await ask(exporter, many, family="sales_response_seconds", quantile="0.5", limit=4, offset=offset)
        for offset in (0, 4)
    ]
    found = [[one["contribution"] for one in told["entities"]] for told in pieces]
    assert found == [["10048", "10049", "10050", "10051"], ["10052", "10053", "10054", "10055"]]
    assert [(told["position"], told["first"], told["truncated"]) for told in pieces] == [
        (10_050, 10_048, True), (10_050, 10_052, True),
    ]  # fmt: skip


async def test_a_table_is_safe_to_open(exporter):
    """Names that begin like a formula stay text, numbers stay numbers, times are local."""
    rows = [row("=1+1", -2.5, "m-2", "south", client="@x", kind="refund"), row("ok", 1, time=None)]
    text = await ask(exporter, Explainer(rows), family="sales_revenue_amount", format="csv")
    first, second = csv.DictReader(io.StringIO(text))
    assert (first["id"], first["client"], first["manager_name"]) == ("'=1+1", "'@x", "'=cmd|' /C calc'!A0")
    assert (first["contribution"], first["unit"], first["title"]) == ("-2.5", "currency", "Refund")
    assert first["time"] == "2026-11-18T12:30:00+00:00"
    assert second["time"] == ""


async def test_all_tables_are_safe_to_open(exporter):
    """History and comparison, too."""
    async with client_of(exporter, None) as client:
        for path, query in (
            ("compare", {"kpis": "sales_calls:sum", "level": "manager"}),
            ("history", {"kpi": "sales_calls:sum", "level": "manager"}),
        ):
            answer = await client.get(f"/api/v1/{path}", params=query | {"format": "csv"})
            cells = [cell for line in csv.reader(io.StringIO(answer.text)) for cell in line]
            assert "'=cmd|' /C calc'!A0" in cells
            assert not [cell for cell in cells if cell[:1] in {"=", "+", "@", "\t"}]


@pytest.mark.parametrize("text", ["=1", "+1", "-x", "@a", "\tx", "\rx", "-", "--1", "-1e5x"])
def test_cells_that_would_run(text):
    assert tables.cell(text) == f"'{text}"


@pytest.mark.parametrize("value", ["-1.5", "0", "a=b", "", -3, 2.5, None, "-2e-7"])
def test_cells_that_stay(value):
    assert tables.cell(value) is value


async def test_a_ratio_explains_both_its_parts(exporter):
    """And says the number itself, as /api/v1/kpis does; labels go to the parts that have them."""
    explainer = Explainer([row()])
    told = await ask(exporter, explainer, kpi="sales_service_level:ratio", team="north", channel="call", window="day")
    assert (told["kpi"], told["title"], told["unit"]) == ("sales_service_level:ratio", "Service level", "percentunit")
    assert told["values"] == [{"labels": {"channel": "call"}, "value": 0.8}]
    assert [(part["family"], part["title"]) for part in told["parts"]] == [
        ("sales_responses_in_time", "Responses in time"), ("sales_responses_due", "Responses due"),
    ]  # fmt: skip
    assert [one[:6] for one in explainer.asked] == [
        (family, {"channel": "call"}, None, "north", "day", "current")
        for family in ("sales_responses_in_time", "sales_responses_due")
    ]
    text = await ask(exporter, explainer, kpi="sales_service_level:ratio", format="csv")
    assert [line["family"] for line in csv.DictReader(io.StringIO(text))] == [
        "sales_responses_in_time", "sales_responses_due",
    ]  # fmt: skip


@pytest.mark.parametrize("whose", [{}, {"team": "north"}, {"manager": "m-1"}], ids=["company", "team", "manager"])
async def test_every_kpi_can_be_explained(exporter, whose):
    """All its parts are questions that the plain definition takes, at every level; its values are those of the API."""
    level, name = next(iter(whose.items()), ("company", ""))
    shown = {}
    async with client_of(exporter, Explainer()) as client:
        for window in ("day", "month"):
            answer = await client.get("/api/v1/kpis", params={"level": level, "window": window})
            shown |= {kpi["id"]: kpi["values"] for kpi in answer.json()["kpis"] if kpi["id"] not in shown}
        for kpi in KPIS:
            answer = await client.get("/api/v1/explain", params={"kpi": kpi.id, **whose})
            assert answer.status_code == 200, answer.text
            told = answer.json()
            assert told["parts"]
            assert all(part["title"] != part["family"] for part in told["parts"])
            values = [one["value"] for one in shown[kpi.id] if not name or one["labels"][level] == name]
            assert [one["value"] for one in told["values"]] == values, kpi.id


async def test_days_of_ones_own(exporter):
    """A run of days goes to the explainer as such, and its number is that of these days."""
    explainer = Explainer([row()])
    told = await ask(
        exporter, explainer, kpi="sales_deals_closed:sum", outcome="won", **{"from": "2026-11-17", "to": "2026-11-18"}
    )
    assert told["values"] == [{"labels": {"outcome": "won"}, "value": 8.0}]
    assert explainer.asked[0][-1] == (DAY - 1, DAY)
    assert (told["parts"][0]["from"], told["parts"][0]["to"], told["parts"][0]["window"]) == (
        "2026-11-17",
        "2026-11-18",
        None,
    )


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ({"from": "2026-11-17"}, "from= and to= go together"),
        ({"from": "2026-11-17", "to": "2026-11-17", "window": "day"}, "window='day' contradicts from= and to="),
        ({"from": "2026-11-17", "to": "2026-11-17", "at": "2026-11-17T00:00:00Z"}, "contradicts from= and to="),
        ({"from": "2026-11-18", "to": "2026-11-17"}, "lies after"),
        ({"from": "2020-01-01", "to": "2026-11-17"}, "more than 800 days back"),
        ({"from": "17.11.2026", "to": "2026-11-17"}, "is not a date"),
        ({"family": "sales_open_deals", "from": "2026-11-17", "to": "2026-11-17"}, "is not about days"),
        ({"family": "sales_plan_target", "from": "2026-11-17", "to": "2026-11-17"}, "is not about days"),
        ({"kpi": "sales_plan_won_amount:ratio", "from": "2026-11-17", "to": "2026-11-17"}, "is not about days"),
        ({"family": "nothing"}, "is not a family"),
        ({"kpi": "nothing"}, "there is no kpi='nothing'"),
        ({"family": "sales_calls", "kpi": "sales_calls:sum"}, "state one of family= and kpi="),
        ({"kpi": "sales_clients_ready:sum", "window": "day"}, "about now"),
        ({"kpi": "sales_calls:sum", "window": "fortnight"}, "window='fortnight'"),
        ({"kpi": "sales_calls:sum", "flavour": "sweet"}, "no label 'flavour'"),
        ({"family": "sales_calls", "flavour": "sweet"}, "no label 'flavour'"),
        ({"sort": "colour"}, "sort='colour'"),
        ({"limit": 100_000, "offset": 1}, "reach beyond 100000"),
        ({"format": "xml"}, "format="),
        ({"lang": "de"}, "lang="),
    ],
)
async def test_what_cannot_be_explained_is_named(exporter, query, why):
    """400 and what is wrong; nobody is asked anything."""
    given = query if "kpi" in query else {"family": "sales_calls"} | query
    told = await ask(exporter, Explainer([row()]), 400, **given)
    assert why in told["detail"]


def test_every_family_has_a_title():
    """In both languages."""
    explained = {family.name for family in FAMILIES if family.source is not Source.SERVICE}
    shown = {name for name in explained if name.startswith("sales_") and name in TITLES}
    assert explained - shown <= {name for name in explained if "forecast" in name}
    assert all(title_of(name, language) != name for name in TITLES for language in LANGUAGES)


@pytest.mark.parametrize(
    "value",
    [
        "deal=javascript:alert({id})", "deal=https://{id}.example.com/", "deal=https://example.com/", "https://x.y/{id}",
        "deal=https://u:p@example.com/{id}", "deal=https://example.com/{other}", 'deal=https://example.com/"{id}',
        "deal=data:text/html,{id}", "deal=HTTPS//example.com/{id}", "deal=https://example.com@evil/{id}",
    ],
)  # fmt: skip
def test_addresses_that_lead_elsewhere_are_refused(value):
    """Another scheme, a host or a user by the id: the setting is refused, and named."""
    with pytest.raises(ValidationError, match=r"number 1 is not kind=address|entity_links"):
        ExporterSettings(_env_file=None, entity_links=value)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("deals=https://x.example/{id}", "number 1 is of deals, which is not a kind of entity; did you mean deal"),
        (
            "deal=https://x.example/{id} foo@crm://a=https://x.example/{id}",
            "number 2 is of foo.*there are call, meeting",
        ),
    ],
)
def test_addresses_of_no_kind_are_refused(value, said):
    """A kind that no entity is of would be looked up never, without a word."""
    with pytest.raises(ValidationError, match=said):
        ExporterSettings(_env_file=None, entity_links=value)


@pytest.mark.parametrize(
    ("entity", "client", "address"),
    [
        ("javascript:alert(1)", "c", "https://crm.example.com/javascript%3Aalert%281%29"),
        ("a/../../b?x#y", "c", "https://crm.example.com/a%2F..%2F..%2Fb%3Fx%23y"),
        ("Сделка 1", "c", "https://crm.example.com/%D0%A1%D0%B4%D0%B5%D0%BB%D0%BA%D0%B0%201"),
        ("..", "c", ""),
        ("", "c", ""),
    ],
)
def test_ids_stay_within_their_address(entity, client, address):
    assert link(links("deal=https://crm.example.com/{id}"), "deal", entity, client, "") == address


def test_the_first_template_that_fits_counts():
    known = links("deal=https://one.example.com/{number} deal=https://two.example.com/{id}")
    assert link(known, "deal", "12-ab", "", "") == "https://one.example.com/12"
    assert link(known, "deal", "12ab", "", "") == "https://two.example.com/12ab"
    assert link(known, "call", "12", "", "") == ""


def test_links_of_a_source_come_first_and_are_of_no_other():
    known = links(
        "deal=https://all.example.com/{id} deal@bitrix24://a.bitrix24.ru=https://a.example.com/{id},"
        "call@pbx://*=https://pbx.example.com/{id}"
    )
    assert link(known, "deal", "1", "", "bitrix24://a.bitrix24.ru") == "https://a.example.com/1"
    assert link(known, "deal", "1", "", "bitrix24://a.bitrix24.ru2") == "https://all.example.com/1"
    assert link(known, "call", "1", "", "pbx://north") == "https://pbx.example.com/1"
    assert link(known, "call", "1", "", "crm://pbx://north") == ""
