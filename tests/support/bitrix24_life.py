"""The life inside a stand-in Bitrix24 portal: seeded, in fast motion, and remembered in full for comparison."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

from tests.support.bitrix24_tables import COST, DEAL_STAGES, INVOICE_STAGES, LEAD_STAGES, SEMANTICS, Tables

LINE = "reg150908"
"""What the portal calls the line that calls go through."""
SEEN = timedelta(minutes=12)


WEIGHTS = {
    "new_lead": 5, "move_lead": 6, "delete_lead": 1,
    "new_deal": 6, "edit_deal": 12, "move_deal": 12, "move_funnel": 3, "delete_deal": 1,
    "new_invoice": 4, "move_invoice": 4, "edit_invoice": 3, "delete_invoice": 1, "pay": 6, "unpay": 1,
    "delete_payment": 1, "edit_contact": 4, "edit_company": 1, "call": 8, "vote_call": 3, "chat": 2, "meeting": 3,
}  # fmt: skip


@dataclass
class Life(Tables):
    """A seeded crowd that works in the portal."""

    weights: ClassVar[dict[str, int]] = WEIGHTS
    """What they do, and how often."""

    def live(self, seconds: int, every: int = 2) -> None:
        """Let time pass."""
        for _ in range(0, seconds, every):
            self.now += timedelta(seconds=every)
            for entry in sorted((e for e in self.due if e[0] <= self.now), key=lambda e: e[0]):
                self.due.remove(entry)
                entry[1]()
            for _ in range(self.rng.choice((0, 0, 1, 1, 2))):
                self.act()

    def finish(self) -> None:
        """Let everything that has begun come to its end."""
        while self.due:
            self.now = max(self.now, min(e[0] for e in self.due))
            entry = min(self.due, key=lambda e: e[0])
            self.due.remove(entry)
            entry[1]()
        self.now += timedelta(seconds=5)

    def act(self) -> None:
        """One thing that somebody does."""
        names = list(self.weights)
        name = self.rng.choices(names, list(self.weights.values()))[0]
        if getattr(self, name)() is not False:
            self.done[name] = self.done.get(name, 0) + 1

    # What people do

    def new_lead(self) -> None:
        lead = self._add("lead", {"stageId": self.rng.choice(["NEW", "NEW", "NEW", "IN_PROCESS"])})
        lead |= {"stageSemanticId": "P", "assignedById": self._user(), **self._times()}
        self._step(1, lead, 1)
        self._hook("ONCRMLEADADD", lead["id"])

    def move_lead(self) -> bool | None:
        lead = self._one("lead", lambda row: row["stageSemanticId"] == "P")
        return lead and self._move(1, "lead", lead, self.rng.choice(LEAD_STAGES[1:]))

    def delete_lead(self) -> bool | None:
        """One that has not changed for so long that everybody has looked at it."""
        long_ago = self.now - SEEN
        lead = self._one("lead", lambda row: datetime.fromisoformat(row["updatedTime"]) < long_ago)
        if not lead:
            return False
        self.gone[lead["id"]] = (self.tables["lead"].pop(lead["id"]), self._history_of(1, lead["id"]))
        self._hook("ONCRMLEADDELETE", lead["id"])
        return None

    def new_deal(self) -> None:
        category = self.rng.choice([0, 2])
        deal = self._add("deal", {"categoryId": category, "stageId": DEAL_STAGES[category][0], "stageSemanticId": "P"})
        deal |= {
            "opportunity": self._amount(), "currencyId": self.rng.choice(["RUB", "RUB", "USD"]),
            "assignedById": self._user(), "probability": self.rng.choice([None, 10, 35, 70, 90]),
            "companyId": self.rng.choice([0, self.rng.randint(1, 12)]), "leadId": 0,
            "contactId": self.rng.choice([0, self.rng.randint(1, 30)]), "title": "Secret Client Ltd",
            "closedate": self.text(self.now + timedelta(days=7)), COST: self.rng.choice([None, "120.5|RUB", "80"]),
            **self._times(),
        }  # fmt: skip
        self._step(2, deal, 1)
        self._hook("ONCRMDEALADD", deal["id"])

    def edit_deal(self) -> bool | None:
        if not (deal := self._one("deal")):
            return False
        change = self.rng.choice(["opportunity", "assignedById", "probability", "title", "companyId", "contactId"])
        deal[change] = {
            "opportunity": self._amount(), "assignedById": self._user(), "probability": self.rng.choice([None, 5, 95]),
            "title": "Other Client", "companyId": self.rng.choice([0, self.rng.randint(1, 12)]),
            "contactId": self.rng.randint(1, 30),
        }[change]  # fmt: skip
        deal["updatedTime"] = self.text()
        self._hook("ONCRMDEALUPDATE", deal["id"])
        return None

    def edit_contact(self) -> None:
        number, phone = self.rng.randint(1, 30), f"900{self.rng.randint(0, 40):07d}"
        written = self.rng.choice([f"+7{phone}", f"8 ({phone[:3]}) {phone[3:]}", phone, f"7{phone}"])
        company = {"COMPANY_ID": str(self.rng.choice([0, 0, self.rng.randint(1, 12)]))}
        self.party("contact", number, [written], [f"Client{number}@example.com"], **company)

    def edit_company(self) -> None:
        self.party("company", self.rng.randint(1, 12), [f"+7900{self.rng.randint(0, 40):07d}"])

    def move_deal(self) -> bool | None:
        deal = self._one("deal")
        return deal and self._move(2, "deal", deal, self.rng.choice(DEAL_STAGES[deal["categoryId"]]))

    def move_funnel(self) -> bool | None:
        """Silent: no hook, and the time of change stays."""
        if not (deal := self._one("deal")):
            return False
        place = DEAL_STAGES[deal["categoryId"]].index(deal["stageId"])
        deal["categoryId"] = 2 - deal["categoryId"]
        deal["stageId"] = DEAL_STAGES[deal["categoryId"]][place]
        deal["movedTime"] = self.text()
        self._step(2, deal, 5)
        return None

    def delete_deal(self) -> bool | None:
        if not (deal := self._one("deal", lambda row: not self._orders(2, row["id"]))):
            return False
        del self.tables["deal"][deal["id"]]
        self._history_of(2, deal["id"])
        self._hook("ONCRMDEALDELETE", deal["id"])
        return None

    def new_invoice(self) -> bool | None:
        if not (deal := self._one("deal")):
            return False
        invoice = self._add("invoice", {"stageId": "DT31_1:N", "stageSemanticId": "P", "parentId2": deal["id"]})
        invoice |= {
            "opportunity": self._amount(), "currencyId": deal["currencyId"], "assignedById": deal["assignedById"],
            "begindate": self.text(), "closedate": self.text(self.now + timedelta(days=10)),
            "companyId": self.rng.choice([0, deal["companyId"]]), "contactId": 0, **self._times(),
        }  # fmt: skip
        self._step(31, invoice, 1)
        self._invoice_hook("ADD", invoice["id"])
        return None

    def move_invoice(self) -> bool | None:
        if not (invoice := self._one("invoice")):
            return False
        stage = self.rng.choice(INVOICE_STAGES)
        invoice |= {"stageId": stage, "stageSemanticId": SEMANTICS.get(stage, "P")}
        invoice |= {"updatedTime": self.text(), "movedTime": self.text()}
        self._step(31, invoice, 3 if stage in SEMANTICS else 2)
        self._invoice_hook("UPDATE", invoice["id"])
        return None

    def edit_invoice(self) -> bool | None:
        if not (invoice := self._one("invoice")):
            return False
        name = self.rng.choice(["opportunity", "companyId"])
        invoice |= {"updatedTime": self.text(), name: self._amount() if name[0] == "o" else self.rng.randint(0, 12)}
        self._invoice_hook("UPDATE", invoice["id"])
        return None

    def delete_invoice(self) -> bool | None:
        if not (invoice := self._one("invoice", lambda row: not self._orders(31, row["id"]))):
            return False
        del self.tables["invoice"][invoice["id"]]
        self._invoice_hook("DELETE", invoice["id"])
        return None

    def pay(self) -> bool | None:
        kind, entity_type = self.rng.choice([("deal", 2), ("invoice", 31)])
        if not (owner := self._one(kind)):
            return False
        order = self._add("order", {"ownerTypeId": entity_type, "ownerId": owner["id"]})
        payment = self._add("payment", {"orderId": order["id"], "paid": "Y", "datePaid": self.text()})
        payment |= {"sum": self._amount(), "currency": owner["currencyId"]}
        self._hook("ONPAYMENTENTITYSAVED", payment["id"])
        return None

    def unpay(self) -> bool | None:
        if not (payment := self._one("payment", lambda row: row["paid"] == "Y")):
            return False
        payment |= {"paid": "N", "datePaid": None}
        self._hook("ONPAYMENTENTITYSAVED", payment["id"])
        return None

    def delete_payment(self) -> bool | None:
        if not (payment := self._one("payment")):
            return False
        del self.tables["payment"][payment["id"]]
        self._hook("ONPAYMENTDELETED", payment["id"])
        return None

    def call(self) -> None:
        kind = self.rng.choice(["1", "2", "2", "2"])
        answered = self.rng.random() < 0.7
        wait, talk = self.rng.randint(2, 40), self.rng.randint(5, 90)
        name, phone, user = (
            f"call-{self.seed}-{self.ids['call'] + 1}",
            f"+7900{self.rng.randint(0, 40):07d}",
            self._user(),
        )
        began = self.now
        self.ids["call"] += 1
        number = self.ids["call"]
        numbers = {"1": (phone, LINE), "2": ("+74950000000", phone)}[kind]
        self._call_hook("INIT", {
            "CALL_ID": name, "CALL_TYPE": kind, "ACCOUNT_SEARCH_ID": LINE, "PHONE_NUMBER": numbers[0],
            "CALLER_ID": numbers[1],
        })  # fmt: skip
        if answered:
            self._later(wait, lambda: self._call_hook("START", {"CALL_ID": name, "USER_ID": str(user)}))

        def end() -> None:
            code = "200" if answered else self.rng.choice(["304", "603-S", "486"])
            duration = str(talk if answered else 0)
            facts = {
                "CALL_ID": name, "CALL_TYPE": kind, "PHONE_NUMBER": phone, "PORTAL_USER_ID": str(user),
                "CALL_DURATION": duration, "CALL_START_DATE": self.text(began), "CALL_FAILED_CODE": code,
            }  # fmt: skip
            self.tables["call"][number] = {"ID": str(number), "CALL_VOTE": None, "ended": self.now, **facts}
            self._call_hook("END", facts)

        self._later(wait + talk, end)

    def vote_call(self) -> bool | None:
        row = self._one("call", lambda row: row["CALL_FAILED_CODE"] == "200" and row["CALL_VOTE"] is None)
        if not row:
            return False
        row["CALL_VOTE"] = str(self.rng.randint(1, 5))
        return None

    def chat(self) -> None:
        session, user = self._add("session", {}), self._user()
        activity = self._activity({"TYPE_ID": "6", "PROVIDER_ID": "IMOPENLINES_SESSION"}, user)
        activity["ASSOCIATED_ENTITY_ID"] = str(session["id"])
        client = str(1000 + session["id"])
        session |= {"sessionId": session["id"], "chatId": 5000 + session["id"] % 7, "message": {}}
        session["users"] = {
            client: {"id": client, "connector": True, "bot": False, "name": "Anna Client"},
            "99": {"id": "99", "connector": False, "bot": True},
            str(user): {"id": str(user), "connector": False, "bot": False},
        }
        script: list[tuple[str, str]] = [("0", "A dialogue began"), (client, "Hello"), ("99", "I am a bot")]
        script += [("0", "Passed to an operator"), (str(user), "Good day")]
        script += [(self.rng.choice([client, str(user)]), "…") for _ in range(self.rng.randint(0, 6))]
        after = 0
        for sender, words in script:
            after += self.rng.randint(1, 40)
            self._later(after, lambda sender=sender, words=words: self._write(session, sender, words))
        if self.rng.random() < 0.8:
            self._later(after + 30, lambda: self._close(activity))
            if self.rng.random() < 0.5:
                self._later(after + 60, lambda: self._rate(session, user))

    def meeting(self) -> None:
        owner = self._one("deal")
        row = self._activity({"TYPE_ID": "1", "PROVIDER_ID": "CRM_MEETING"}, self._user())
        row |= {"OWNER_TYPE_ID": "2" if owner else "3", "OWNER_ID": str(owner["id"] if owner else 5)}

        def complete() -> None:
            row.update(COMPLETED="Y", LAST_UPDATED=self.text())
            self._hook("ONCRMACTIVITYUPDATE", int(row["ID"]))

        self._later(self.rng.randint(10, 300), complete)
