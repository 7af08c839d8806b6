"""The table of named structures."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np

from optima.claims.claim import Control, claim
from optima.claims.derivation import step, whole
from optima.claims.evidence import Cases, Evidence, Ints, Reals, agreement
from optima.model import DeepUFM
from optima.model.log_grid import log_grid
from optima.reduction import Reduction
from optima.scales import best_scales, stationary_scales
from optima.structures import catalogue, named

TOLERANCE = 1e-10


@claim(
    "model.structures",
    statement="The closed forms of all named structures (singular values, margins, fit) are those of their matrices.",
    latex=r"s(\alpha X)=(\alpha\sigma_i)^{(m_i)},\quad "
    r"g(\alpha X)=\sum_ow_o\log\Bigl(1+\sum_jN_{oj}e^{-\alpha\mu_{oj}}\Bigr)",
    source="theory section 3; derivations/structure_losses.py, sections 0 to 6",
    how="symbolic proof; every structure of the catalogue against its matrix",
    axes={"classes": range(2, 21), "depths": (1, 3)},
    deep={"classes": range(2, 61), "depths": (1, 2, 3, 5, 10)},
    control=Control("the polygon with singular value K instead of K/2", {"doubled": "polygon"}, {"classes": (7,)}),
    proves=True,
)
def structures(classes: Ints, depths: Ints, *, doubled: str = "") -> Iterator[Evidence]:
    """Margin: agreement of the closed loss with that of the matrix, at the best scales."""
    yield whole("structure_losses")
    yield step("structure_losses", "check_two_distance", "strongly regular codes: singular value K/f, f times")
    for K in classes:
        for structure in catalogue(K):
            if not structure.blocks():
                continue
            for L in depths:
                best = best_scales(structure, L, 1e-3)
                scales = [float(scale) for scale in best.scales]
                penalty = float(best.penalty) * (2 ** (2 / (L + 1)) if structure.name == doubled else 1)
                value = Reduction(DeepUFM(K, L, 1e-3)).value(structure.shape(scales))
                error = abs((float(best.fit) + penalty) / value - 1)
                yield Cases(agreement(error, TOLERANCE), classes=K, depths=L, structure=structure.name)


@claim(
    "model.odd_pairs",
    statement="For odd K >= 3 the published pairs are not optimal among their kind: centring and freeing the last "
    "class's scale lowers the loss.",
    latex=r"V_{\text{pairs-free}}(\lambda)<V_{\text{pairs}}(\lambda)",
    source="theory section 3",
    how="exhaustive on a grid of lambda at which pairs are better than zero",
    axes={"classes": range(3, 22, 2), "depths": range(1, 11), "regs": tuple(log_grid(1e-12, 0.1, 23))},
    deep={"classes": range(3, 102, 2), "depths": range(1, 31), "regs": tuple(log_grid(1e-100, 0.1, 101))},
    control=Control("the published form is the better one", {"sign": -1}, {"classes": (5,), "depths": (2,)}),
)
def odd_pairs(classes: Ints, depths: Ints, regs: Reals, *, sign: int = 1) -> Iterator[Evidence]:
    """Margin: relative fall of the loss."""
    for K in (K for K in classes if K % 2):
        published, free = named("pairs", K), named("pairs-free", K)
        for L in depths:
            old, new = (best_scales(structure, L, np.array(regs)) for structure in (published, free))
            alive = old.scales[0] > 0
            gain = sign * (old.loss - new.loss) / old.loss
            yield Cases(gain[alive], classes=K, depths=L, regs=np.array(regs)[alive])


# Figure 1 of garrod2025 (K = 10, n = 5, L = 2, lambda = 2^-10) and the like at L = 3, to all digits of a float.
REFERENCE = (
    ("simplex", 2, 2**-10, 7.03753849442636294105, 0.0906621832128544109209),
    ("pairs", 2, 2**-10, 7.04704868833874057139, 0.0800126592451275299200),
    ("simplex", 3, 2**-9, None, 0.147060765694726951461),
    ("pairs", 3, 2**-9, None, 0.116525256479039123878),
)


@claim(
    "model.scale",
    statement="The simplex is stationary at scale a iff lam_eff = a^((L-1)/(L+1)) / (e^a + K - 1); of the two roots "
    "the larger one is the minimum. For L = 1, a = log(1/lam_eff - K + 1).",
    latex=r"\lambda_{\rm eff}=\frac{a^{(L-1)/(L+1)}}{e^a+K-1}",
    source="theory section 3; derivations/structure_losses.py, sections 7 to 11; reference values of theory section 3",
    how="symbolic proof; the equation inverted on a grid of scales beyond the fold, and 20-digit reference values",
    axes={"classes": range(2, 21), "depths": range(1, 11), "scales": (5.0, 10.0, 50.0, 500.0)},
    deep={"classes": range(2, 201), "depths": range(1, 31), "scales": (5.0, 7.0, 10.0, 20.0, 50.0, 500.0)},
    control=Control("the exponent (L-1)/L in place of (L-1)/(L+1)", {"shift": 0}, {"classes": (4,), "depths": (2,)}),
    proves=True,
)
def scale(classes: Ints, depths: Ints, scales: Reals, *, shift: int = 1) -> Iterator[Evidence]:
    """Margin: agreement of the larger root found with the scale that lambda was made from."""
    yield step("structure_losses", "check_simplex_curve", "the curve lambda(a) of the simplex")
    for K in classes:
        simplex = named("simplex", K)
        for L, a in product(depths, scales):
            reg = float(np.exp((L - 1) / (L + shift) * np.log(a) - np.logaddexp(a, np.log(K - 1))))
            found = [point for point in stationary_scales(simplex, L, reg) if point.scales[0] > 0]
            top = max(found, key=lambda point: point.scales[0])
            error = abs(top.scales[0] / a - 1) + (top.kind != "minimum")
            yield Cases(agreement(error, TOLERANCE), classes=K, depths=L, scales=a)
    for name, L, reg, size, loss in REFERENCE:
        structure = named(name, 10)
        best = best_scales(structure, L, reg, 5)
        error = max(abs(float(best.loss) / loss - 1), abs(float(best.scales[0]) / size - 1) if size else 0.0)
        yield Cases(agreement(error, 1e-13), classes=10, depths=L, scales=float(best.scales[0]), reference=name)
