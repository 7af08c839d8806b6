"""Two conjectures of our own, checked like the theorems of the papers: `optima check examples/my_claims.py`.

A claim is a generator that yields cases with margins (nonnegative where it holds), plus its statement, the axes it is
checked on, and a control: a false neighbour that the same generator must refute. Axes and options arrive as arguments.

Both conjectures are about the best minimum known, so a case says what the search found and is no proof. With
`--report examples/my_claims.md` the command writes examples/my_claims.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from optima import DeepUFM, max_margin, solve
from optima.claims import Cases, Control, Grid, claim
from optima.model.log_grid import log_grid


@claim(
    "conjecture.rank_falls_with_depth",
    statement="At fixed K and lambda -> 0 the rank of the global minimum never increases with depth.",
    latex=r"L<L'\Rightarrow\operatorname{rank}\lim_{\lambda\to0}Z^*_{L'}\le\operatorname{rank}\lim_{\lambda\to0}Z^*_L",
    source="a conjecture of this project",
    how="best max-margin codes found (lambda -> 0) at neighbouring depths",
    axes={"classes": range(3, 8), "depths": range(1, 7)},
    deep={"classes": range(3, 11), "depths": range(1, 13)},
    control=Control("the rank never decreases with depth", {"sign": -1}, {"classes": (4,), "depths": (1, 2, 3)}),
)
def rank_falls_with_depth(classes: Sequence[int], depths: Sequence[int], *, sign: int = 1) -> Iterator[Cases | Grid]:
    """Margin: by how much the rank falls from one depth to the next."""
    ranks = np.zeros((len(depths), len(classes)), dtype=int)
    for j, K in enumerate(classes):
        for i, L in enumerate(depths):
            code = max_margin(K, L, effort="quick")
            ranks[i, j] = code.rank
            if i:
                fall = sign * int(ranks[i - 1, j] - ranks[i, j])
                yield Cases(fall, {"means": code.means}, classes=K, depths=L, rank=code.rank)
    seen = sorted(set(ranks.ravel().tolist()))
    yield Grid(
        "Rank of the best max-margin code",
        "classes K",
        "depth L",
        classes,
        depths,
        np.searchsorted(seen, ranks),
        [f"rank {rank}" for rank in seen],
    )


@claim(
    "conjecture.rank_falls_with_reg",
    statement="At fixed K and L the rank of the global minimum never increases with lambda.",
    latex=r"\lambda<\lambda'\ \Rightarrow\ \operatorname{rank}Z^*_{\lambda'}\le\operatorname{rank}Z^*_\lambda",
    source="a conjecture of this project",
    how="best minima found at neighbouring lambda",
    axes={"classes": range(3, 8), "depths": range(1, 5), "regs": tuple(log_grid(1e-5, 0.3, 16))},
    deep={"classes": range(3, 11), "depths": range(1, 9), "regs": tuple(log_grid(1e-8, 0.3, 60))},
    control=Control("the rank never decreases with lambda", {"sign": -1}, {"classes": (4,), "depths": (2,)}),
)
def rank_falls_with_reg(
    classes: Sequence[int], depths: Sequence[int], regs: Sequence[float], *, sign: int = 1
) -> Iterator[Cases]:
    """Margin: by how much the rank falls from one lambda to the next."""
    for K in classes:
        for L in depths:
            before = None
            for reg in sorted(regs):
                best = solve(DeepUFM(K, L, reg), effort="quick")
                if before is not None:
                    fall = sign * (before - best.rank)
                    yield Cases(fall, {"means": best.means}, classes=K, depths=L, regs=reg, rank=best.rank)
                before = best.rank
