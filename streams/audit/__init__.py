"""The audit: is what is shown what the log says? Recomputed by `streams.plain`, compared to the last digit."""

from streams.audit.report import AuditError, AuditReport, Difference
from streams.audit.run import AuditProgress, audit

__all__ = ["AuditError", "AuditProgress", "AuditReport", "Difference", "audit"]
