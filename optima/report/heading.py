"""Where unregularised training is heading, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optima.report.fit_width import labelled, paragraph

if TYPE_CHECKING:
    from optima.search.heading import Heading


def heading_text(found: Heading, limit: int | None = None) -> str:
    """What a heading prints, in lines of at most ``limit`` characters where words allow it."""
    name, of_rank = found.recognition.label, found.best_of_rank
    best = f"{found.best.recognition.label}, value {found.best.value:.9g}: {_above(found.excess)}"
    details = [
        ("problem", f"K = {found.classes}, L = {found.depth}, margin {found.margin:.6g} by now"),
        ("value", f"sum s^p = {found.value:.9g} at margin 1, p = 2 / (L + 1)"),
        ("best", f"of all codes known {best}"),
    ]
    if of_rank is not None and of_rank.rank != found.best.rank:
        words = f"{of_rank.recognition.label}, value {of_rank.value:.9g}: {_above(found.excess_of_rank or 0.0)}"
        details.append(("", f"of rank {found.rank} {words}"))
    spread = f"active margins within {100 * found.slack:.3g} % of the smallest"
    details.append(("residual", f"{found.residual:.3g} of the conditions of first order, {spread}"))
    return "\n".join([paragraph(f"heading for: {name}, rank {found.rank}", limit), "", *labelled(details, limit)])


def _above(excess: float) -> str:
    return "as good as this" if abs(excess) < 1e-6 else f"this is {100 * excess:.4g} % above"
