"""The audit: is what is shown what the log says? Recomputed by `streams.plain`, compared to the last digit."""

from streams.audit.report import AuditError, Difference, Report
from streams.audit.run import Progress, audit

__all__ = ["AuditError", "Difference", "Progress", "Report", "audit"]
