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
            "The ledger's standing audit found them twice, as of the very records that the view is as of.",
            "Numbers in the view are not what the log adds up to: walls show something wrong. It goes away when a "
            "later comparison finds them equal.",
            "The ledger's log: `the view differs from the log` names each part, both values and the question that "
            "lists the entities behind it; `/api/v1/audit` of the ledger has the first of them. `sales-pulse audit` "
            "computes everything again from the log, and says whether view or ledger is wrong.",
            "Where the audit confirms it, have the view written again: restart the workers. If that does not help, "
            "their state is wrong: start them under a new `SALES_APP_ID`, which counts everything again. Where it "
            "finds nothing, the index is wrong: stop the ledger, delete its file, start it. Report it either way.",
        ),
        of_service(
            "NotProved",
            f"(time() - {_SHOWN} > 2400) or (max({s.LEDGER_UP.name}) == 0) "
            f"or (max({s.LEDGER_UP.name}) unless on () {_SHOWN})",
            "20m", WARNING,
            "What is shown has not been proved lately",
            "All that is shown is compared with the log every ten minutes, by the ledger; for over half an hour it was "
            "not, or not with success.",
            "Numbers may be right: nobody checks. Walls say so.",
            "Whether `sales-pulse ledger` runs and reaches Kafka and Redis; its `/readyz`, and `problem` in its "
            "`/api/v1/audit`; NumbersDiffer; whether workers keep up.",
            "Start the ledger, or let it read the log to its end. Where the comparison takes longer than its share of "
            "a core allows, raise `SALES_AUDIT_SHARE`.",
            every="30s",
        ),
        of_service(
            "SqlBehind",
            f"(max({s.SQL_UP.name}) == 0) or (max({s.SQL_LAG.name}) > 900)",
            "10m", WARNING,
            "The tables in PostgreSQL are not kept up",
            "The ledger copies its index there where `SALES_LEDGER_POSTGRES` is set; for ten minutes it could not, or "
            "it is over a quarter of an hour behind.",
            "Who asks by SQL gets what was so a while ago: `as_of` in the table `progress` says of when. Walls, "
            "explanations and the audit are as ever.",
            "`problem` of `sql` in the ledger's `/api/v1/audit`, and why in its log: `the tables in PostgreSQL are not "
            "kept up now; it is tried again`. Whether PostgreSQL runs, has disk, and lets the role of the address in. "
            "While all is refilled (`phase` in `progress`) it is behind until that is done.",
            "Fix what it says; nothing has to be done after that. Where the tables themselves are broken, drop the "
            "schema `sales_pulse` with all that is in it: they are refilled. Who wants none takes "
            "`SALES_LEDGER_POSTGRES` away.",
        ),
    )  # fmt: skip
