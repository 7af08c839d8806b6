"""Where flows are heading, against codes that are known."""

import numpy as np
import pytest

from optima import DeepUFM, flow, heading, max_margin, named
from optima.search.max_margin import kkt_residual


def test_collapse_and_pairs_of_four_classes():
    problem = DeepUFM(4, 3, 0)
    start = lambda r: flow(problem, (0.5, 0.5, 0.5 * r), until={"margin": 500}, group=(2, 2))
    up, down = heading(start(0.6)), heading(start(0.3))
    assert (up.recognition.name, down.recognition.name) == ("simplex", "pairs")
    # NC has the value 3, the square 2 * 2^(2/m), which is less from four factors on.
    assert up.value == pytest.approx(3)
    assert down.value == pytest.approx(2 * 2**0.5)
    assert up.excess == pytest.approx(3 / 2**1.5 - 1)
    assert down.excess == pytest.approx(0, abs=1e-9)
    assert max(up.residual, down.residual) < 1e-8
    assert up.best_of_rank.structure == "simplex"
    assert "heading for: simplex" in str(up)
    assert "6.066 % above" in str(up)
    assert up.as_dict()["best"]["structure"] == "pairs"


@pytest.mark.slow
@pytest.mark.parametrize(("depth", "best"), [(2, 3.0), (3, 2 * 2**0.5)])
def test_the_square_is_better_from_3_419_factors_on(depth, best):
    m = depth + 1
    assert max_margin(4, depth, effort="quick").value == pytest.approx(min(3.0, 2 * 2 ** (2 / m)))
    assert best == pytest.approx(min(3.0, 2 * 2 ** (2 / m)))
    assert (m > 2 / np.log2(1.5)) == (best < 3)


def test_the_excess_falls_along_a_flow_and_the_residual_is_large_elsewhere():
    problem = DeepUFM(4, 1, 0)
    start = 0.5 * np.random.default_rng(0).standard_normal((4, 4))
    early, late = (heading(flow(problem, start, until={"margin": m}, tolerance=1e-8)) for m in (8, 200))
    assert late.excess < 1e-5 < early.excess
    assert late.slack < 0.01 * early.slack
    assert late.residual < 1e-9
    # Logits of positive margin that no flow tends to.
    rng = np.random.default_rng(1)
    other = named("simplex", 4).shape() + 0.1 * rng.standard_normal((4, 4))
    assert kkt_residual(heading(500 * other, 2).means, 2 / 3, 0.01) > 0.05


def test_bad_input():
    with pytest.raises(ValueError, match="train longer"):
        heading(np.zeros((4, 4)), 2)
    with pytest.raises(ValueError, match="depth is not given"):
        heading(np.eye(4))
    with pytest.raises(ValueError, match=r"shape \(K, K\)"):
        heading(np.ones(4), 2)
    uneven = flow(DeepUFM(3, 2, 0, samples=(1, 2, 1)), np.eye(3), 100.0)
    with pytest.raises(ValueError, match="differ in size"):
        heading(uneven)


def test_the_best_code_is_searched_once_for_many_runs(monkeypatch):
    from optima.search import heading as module

    calls = []
    monkeypatch.setattr(module, "max_margin", lambda *asked: calls.append(asked) or max_margin(*asked))
    module._best.cache_clear()
    first, second = (heading(scale * np.eye(3), depth=1) for scale in (5.0, 9.0))
    assert len(calls) == 1
    assert first.best is second.best
    with pytest.raises(ValueError, match="read-only"):
        first.best.means[0, 0] = 0.0
