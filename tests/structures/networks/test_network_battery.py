"""One battery for every named network: closed forms against its layers, formulas against the objective of factors."""

import numpy as np
import pytest
import sympy

from optima.model import DeepUFM
from optima.reduction import Reduction
from optima.structures import find, named
from optima.structures.networks import (
    at_scales,
    chain_price,
    network_catalogue,
    network_factors,
)

CLASSES = (2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 15, 16, 20, 35)
NETWORKS = [
    *(network for K in CLASSES for network in network_catalogue(K)),
    named("transversal", 138, "relu"),
    named("srg-first(53/20)", 10, "relu"),
]
SINGLE = [network for network in NETWORKS if len(network.directions()) == 1]


def every(networks):
    return pytest.mark.parametrize("network", networks, ids=lambda n: f"{n.classes}-{n.name}")


def depths(network):
    return network.least_depth, network.least_depth + 1, network.least_depth + 4


def spectrum(block):
    return np.sort([float(mu) for mu, m in block.ridge.spectrum for _ in range(int(m))])


@every(SINGLE)
def test_closed_prices_are_those_of_the_layers(network):
    (block,) = network.blocks()
    for L in depths(network):
        layers = network.preactivations(L)
        assert len(layers) == L - 1
        p = 2 / (L + 1)
        assert float(block.price(p)) == pytest.approx(chain_price(layers, network.directions()[0]).price, rel=1e-12)
        ridge = chain_price(layers)
        assert float(block.ridge.price(p)) == pytest.approx(ridge.price, rel=1e-12)
        found = np.sort(ridge.spectrum)
        own = spectrum(block)
        np.testing.assert_allclose(found[-len(own) :], own, rtol=1e-12)
        assert np.all(found[: -len(own)] < 1e-10 * found[-1])


@every(NETWORKS)
def test_exact_numbers_are_the_float_numbers(network):
    for exact, block in zip(network.blocks(exact=True), network.blocks(), strict=True):
        p = sympy.Rational(2, 7)
        assert float(exact.price(p)) == pytest.approx(float(block.price(2 / 7)), rel=1e-13)
        if block.ridge is not None:
            assert float(exact.ridge.price(p)) == pytest.approx(float(block.ridge.price(2 / 7)), rel=1e-13)
            np.testing.assert_allclose(spectrum(exact), spectrum(block), rtol=1e-13)
    np.testing.assert_allclose(np.array(network.shape(exact=True), dtype=float), network.shape(), atol=1e-13)


@every([n for n in NETWORKS if n.name != "fan"])
def test_exact_prices_hold_no_floats(network):
    for block in network.blocks(exact=True):
        assert not sympy.sympify(block.price(sympy.Symbol("p"))).has(sympy.Float)


@every(NETWORKS)
def test_the_direction_has_the_singular_values_and_fit_of_the_blocks(network):
    scales = np.linspace(0.7, 1.9, len(network.blocks())).tolist()
    K = network.classes
    claimed = [
        a * float(s) for a, b in zip(scales, network.blocks(), strict=True) for s, m in b.singular for _ in range(m)
    ]
    found = np.linalg.svd(network.shape(scales), compute_uv=False)
    np.testing.assert_allclose(found, np.sort([*claimed, *[0.0] * (K - len(claimed))])[::-1], atol=1e-12 * found[0])
    value = 0.0
    for a, block in zip(scales, network.blocks(), strict=True):
        for orbit in block.orbits:
            assert sum(orbit.counts) == K - 1
            tail = sum(N * np.exp(-a * float(m)) for m, N in zip(orbit.margins, orbit.counts, strict=True))
            value += orbit.classes / K * np.log1p(tail)
    assert value == pytest.approx(Reduction(DeepUFM(K, 2, 0.1)).fit(network.shape(scales)), rel=1e-12)


def formula(network, problem, scales):
    """The loss at the scales, from the blocks: one lambda, the geometric mean, with n^(1/(L+1))."""
    K, L = problem.classes, problem.depth
    p = 2 / (L + 1)
    lam = float(np.prod(problem.regs)) ** (1 / (L + 1)) * problem.samples ** (1 / (L + 1))
    value = 0.0
    if problem.loss == "ce" or network.blocks()[0].ridge is None:
        value = Reduction(DeepUFM(K, L, 0.1, loss=problem.loss)).fit(network.shape(scales))
    for scale, block in zip(scales, network.blocks(), strict=True):
        if problem.loss == "ce" or block.ridge is None:
            value += (L + 1) / 2 * lam * float(block.price(p)) * scale**p
        else:
            mu = spectrum(block)
            value += (np.sum(1 / (1 + scale * mu**2)) + block.classes - mu.size) / (2 * K)
            value += L / 2 * lam ** ((L + 1) / L) * K ** (1 / L) * float(block.ridge.price(p)) * scale ** (1 / L)
    return value


