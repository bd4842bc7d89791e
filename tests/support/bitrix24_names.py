"""What a stand-in portal says of its funnels and stages, answer by answer as the documentation has them.

Pages are those of bitrix24/b24restdocs below `api-reference/`, without their ending.
"""

from collections.abc import Mapping
from typing import Any

from tests.support.bitrix24_tables import DEAL_STAGES, INVOICE_STAGES, LEAD_STAGES, SEMANTICS

Row = dict[str, Any]
_PAGE = 50
_WORDS = {"P": "process", "S": "success", "F": "failure"}
_NAMES = {
    "NEW": "New", "PREPARATION": "Invoice sent", "EXECUTING": "In progress", "WON": "Deal successful",
    "LOSE": "Deal failed", "IN_PROCESS": "In work", "PROCESSED": "Processed", "CONVERTED": "Good lead",
    "JUNK": "Junk lead",
}  # fmt: skip


class Names:
    """`entities`: ENTITY_ID → the stages in their order. A portal with `gives_all` ignores `start`."""

    def __init__(self) -> None:
        self.gives_all = False
        self.categories = [_category(0, "General"), _category(2, "Wholesale")]
        self.entities = {
            "DEAL_STAGE": [_status("DEAL_STAGE", stage) for stage in DEAL_STAGES[0]],
            "DEAL_STAGE_2": [_status("DEAL_STAGE_2", stage) for stage in DEAL_STAGES[2]],
            "SMART_INVOICE_STAGE_1": [_status("SMART_INVOICE_STAGE_1", stage) for stage in INVOICE_STAGES],
            "STATUS": [_status("STATUS", stage) for stage in LEAD_STAGES],
        }

    def listed_categories(self, params: Mapping[str, Any]) -> Row:
        """crm/universal/category/crm-category-list: `categories` within `result`, and `total`.

        Funnels that the user may not read are left out.
        """
        found = [row for row in self.categories if str(row["entityTypeId"]) == str(params["entityTypeId"])]
        return {"result": {"categories": found}, "total": len(found)}

    def listed_statuses(self, params: Mapping[str, Any]) -> Row:
        """crm/status/crm-status-list: a list, all numbers as strings, `CATEGORY_ID` null in the main funnel."""
        found = self.entities.get(str(params["filter"]["ENTITY_ID"]), [])
        start = 0 if self.gives_all else int(params.get("start", 0))
        return {"result": found if self.gives_all else found[start : start + _PAGE], "total": len(found)}

    def name(self, entity: str, stage: str, name: str) -> None:
        """Give a stage another name."""
        (row,) = (row for row in self.entities[entity] if row["STATUS_ID"] == stage)
        row["NAME"] = name


def _category(number: int, name: str) -> Row:
    """crm/universal/category/crm-category-list; the main funnel has no `originId`."""
    origin = {} if number == 0 else {"originId": "", "originatorId": ""}
    default = "Y" if number == 0 else "N"
    return {"id": number, "name": name, "sort": 300, "entityTypeId": 2, "isDefault": default, **origin}


def _status(entity: str, stage: str) -> Row:
    """crm/status/crm-status-list; stages of further funnels begin with their prefix (crm-status-entity-types)."""
    semantics = SEMANTICS.get(stage, "P")
    number = entity.rpartition("_")[2] if entity[-1].isdigit() else ""
    return {
        "ID": "101", "ENTITY_ID": entity, "STATUS_ID": stage, "NAME": _NAMES.get(stage.rpartition(":")[2], stage),
        "NAME_INIT": "", "SORT": "10", "SYSTEM": "N", "CATEGORY_ID": number or None, "COLOR": "#39A8EF",
        "SEMANTICS": None if semantics == "P" else semantics,
        "EXTRA": {"SEMANTICS": _WORDS[semantics], "COLOR": "#39A8EF"},
    }  # fmt: skip
