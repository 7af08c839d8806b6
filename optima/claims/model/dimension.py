"""The dimension of the set of solutions, whatever the multiplicities."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from optima.claims.claim import Control, claim
from optima.claims.derivation import step, whole
from optima.claims.evidence import Cases, Evidence, Ints, Remark
from optima.claims.garrod2025.theorem5 import measured_dimension, published_dimension, spectra
from optima.model import DeepUFM
from optima.scales import best_scales
from optima.spectra import lifted_spectrum, orbit_dimension
from optima.structures import catalogue


@claim(
    "model.solution_dimension",
    statement="The balanced parameters with logits of rank r form a set of dimension L (r d - r(r+1)/2), whatever the "
    "multiplicities of the singular values; it is the number of zero eigenvalues of the Hessian at a nondegenerate "
    "minimum, and the simplex's dimension is at least that of any smaller rank from d = K - 1 on.",
    latex=r"D=L\bigl(rd-\tfrac{r(r+1)}2\bigr),\qquad\frac{D_{\rm simplex}}{D}=\frac{(K-1)(2d-K)}{r(2d-r-1)}\ge1",
    source="corrects the restatement of garrod2025, Theorem 5; derivations/solution_dimension.py",
    how="symbolic proof; rank of the tangent map, and zeros of the exact spectrum at named structures",
    axes={"classes": range(3, 6), "depths": range(1, 4), "widths": (4, 6)},
    deep={"classes": range(3, 9), "depths": range(1, 5), "widths": (8, 10)},
    control=Control("the count with mu(mu-1)/2 taken off for repeated values", {"corrected": True}, {"classes": (4,)}),
    proves=True,
)
def solution_dimension(classes: Ints, depths: Ints, widths: Ints, *, corrected: bool = False) -> Iterator[Evidence]:
    """Margin: minus the difference of the counts; the excess of the ratio over one."""
    yield whole("solution_dimension")
    yield step("solution_dimension", "check_ratio", "the ratio grows, tends to (K-1)/r and starts at one or above")
    for K, L in product(classes, depths):
        for d in widths:
            for name, singular in spectra(K):
                found = measured_dimension(singular, K, L, d)
                formula = published_dimension(singular, L, d, corrected)
                yield Cases(0.0 - abs(found - formula), classes=K, depths=L, widths=d, singular_values=name)
            for r in range(1, K - 1):
                ratio = orbit_dimension(K - 1, L, d) / orbit_dimension(r, L, d)
                yield Cases(ratio - 1, classes=K, depths=L, widths=d, rank=r)
        if L > 1:
            yield from _zeros(K, L, max(widths), corrected)
    yield Remark(
        "differs from the published count by L (K-1)(K-2)/2 at the simplex; there the published ratio starts below "
        "one, the true one never is: the conclusion that deep neural collapse is the more prevalent solution is "
        "strengthened",
        sharper=True,
    )


def _zeros(K: int, L: int, d: int, corrected: bool) -> Iterator[Evidence]:
    """Zero eigenvalues of the Hessian at every named structure of one block with equal singular values."""
    for structure in catalogue(K):
        if len(structure.blocks()) != 1 or len(structure.blocks()[0].singular) != 1:
            continue
        a = float(best_scales(structure, L, 1e-3).scales[0])
        spectrum = lifted_spectrum(DeepUFM(K, L, 1e-3, width=d), structure.shape([a]))
        formula = published_dimension([1.0] * structure.rank, L, d, corrected)
        yield Cases(0.0 - abs(spectrum.zeros() - formula), classes=K, depths=L, widths=d, zeros_at=structure.name)
