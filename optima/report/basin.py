"""A basin of collapse in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from optima.report.fit_width import columns_of, labelled, paragraph

if TYPE_CHECKING:
    from optima.dynamics.basin import Basin
    from optima.dynamics.collapse_chance import Chance

COLUMNS = columns_of("L start r* limit:3 P(collapse):0 95_%:1 spread:1 undecided:2 trials:4")
# Columns of the separatrix alone.
PLAIN = 4


def basin_text(found: Basin, limit: int | None = None) -> str:
    """What one basin prints, in lines of at most ``limit`` characters where words allow it."""
    details = [("start", f"balanced factors with singular values {_start(found)}"), ("r*", _separatrix(found))]
    if found.rival:
        rank = f"of rank {'' if found.planar else 'at most '}{found.leading}"
        details.append(("rival", f"below r* training ends at {found.rival}, {rank}"))
        if found.depth > 1:
            scale = f"{found.critical_scale:.6g}, which is K (L-1)/(L+1)"
            details.append(("repulsion", f"nearly equal singular values repel each other up to {scale}"))
    details += [("random", _chance_words(found, chance)) for chance in found.chances]
    return "\n".join([paragraph(_head(found), limit), "", *labelled(details, limit)])


def basins_title(found: Basin) -> str:
    """What a table of basins of one number of classes is about."""
    words = f"K = {found.classes}: starts rho_0 (1, ..., 1, r, ..., r) collapse exactly for r > r*"
    return words + (f"; below, training ends at {found.rival}" if found.rival else "")


def basin_rows(found: Sequence[Basin]) -> list[list[str]]:
    """Rows for ``COLUMNS``, one for each basin and spread; only the first ``PLAIN`` entries without any spread."""
    rows = []
    for each in found:
        cells = [str(each.depth), f"{each.start:.6g}", f"{each.separatrix:.12g}", f"{each.late_limit:.6g}"]
        rows += [[*cells, *_chance_cells(chance)] for chance in each.chances] or [cells]
    return rows


def _chance_cells(chance: Chance) -> list[str]:
    low, high = chance.interval
    shown = [f"{chance.fraction:.4f}", f"{low:.4f} to {high:.4f}", f"{chance.spread:.6g}"]
    return [*shown, str(chance.undecided), str(chance.trials)]


def _chance_words(found: Basin, chance: Chance) -> str:
    low, high = chance.interval
    group = " x ".join(f"Z_{order}" for order in found.group)
    undecided = f", {chance.undecided} undecided" if chance.undecided else ""
    values = f"singular values {found.start:g} exp({chance.spread:g} N(0, 1)) in the characters of {group}"
    return f"{chance.collapsed} of {chance.trials} starts collapse{undecided} (95 %: {low:.3f} to {high:.3f}); {values}"


def _head(found: Basin) -> str:
    if found.separatrix:
        return f"neural collapse from this start exactly for r > {found.separatrix:.12g}"
    return f"every such start collapses {'with one weight matrix' if found.rival else 'with so few classes'}"


def _start(found: Basin) -> str:
    leading = f"{found.start:g} ({found.leading} times)"
    return f"{leading} and r times that ({found.trailing} times)" if found.rival else leading


def _separatrix(found: Basin) -> str:
    close = f" (1 - r* = {found.deviation:.12g})" if found.deviation < 0.1 else ""
    late = f"; it falls to {found.late_limit:.6g} for large starts" if found.separatrix else ""
    error = "" if found.planar or not found.error else f" +- {found.error:.1g}"
    return f"{found.separatrix:.12g}{error}{close}{late}"
