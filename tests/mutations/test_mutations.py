"""The checks bite: each wrong sign, exponent, count or root is caught by the claim named next to it.

Every mutation changes one function in memory. The claim has to hold without it and to fail with it.
"""

import dataclasses
from dataclasses import dataclass, field
from importlib import import_module
from types import SimpleNamespace

import numpy as np
import pytest

from optima.claims import library, run
from optima.spectra import Spectrum
from optima.structures.base import Block, Orbit

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Mutation:
    """What is changed, where (module or class, and attribute), into what, and the claim that must notice."""

    words: str
    target: str
    attribute: str
    change: object
    claim: str
    axes: dict = field(default_factory=dict)


def wrapped(change):
    """A mutation that changes the result of a function."""
    return lambda original: lambda *args, **kwargs: change(original(*args, **kwargs), *args, **kwargs)


def scaled_singular(blocks, factor):
    """Blocks whose singular values are multiplied."""
    return tuple(dataclasses.replace(b, singular=tuple((factor * s, m) for s, m in b.singular)) for b in blocks)


def one_rival_more(blocks, *_, **__):
    """Blocks in which every class has one rival too many at its first margin."""
    orbits = lambda b: tuple(Orbit(o.classes, o.margins, (o.counts[0] + 1, *o.counts[1:])) for o in b.orbits)
    return tuple(Block(orbits(b), b.singular, b.trace) for b in blocks)


def unbalanced(factors, *_, **__):
    """The same product from factors of unequal norms."""
    return [1.1 * factors[0], factors[1] / 1.1, *factors[2:]]


def moved(spectrum, *_, **__):
    """The smallest nonzero eigenvalue with the other sign."""
    values = spectrum.values.copy()
    index = np.flatnonzero(values)[0]
    values[index] = -values[index]
    return Spectrum(values, spectrum.counts)


def smaller_root(original):
    """Stationary scales that call the smaller root the minimum."""
    names = {"minimum": "maximum", "maximum": "minimum"}

    def changed(*args, **kwargs):
        points = original(*args, **kwargs)
        return tuple(dataclasses.replace(p, kind=names[p.kind]) if p.scales[0] > 0 else p for p in points)

    return changed


