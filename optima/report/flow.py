"""A flow without regularisation in words: where it ended, and the way there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from optima.report.fit_width import columns_of, labelled, paragraph, table_text
from optima.report.words import problem_words

if TYPE_CHECKING:
    from optima.dynamics.flow import Flow

COLUMNS = columns_of("log10_t margin loss eff._rank largest:1 smallest:2")
# Records of the table, evenly spaced among those of the flow, first and last among them.
LISTED = 12
FORMS = {
    "characters": "singular values in characters",
    "balanced": "class-mean logits of balanced factors",
    "factors": "all factors",
}
ENDED = {
    "time": "at the time asked for",
    "margin": "at the margin asked for",
    "loss": "at the loss asked for",
    "rest": "at rest: nothing moves any more",
}


def flow_text(run: Flow, limit: int | None = None) -> str:
    """What a flow prints, in lines of at most ``limit`` characters where words allow it."""
    values = ", ".join(f"{value:.9g}" for value in _nonzero(run.singular_values[-1]))
    ranks = run.effective_ranks
    facts = [
        ("problem", problem_words(run.problem)),
        ("followed", FORMS[run.kind] + (f"; what is conserved drifted by {run.drift:.2g}" if run.drift else "")),
        ("values", f"singular values of the logits Z: {values}"),
        ("rank", f"effective rank {ranks[-1]:.6g}, at the start {ranks[0]:.6g}"),
    ]
    head = f"ended {ENDED[run.ended]}: log10 t = {_log10(run.log_times[-1])}, margin {run.margins[-1]:.9g}"
    kept = np.unique(np.linspace(0, len(run.log_times) - 1, LISTED).round().astype(int))
    table = table_text(COLUMNS, [_row(run, i) for i in kept], limit)
    return "\n".join([paragraph(head, limit), "", *labelled(facts, limit), "", table])


def _nonzero(values: np.ndarray) -> np.ndarray:
    return np.asarray(values[values > values.max(initial=0.0) * 1e-12])


def _log10(log_time: float) -> str:
    return f"{log_time / np.log(10):.6g}"


def _row(run: Flow, i: int) -> list[str]:
    values = _nonzero(run.singular_values[i])
    ends = (values[0], values[-1]) if values.size else (0.0, 0.0)
    cells = [run.margins[i], run.losses[i], run.effective_ranks[i], *ends]
    return [_log10(run.log_times[i]), *(f"{cell:.6g}" for cell in cells)]