@every(NETWORKS)
@pytest.mark.parametrize("loss", ["ce", "mse"])
@pytest.mark.parametrize("samples", [1, 3])
def test_the_objective_of_the_factors_is_the_formula(network, loss, samples):
    rng = np.random.default_rng(network.classes)
    for L in depths(network)[:2]:
        problem = DeepUFM(
            network.classes, L, tuple(rng.uniform(1e-3, 1e-2, L + 1)), samples, loss=loss, activation="relu"
        )
        scales = rng.uniform(1, 30, len(network.blocks())).tolist()
        found = at_scales(problem, network, scales)
        factors = found.factors
        if loss == "ce":
            np.testing.assert_allclose(
                problem.logits(found.repeated()),
                np.repeat(network.shape(scales), samples, axis=1),
                atol=1e-10 * max(scales),
            )
        assert found.loss == pytest.approx(problem.objective(found.repeated()), rel=1e-13)
        assert found.loss == pytest.approx(formula(network, problem, scales), rel=1e-12)
        if len(scales) == 1:
            norms = [lam * np.sum(F**2) for lam, F in zip(problem.regs, factors, strict=True)]
            norms[-1] *= samples
            kept = norms if loss == "ce" else [*norms[:-2], norms[-1]]
            np.testing.assert_allclose(kept, kept[0], rtol=1e-12)


@every(NETWORKS)
def test_depths_at_which_there_is_no_network(network):
    with pytest.raises(ValueError, match=rf"^[^\n]* needs a depth of at least {network.least_depth}; got"):
        network.preactivations(network.least_depth - 1)


@every(NETWORKS)
def test_a_network_is_found_by_its_name(network):
    found = named(network.name, network.classes, activation="relu")
    assert type(found) is type(network)
    assert found.fingerprint == network.fingerprint
    assert network.name in repr(network)


@pytest.mark.parametrize("classes", CLASSES)
def test_the_catalogue_names_each_network_once(classes):
    members = network_catalogue(classes)
    assert len({n.name for n in members}) == len({n.fingerprint for n in members}) == len(members)
    for loss in ("ce", "mse"):
        for L in (1, 2, 3):
            chosen = network_catalogue(classes, loss, L)
            assert [n.name for n in chosen] == [n.name for n in members if loss in n.losses and n.least_depth <= L]
            assert (L == 1) == (not chosen)


@pytest.mark.parametrize(
    ("name", "classes", "near"), [("sgr", 10, "srg"), ("liftedpairs", 8, "hinged-pairs"), ("colapse", 5, "collapse")]
)
def test_near_names_are_said(name, classes, near):
    with pytest.raises(ValueError, match=rf"^there is no network '{name}' at {classes} classes; pass [^\n]*{near}"):
        named(name, classes, activation="relu")


def test_names_without_networks():
    for name, classes in (("srg", 11), ("grid", 8), ("lifted(simplex)", 5), ("lifted(zero)", 5), ("subsets(7,3)", 20)):
        assert find(name, classes, activation="relu") is None
    assert find("dnc", 5, activation="relu").name == "collapse"


def test_layers_that_no_network_has():
    with pytest.raises(ValueError, match="not a linear image"):
        chain_price([np.ones((2, 3)), np.eye(3)])
    with pytest.raises(ValueError, match="not a linear image"):
        chain_price([np.ones((2, 3))], np.eye(3))


def test_factors_need_the_depth_the_width_and_equal_classes():
    network = named("collapse", 4, activation="relu")
    layers = network.preactivations(3)
    relu = {"activation": "relu"}
    with pytest.raises(ValueError, match="got 2 layers for depth 4; pass 3"):
        network_factors(DeepUFM(4, 4, 1e-3, **relu), layers, 1.0)
    with pytest.raises(ValueError, match="pass activation='relu'"):
        network_factors(DeepUFM(4, 3, 1e-3), layers, 1.0)
    with pytest.raises(ValueError, match="equal size"):
        network_factors(DeepUFM(4, 3, 1e-3, (1, 2, 3, 4), **relu), layers, 1.0)
    with pytest.raises(ValueError, match="width 3 cannot carry a layer of 4 neurons"):
        at_scales(DeepUFM(4, 3, 1e-3, width=3, **relu), network, [1.0])
    wide = at_scales(DeepUFM(4, 3, 1e-3, width=7, **relu), network, [1.0]).repeated()
    assert [F.shape for F in wide] == [(7, 7), (7, 7), (4, 7), (7, 4)]


def test_zero_scale():
    problem = DeepUFM(10, 3, 1e-3, loss="mse", activation="relu")
    assert at_scales(problem, named("srg", 10, activation="relu"), [0.0]).loss == 0.5