SMALL = {"classes": (4, 5), "depths": (2, 3)}
MUTATIONS = [
    Mutation(
        "p = 2/(L+2): off by one",
        "optima.reduction:Reduction",
        "exponent",
        lambda _: property(lambda self: 2 / (self.problem.depth + 2)),
        "model.structures",
        SMALL,
    ),
    Mutation(
        "c = L lam / 2: off by one",
        "optima.reduction:Reduction",
        "strength",
        lambda _: property(lambda self: self.problem.depth * self.reg / 2),
        "model.structures",
        SMALL,
    ),
    Mutation(
        "p = 2/L in the scales",
        "optima.scales.scale",
        "exponent",
        lambda _: lambda depth: 2.0 / depth,
        "model.scale",
        SMALL,
    ),
    Mutation(
        "n^(1/L) instead of n^(1/(L+1))",
        "optima.scales.scale",
        "effective_reg",
        lambda _: (
            lambda reg, samples, depth: np.asarray(reg) * np.asarray(samples, dtype=float) ** (1 / np.asarray(depth))
        ),
        "model.scale",
        SMALL,
    ),
    Mutation(
        "the smaller root is the minimum",
        "optima.claims.garrod2025.theorem4",
        "stationary_scales",
        smaller_root,
        "garrod2025.theorem4",
        SMALL,
    ),
    Mutation(
        "unbalanced factors",
        "optima.reduction:Reduction",
        "lift",
        wrapped(unbalanced),
        "model.reduction",
        {"classes": (3,), "depths": (2,), "seeds": (0,)},
    ),
    Mutation(
        "the gradient without its regulariser's sign",
        "optima.model:DeepUFM",
        "gradient",
        lambda original: (
            lambda self, factors: [
                g - 2 * reg * f for g, reg, f in zip(original(self, factors), self.regs, factors, strict=True)
            ]
        ),
        "garrod2025.lemma1",
        {"classes": (3,), "depths": (2,), "seeds": (0,)},
    ),
    Mutation(
        "the gradient of the fit with the other sign",
        "optima.reduction:Reduction",
        "fit_gradient",
        wrapped(lambda slope, *_: -slope),
        "model.depth_one",
        {"classes": (4,)},
    ),
    Mutation(
        "one rival too many at the simplex",
        "optima.structures.simplex",
        "simplex_blocks",
        wrapped(one_rival_more),
        "model.structures",
        SMALL,
    ),
    Mutation(
        "pairs with singular value one",
        "optima.structures.pairs",
        "even_pairs_blocks",
        wrapped(lambda blocks, *_: scaled_singular(blocks, 0.5)),
        "model.structures",
        SMALL,
    ),
    Mutation(
        "cross-entropy without the own class",
        "optima.reduction",
        "Fit",
        lambda original: type(
            "Fit", (original,), {"value": lambda self, z: np.log(np.expm1(original.value(self, z))) + 5}
        ),
        "model.structures",
        SMALL,
    ),
    Mutation(
        "centring rows instead of columns",
        "optima.claims.model.reduction",
        "center",
        lambda _: lambda Z: Z - Z.mean(axis=1, keepdims=True) - 1.0 * np.arange(len(Z))[:, None],
        "model.averaging",
        {"classes": (4,), "depths": (2,), "seeds": (0, 1, 2)},
    ),
    Mutation(
        "the cost of the relu network with exponent 2 instead of 3",
        "optima.claims.garrod2025.theorem7",
        "relu_cost",
        wrapped(lambda rho, K, L: rho * ((K - K % 2 + 2) / (K - K % 2)) ** (1 / (L + 1))),
        "garrod2025.theorem7",
        {"classes": (16,), "depths": (4,), "regs": (1e-3,)},
    ),
    Mutation(
        "the last layer is projected onto the range of the logits",
        "optima.spectra.point:Point",
        "maps",
        lambda original: lambda self, layer: original(self, max(layer - (layer == self.problem.depth), 0)),
        "garrod2026spectra.last_layer",
        {"classes": (6,), "depths": (2,), "samples": (1,), "regs": (1e-3,)},
    ),
    Mutation(
        "the second moment of gradients without its weights",
        "optima.spectra.moments",
        "gradient_values",
        wrapped(lambda values, point, *_: values * point.problem.size),
        "garrod2026spectra.theorem4_3",
        {"classes": (3,), "depths": (2,), "samples": (2,), "shares": (0.1,)},
    ),
    Mutation(
        "the Hessian without second derivatives",
        "optima.spectra.hessian_product:Products",
        "__init__",
        lambda original: lambda self, point, *_, **__: original(self, point, gauss_newton=True),
        "garrod2026spectra.whole_hessian",
        {"classes": (3,), "depths": (2,), "samples": (1,), "shares": (0.1,)},
    ),
    Mutation(
        "relu is active at zero",
        "optima.spectra.point:Point",
        "__init__",
        lambda original: lambda self, problem, factors, kink=0: original(self, problem, factors, 1),
        "garrod2026spectra.relu",
        {"classes": (3,), "depths": (3,), "samples": (1,), "regs": (1e-3,)},
    ),
    Mutation(
        "second derivative of the product with the other sign",
        "optima.spectra.lifted:_Lifted",
        "_add_second_order",
        lambda original: (
            lambda self, core, *index: (
                core.__isub__(2 * (lambda C: (original(self, C, *index), C)[1])(np.zeros_like(core))),
                original(self, core, *index),
            )
        ),
        "garrod2025.theorem4",
        SMALL,
    ),
    Mutation(
        "an eigenvalue at the simplex with the other sign",
        "optima.claims.garrod2025.theorem4",
        "simplex_spectrum",
        wrapped(moved),
        "garrod2025.theorem4",
        SMALL,
    ),
    Mutation(
        "the threshold of a semidefinite Hessian off by one",
        "optima.claims.garrod2025.theorem4",
        "least_scale",
        lambda _: lambda K, L: K * (L - 1) / (L + 2),
        "garrod2025.theorem4",
        SMALL,
    ),
    Mutation(
        "the trace constant with L in place of L+1",
        "optima.claims.garrod2025.theorem6",
        "limits",
        lambda original: lambda K, L, n: (*original(K, L, n)[:2], original(K, L - 1, n)[2]),
        "garrod2025.theorem6",
        {"classes": (6,), "depths": (3,), "samples": (1,)},
    ),
    Mutation(
        "the dimension with r(r-1)/2",
        "optima.claims.model.dimension",
        "published_dimension",
        lambda original: (
            lambda singular, L, d, corrected=False: original(singular, L, d, corrected) + L * len(singular)
        ),
        "model.solution_dimension",
        {"classes": (3,), "depths": (2,), "widths": (4,)},
    ),
    Mutation(
        "a squared-error minimum one percent off",
        "optima.search.ladder",
        "squared_error_minimum",
        wrapped(lambda means, *_: 1.01 * means),
        "model.squared_error",
        {"classes": (2,), "depths": (2,), "samples": (1,)},
    ),
    Mutation(
        "the smaller root of the squared-error equation",
        "optima.claims.model.squared_error",
        "_root",
        lambda original: lambda L, right, side: original(L, right, "smaller"),
        "model.squared_error",
        {"classes": (2,), "depths": (2,), "samples": (1,)},
    ),
    Mutation(
        "q_K = 1",
        "optima.claims.model.limits",
        "least_rank",
        lambda _: lambda K: 1,
        "model.minimal_rank",
        {"classes": (2, 3)},
    ),
    Mutation(
        "the second order of small lambda with the other sign",
        "optima.claims.model.limits",
        "expansion",
        lambda original: lambda s, L, reg, order=2: 2 * original(s, L, reg, 1) - original(s, L, reg, 2),
        "model.small_reg",
        {"classes": (10,), "depths": (3,)},
    ),
    Mutation(
        "pairs compared with zero instead of with the simplex",
        "optima.claims.garrod2025.simplex_rivals",
        "best_scales",
        lambda original: (
            lambda s, *a, **k: (
                original(s, *a, **k)
                if s.name != "pairs"
                else SimpleNamespace(loss=np.log(s.classes), scales=original(s, *a, **k).scales)
            )
        ),
        "garrod2025.theorem1",
        {"classes": (6,), "depths": (2,), "regs": (1e-3,)},
    ),
]


@pytest.fixture(autouse=True)
def _quick_theorem1(monkeypatch):
    """No map of the region here, and no search where pairs do not win."""
    theorem1 = import_module("optima.claims.garrod2025.theorem1")
    monkeypatch.setattr(theorem1, "_map", lambda *_: iter(()))
    monkeypatch.setattr(theorem1, "searched_gap", lambda *_: SimpleNamespace(gap=-1.0))


def target_of(mutation):
    module, _, name = mutation.target.partition(":")
    found = import_module(module)
    return getattr(found, name) if name else found


def test_there_are_enough():
    assert len(MUTATIONS) >= 20
    assert len({mutation.claim for mutation in MUTATIONS}) >= 12


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.words)
def test_mutation_is_caught(mutation, monkeypatch):
    made = library()[mutation.claim]
    before = run(made, mutation.axes, control=False).finding
    assert before.kind in ("proved", "holds"), before.why
    target = target_of(mutation)
    original = getattr(target, mutation.attribute)
    monkeypatch.setattr(target, mutation.attribute, mutation.change(original))
    after = run(made, mutation.axes, control=False).finding
    assert after.kind == "counterexample", after.why
