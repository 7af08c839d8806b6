"""Reports of checked claims, in Markdown or HTML."""

from optima.claims.report.text import shown_at, shown_number
from optima.claims.report.write import check_output, write_report

__all__ = ["check_output", "shown_at", "shown_number", "write_report"]
