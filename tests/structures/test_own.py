"""Structures given as logits: the same as the named ones, and as a direct minimisation."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

import optima
from optima.structures import Own, catalogue


@pytest.mark.parametrize("name", ["simplex", "pairs", "polygon", "cube"])
def test_logits_of_a_named_structure_have_its_loss(name):
    known = optima.named(name, 8)
    own = Own("mine", known.shape([0.7] if len(known.blocks()) == 1 else None))
    depth, reg = np.array([1.0, 2.0, 3.5])[:, None], np.array([1e-5, 1e-3, 1e-1])
    for loss in ("ce", "mse"):
        expected = optima.best_scales(known, depth, reg, 3, loss).loss
        np.testing.assert_allclose(optima.best_scales(own, depth, reg, 3, loss).loss, expected, rtol=1e-11)
    assert own.rank == known.rank


def test_any_logits_are_minimised_over_their_scale():
    rng = np.random.default_rng(5)
    Q = rng.standard_normal((5, 5)) * 0.2 + np.eye(5)
    Q -= Q.mean(axis=0)
    problem = optima.DeepUFM(5, 3, 2e-3, samples=2)
    reduction = optima.Reduction(problem)
    direct = minimize_scalar(
        lambda a: reduction.value(a * Q), bounds=(1, 40), method="bounded", options={"xatol": 1e-9}
    )
    found = optima.best_scales(Own("random", Q), 3, 2e-3, 2)
    assert found.loss == pytest.approx(direct.fun, rel=1e-12)
    assert found.scales[0] == pytest.approx(direct.x, rel=1e-5)


def test_it_ties_with_others():
    own = Own("mine", optima.named("pairs", 4).shape())
    np.testing.assert_allclose(optima.boundary("simplex", own, 4, 2), optima.boundary("simplex", "pairs", 4, 2))


def test_its_formula_has_its_loss():
    own = Own("mine", next(each for each in catalogue(6) if each.name == "pairs").shape())
    symbols = {symbol.name: symbol for symbol in own.formula().free_symbols}
    value = own.formula().subs({symbols["a"]: 5, symbols["L"]: 2, symbols["lambda"]: 1e-3, symbols["n"]: 1})
    problem = optima.DeepUFM(6, 2, 1e-3)
    assert float(value) == pytest.approx(optima.Reduction(problem).value(own.shape([5.0])), rel=1e-10)


@pytest.mark.parametrize(
    ("logits", "words"),
    [
        (np.ones((3, 2)), "shape (3, 2)"),
        (np.eye(3) * np.nan, "finite"),
        (np.eye(3) - 2 * np.diag([0, 1, 0]), "class 1 does not lead"),
    ],
)
def test_what_is_no_structure_is_refused(logits, words):
    with pytest.raises(ValueError, match=words.replace("(", r"\(").replace(")", r"\)")):
        Own("mine", logits)
