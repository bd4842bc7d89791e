"""Alerts about the proof: what is shown differs from the log, or nobody has compared it lately."""

from grafana.alerting.alert import CRITICAL, WARNING, Alert, of_service
from metrics.catalogue import service as s

_SHOWN = f'max({s.AUDIT_PROVED.name}{{data="shown"}})'


def alerts() -> tuple[Alert, ...]:
    """The ledger's standing audit."""
    return (
        of_service(
            "NumbersDiffer", f"max by (data, family) ({s.AUDIT_DIFFERENCES.name}) > 0", "", CRITICAL,
            "{{ $value }} numbers of {{ $labels.family }} ({{ $labels.data }}) differ from the log",
            "The ledger's standing audit found them twice, comparing both as of exactly the same records.",
            "Numbers in the view are not what the log adds up to: walls show something wrong. The alert ends when a "
            "later comparison finds them equal.",
            "The ledger's log: `the view differs from the log` names each part, both values and the question that "
            "lists the entities behind it; `/api/v1/audit` of the ledger has the first of them. `sales-pulse audit` "
            "computes everything again from the log, and says whether view or ledger is wrong.",
            "If the audit confirms it, restart the workers: they write the view again. If that does not help, their "
            "state is wrong: start them under a new `SALES_APP_ID`, which counts everything again. If the audit finds "
            "nothing, the index is wrong: stop the ledger, delete its file, start it. Report it either way.",
        ),
        of_service(
            "NotProved",
            f"(time() - {_SHOWN} > 2400) or (max({s.LEDGER_UP.name}) == 0) "
            f"or (max({s.LEDGER_UP.name}) unless on () {_SHOWN})",
            "20m", WARNING,
            "The numbers shown have not been verified lately",
            "The ledger compares everything that is shown with the log every ten minutes. For over half an hour it has "
            "not, or not successfully.",
            "Numbers may well be right, but nothing checks them. Walls say so.",
            "Whether `sales-pulse ledger` runs and reaches Kafka and Redis; its `/readyz`, and `problem` in its "
            "`/api/v1/audit`; NumbersDiffer; whether workers keep up.",
            "Start the ledger, or let it read the log to its end. If the comparison needs more than its share of a "
            "core, raise `SALES_AUDIT_SHARE`.",
            every="30s",
        ),
        of_service(
            "SqlBehind",
            f"(max({s.SQL_UP.name}) == 0) or (max({s.SQL_LAG.name}) > 900)",
            "10m", WARNING,
            "The tables in PostgreSQL are not up to date",
            "The ledger copies its index there if `SALES_LEDGER_POSTGRES` is set. For ten minutes it could not, or it "
            "is over a quarter of an hour behind.",
            "SQL queries return old data: `as_of` in the table `progress` says from when. Walls, explanations and the "
            "audit are not affected.",
            "`problem` of `sql` in the ledger's `/api/v1/audit`, and why in its log: `the tables in PostgreSQL are not "
            "kept up now; it is tried again`. Whether PostgreSQL runs, has disk, and lets the role of the address in. "
            "While everything is refilled (`phase` in `progress`) it is behind until that is done.",
            "Fix what it says; nothing else is needed. If the tables themselves are broken, drop the schema "
            "`sales_pulse` with everything in it: they are refilled. If you do not want the tables, remove "
            "`SALES_LEDGER_POSTGRES`.",
        ),
    )  # fmt: skip
