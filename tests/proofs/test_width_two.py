"""Width 2: logits of three classes are as free as without a width, those of four are not, and both are proved."""

from dataclasses import replace

import numpy as np
import pytest

from optima import DeepUFM, certify


def test_three_classes_are_wide_enough_at_width_two() -> None:
    narrow, wide = (certify(DeepUFM(3, 3, 1e-2, width=width), gap=1e-3) for width in (2, None))
    assert narrow.certificate is not None
    assert wide.certificate is not None
    assert narrow.certificate.lower == pytest.approx(wide.certificate.lower, rel=1e-9)
    assert narrow.certificate.verify()


@pytest.mark.slow
def test_four_classes_at_width_two_are_proved_to_cost_more() -> None:
    """The simplex, of rank 3, is the best without a width."""
    narrow = certify(DeepUFM(4, 2, 1e-3, width=2), gap=1e-3)
    wide = certify(DeepUFM(4, 2, 1e-3), gap=1e-2)
    proof = narrow.certificate
    assert proof is not None
    assert proof.gap <= 1e-3
    assert proof.lower > wide.loss
    assert (narrow.rank, wide.rank) == (2, 3)
    assert proof.verify()
    # The same boxes prove nothing of a wider model, and logits of rank 3 are refused.
    assert "form" in replace(proof, problem=replace(proof.problem, width=None)).verify().reason
    assert "width" in replace(proof, means=wide.means, upper=np.inf).verify().reason
