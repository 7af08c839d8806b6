"""Which branches belong to which blocks, and when there are two of them only."""

from __future__ import annotations

from optima.model import Array
from optima.scales.branches import Branches, CrossEntropyBranches, SquaredErrorBranches
from optima.scales.ridge import RidgeBranches, ridge_single_humped, ridge_turning_points
from optima.scales.terms import CrossEntropyTerms, RidgeTerms, SquaredErrorTerms, Terms
from optima.scales.turning_points import single_humped
from optima.structures import Block


def branches(terms: Terms, p: Array) -> Branches:
    """The branches of stacked blocks, for either loss."""
    if isinstance(terms, CrossEntropyTerms):
        return CrossEntropyBranches(terms, p)
    if isinstance(terms, RidgeTerms):
        return RidgeBranches(terms, p)
    assert isinstance(terms, SquaredErrorTerms)
    return SquaredErrorBranches(terms, p)


def turns_once(block: Block, classes: int, loss: str, exponents: tuple[float, ...] = ()) -> bool:
    """Whether the curve of the block is proved to rise to one maximum and then fall: at every depth, or at some.

    ``exponents`` are those p = 2/(L+1) at which it matters; none means all.
    """
    if loss == "ce":
        return single_humped(block, classes)
    if block.ridge is None or ridge_single_humped(block):
        return True
    return bool(exponents) and all(len(ridge_turning_points(block, p)) == 1 for p in exponents)
