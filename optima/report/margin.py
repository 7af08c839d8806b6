"""A code of the limit of vanishing regularisation in words."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from optima.report.fit_width import Column, labelled, paragraph, table_text
from optima.solution.knowledge import Knowledge
from optima.structures.recognition.result import grouped

if TYPE_CHECKING:
    from optima.search.max_margin import MaxMargin
    from optima.search.softmax_code import SoftmaxCode

# Features this close to their class vectors are drawn together by rounding alone.
SAME_VECTORS = 1e-6


def margin_text(found: MaxMargin, limit: int | None = None) -> str:
    """What a max-margin code prints, in lines of at most ``limit`` characters where words allow it."""
    spectrum = ", ".join(f"{value:.8g} x{count}" for value, count in grouped(found.singular_values))
    power = "sum log s" if math.isinf(found.depth) else "sum s^p"
    shown = found.structure if found.recognition.named else "a structure without a name"
    head = f"best code known for lambda -> 0: {shown}, rank {found.rank}, {power} {found.value:.12g}"
    exact = found.kind is not Knowledge.BEST_OF_STARTS
    proved = "proved: no code of margin 1 has less" if exact else "not proved: another code may have less"
    details = [
        ("problem", f"K = {found.classes}, L = {found.depth:g}, every class leads by a margin of at least 1"),
        (power, "over the singular values s of the logits" + ("" if math.isinf(found.depth) else ", p = 2 / (L + 1)")),
        ("structure", found.recognition.description),
        ("rank", f"{found.rank}, singular values {spectrum}"),
        ("known by", f"{found.kind}; {found.known_by}"),
        ("time", f"{found.seconds:.2f} s"),
    ]
    lines = [*(paragraph(line, limit) for line in (head, proved)), "", *labelled(details, limit)]
    columns = (Column("rank"), Column(power), Column("structure", right=False))
    ladder = [[str(rank), f"{value:.12g}", name] for rank, value, name in found.ladder]
    return "\n".join([*lines, "", "The best of each rank searched:", table_text(columns, ladder, limit)])


def softmax_text(found: SoftmaxCode, limit: int | None = None) -> str:
    """What a code of unit norms prints."""
    beside = "the same as" if found.apart < SAME_VECTORS else f"up to {found.apart:.3g} from"
    details = [
        ("problem", f"K = {found.classes} class vectors w and features h of length 1 in {found.rank} dimensions"),
        ("margin", "min over classes c and rivals j of <w_c - w_j, h_c>, to be as large as possible"),
        ("angle", f"least angle between class vectors {found.angle:.7f} degrees{_published(found)}"),
        ("features", f"{beside} their class vectors; {found.active} margins are the smallest"),
        ("known by", f"best of starts; {found.reached} of {found.starts} reached it"),
    ]
    head = f"largest margin known of unit vectors: {found.margin:.12g}"
    lines = [paragraph(line, limit) for line in (head, "not proved: another code may have more")]
    return "\n".join([*lines, "", *labelled(details, limit)])


def _published(found: SoftmaxCode) -> str:
    return "" if found.spherical is None else f"; of the best spherical code published {found.spherical:.7f}"
