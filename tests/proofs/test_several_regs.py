"""A regularisation for each factor: proofs depend on their geometric mean alone, and hold for all factors."""

from dataclasses import replace

import numpy as np
import pytest

from optima import DeepUFM, Reduction, certify
from optima.proofs.certificate import Certificate
from optima.reduction import mean_reg

GAP = 1e-3
THREE = DeepUFM(3, 2, (1e-3, 8e-2, 1e-1))
FOUR = DeepUFM(4, 3, (1e-1, 1e-2, 1e-2, 1e-3))


def proof_of(problem: DeepUFM) -> Certificate:
    proof = certify(problem, gap=GAP).certificate
    assert proof is not None
    return proof


@pytest.mark.parametrize("problem", [THREE, pytest.param(FOUR, marks=pytest.mark.slow)])
def test_a_proof_is_that_of_the_geometric_mean(problem: DeepUFM) -> None:
    proof, one = proof_of(problem), proof_of(replace(problem, reg=mean_reg(problem)))
    assert proof.gap <= GAP
    assert proof.method == one.method == "branch and bound"
    assert proof.lower == pytest.approx(one.lower, rel=1e-9)
    answer = proof.verify()
    assert answer, answer.reason
    # No factors cost less, and the balanced ones of these regularisations what the proof says.
    rng = np.random.default_rng(0)
    factors = Reduction(problem).lift(proof.means)
    assert problem.objective(factors) == pytest.approx(proof.upper, rel=1e-12)
    for _ in range(50):
        moved = [factor + 0.1 * rng.standard_normal(factor.shape) for factor in factors]
        assert problem.objective(moved) >= proof.lower
        assert problem.objective([2 * factors[0], *factors[1:-1], factors[-1] / 2]) >= proof.lower


def test_a_proof_for_other_regularisations_is_refused() -> None:
    proof = proof_of(THREE)
    for regs in ((1e-3, 8e-2, 1.01e-1), (1e-3, 1e-3, 1e-3)):
        other = replace(THREE, reg=regs)
        upper = Reduction(other).value(proof.means)
        assert "form" in replace(proof, problem=other, upper=upper).verify().reason
    # In another order the geometric mean, and with it the minimum, is the same.
    swapped = replace(proof, problem=replace(THREE, reg=THREE.regs[::-1]))
    assert swapped.verify()


def test_one_factor_without_regularisation_is_refused() -> None:
    with pytest.raises(ValueError, match="reg is 0"):
        certify(replace(THREE, reg=(1e-3, 0.0, 1e-3)))
