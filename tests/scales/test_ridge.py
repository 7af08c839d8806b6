"""Squared error under the best last weight matrix: all scales, turning points, the batch, boundaries."""

import numpy as np
import pytest

from optima import DeepUFM, best_scales, boundary, boundary_depth, named, stationary_scales, structure_losses
from optima.scales.batch import best_of_structures
from optima.scales.ridge import RidgeBranches, ridge_single_humped, ridge_turning_points
from optima.scales.terms import stack
from optima.structures.base import Block, Orbit, Ridge
from optima.structures.frame import Frame
from optima.structures.networks import network_catalogue
from optima.structures.networks.base import Power
from optima.structures.simplex import Simplex


def block_of(spectrum, price=1.0):
    K = sum(m for _, m in spectrum)
    return Block((Orbit(K, (1,), (K - 1,)),), ((1, K),), K, Power(1.0, 1.0), Ridge(spectrum, lambda p: price))


class Spread(Simplex):
    """A layer whose singular values lie apart, so that its curve turns more than once."""

    name = "spread"
    least_depth = 2
    spectrum = ((1.0, 4), (1000.0, 1))

    def blocks(self, exact=False):
        return (block_of(self.spectrum),)


def loss_at(block, K, L, lam, u):
    """(1/2K) sum 1/(1 + u mu^2) + (L/2) lam^((L+1)/L) (K u)^(1/L) q at an array of u."""
    kept = (
        sum(m / (1 + u * float(mu) ** 2) for mu, m in block.ridge.spectrum)
        + block.classes
        - sum(m for _, m in block.ridge.spectrum)
    )
    q = float(block.ridge.price(2 / (L + 1)))
    return kept / (2 * K) + L / 2 * lam ** ((L + 1) / L) * (K * u) ** (1 / L) * q


@pytest.mark.parametrize("name", ["srg", "srg-own", "collapse", "hinged-pairs"])
@pytest.mark.parametrize("L", [3, 4, 7.5])
@pytest.mark.parametrize("lam", [1e-9, 1e-4, 1e-3, 3e-2])
def test_the_best_scale_is_the_least_of_a_dense_grid(name, L, lam):
    network = named(name, 10, "relu")
    (block,) = network.blocks()
    grid = loss_at(block, 10, L, lam, np.geomspace(1e-6, 1e14, 400_001))
    found = best_scales(network, L, lam, loss="mse")
    assert float(found.loss) <= min(grid.min(), 0.5) + 1e-15
    assert float(found.loss) == pytest.approx(min(grid.min(), 0.5), rel=1e-7)
    if float(found.scales[0]):
        assert float(found.loss) == pytest.approx(float(loss_at(block, 10, L, lam, found.scales[0])), rel=1e-13)


def test_samples_enter_through_the_effective_regularisation():
    network = named("srg", 10, "relu")
    for L in (3, 6):
        several = best_scales(network, L, 1e-3, 5, "mse").loss
        assert float(several) == pytest.approx(float(best_scales(network, L, 1e-3 * 5 ** (1 / (L + 1)), 1, "mse").loss))


@pytest.mark.parametrize("L", [2, 3, 9])
def test_collapse_is_the_frame_of_the_linear_model(L):
    regs = np.geomspace(1e-8, 0.3, 30)
    for K in (3, 10):
        ridge = best_scales(named("collapse", K, "relu"), L, regs, 2, "mse")
        frame = best_scales(Frame(K, K), L, regs, 2, "mse")
        np.testing.assert_allclose(ridge.loss, frame.loss, rtol=1e-13)
        np.testing.assert_allclose(ridge.fit, frame.fit, rtol=1e-8)
        u = ridge.scales[0]
        np.testing.assert_allclose(u / (1 + u), frame.scales[0], rtol=1e-13)


def test_fit_and_penalty_are_those_of_the_derivative_in_lambda():
    # dV / dlog lambda is the whole penalty, that of the last weight matrix included.
    network, L, lam, step = named("srg", 10, "relu"), 4, 1e-3, 1e-5
    best = best_scales(network, L, [lam * np.exp(-step), lam, lam * np.exp(step)], loss="mse")
    assert (best.loss[2] - best.loss[0]) / (2 * step) == pytest.approx(best.penalty[1], rel=1e-8)


def test_stationary_scales_are_all_of_them():
    network = Spread(5)
    (block,) = network.blocks()
    assert not ridge_single_humped(block)
    for L, lam in ((2, 3e-4), (3, 1e-4), (3, 3e-6), (6, 1e-3)):
        v = np.linspace(-60, 60, 1_200_001)
        values = loss_at(block, 5, L, lam, np.exp(v))
        gain = sum(m * mu**2 * np.exp(v) / (1 + np.exp(v) * mu**2) ** 2 for mu, m in Spread.spectrum) / 10
        cost = 0.5 * lam ** ((L + 1) / L) * (5 * np.exp(v)) ** (1 / L)
        expected = v[np.flatnonzero(np.diff(np.sign(cost - gain)))]
        found = sorted(p.log_scales[0] for p in stationary_scales(network, L, lam, loss="mse") if p.scales[0] > 0)
        np.testing.assert_allclose(found, expected, atol=1e-3)
        best = best_scales(network, L, lam, loss="mse")
        assert float(best.loss) == pytest.approx(min(values.min(), 0.5), rel=1e-9)


@pytest.mark.parametrize("L", [1.2, 1.5, 2, 3, 6])
def test_many_regularisations_at_once_are_each_alone(L):
    class Deep(Spread):
        least_depth = 1

    regs = np.geomspace(1e-12, 1.0, 60)
    for network in (Deep(5), *([named("fan", 6, "relu")] if L >= 3 else [])):
        together = best_scales(network, L, regs, loss="mse")
        alone = [stationary_scales(network, L, lam, loss="mse")[0] for lam in regs]
        np.testing.assert_allclose(together.loss, [point.loss for point in alone], rtol=1e-13)
        np.testing.assert_allclose(together.scales[0], [point.scales[0] for point in alone], rtol=1e-9)


def test_a_spread_layer_has_three_turning_points_at_some_depth():
    (block,) = Spread(5).blocks()
    counts = {L: len(ridge_turning_points(block, 2 / (L + 1))) for L in (1.2, 1.5, 2, 3)}
    assert 3 in counts.values()
    for L in counts:
        for u in ridge_turning_points(block, 2 / (L + 1)):
            terms = stack([block], [5], "mse")
            assert terms.log_slope(np.array([u]))[1][0] == pytest.approx(1 - 1 / L, abs=1e-11)


def test_layers_of_the_catalogue_turn_once():
    for K in (6, 9, 10, 12, 15):
        for network in network_catalogue(K, "mse"):
            for block in network.blocks():
                # The singular values of fans lie far apart: the proof for all depths fails.
                assert ridge_single_humped(block) == (network.name != "fan")
                assert len(ridge_turning_points(block, 0.5)) == 1


def test_the_elasticity_keeps_its_bounds():
    rng = np.random.default_rng(3)
    v = np.linspace(-25, 25, 20001)
    for _ in range(20):
        spectrum = tuple(
            (float(mu), int(m)) for mu, m in zip(np.exp(rng.normal(0, 4, 4)), rng.integers(1, 9, 4), strict=True)
        )
        terms = stack([block_of(spectrum)], [sum(m for _, m in spectrum)], "mse")
        E = terms.log_slope(np.exp(v))[1]
        slope = np.gradient(E, v)
        assert slope.min() >= -1
        assert slope.max() <= 0.5 + 1e-6
        assert np.abs(np.gradient(slope, v)).max() <= 8


def test_tiny_and_huge_regularisations():
    network = named("srg", 15, "relu")
    for lam in (1e-250, 1e-30, 1e10):
        for point in stationary_scales(network, 4, lam, loss="mse"):
            assert np.isfinite(point.loss)
    assert float(best_scales(network, 4, 1e10, loss="mse").loss) == 0.5
    small = best_scales(network, 4, 1e-250, loss="mse")
    assert 0 < float(small.loss) < 1e-240


def test_the_batch_is_each_structure_alone():
    networks = [*network_catalogue(10), named("triangle", 3, "relu")]
    depth, reg = np.array([3.0, 5.0, 4.0, 3.0]), np.array([1e-3, 1e-5, 1e-2, 10.0])
    for loss in ("ce", "mse"):
        for network, best in zip(networks, best_of_structures(networks, depth, reg, np.ones(4), loss), strict=True):
            alone = best_scales(network, depth, reg, 1, loss)
            for field in ("scales", "fit", "penalty"):
                np.testing.assert_allclose(getattr(best, field), getattr(alone, field), rtol=1e-13)


def test_where_a_network_does_not_exist():
    networks = [named(name, 10, "relu") for name in ("collapse", "srg")]
    depth = np.array([2.0, 3.0, 2.0])
    collapse, srg = best_of_structures(networks, depth, np.full(3, 1e-3), np.ones(3), "mse")
    assert np.isfinite(collapse.loss).all()
    np.testing.assert_array_equal(np.isfinite(srg.loss), [False, True, False])
    for function in (best_scales, stationary_scales):
        with pytest.raises(ValueError, match=r"depth contains 2\.0; pass finite numbers of at least 3"):
            function(networks[1], 2, 1e-3, loss="mse")


def test_boundaries_of_networks():
    srg, own, collapse = (named(name, 15, "relu") for name in ("srg", "srg-own", "collapse"))
    # Cheaper at every lambda: no tie.
    assert boundary(srg, collapse, 15, 3, loss="mse").size == 0
    (depth,) = boundary_depth(own, collapse, 15, 1e-3, loss="mse", depths=(2, 20))
    first, second = (best_scales(network, depth, 1e-3, loss="mse").loss for network in (own, collapse))
    assert float(first) == pytest.approx(float(second), rel=1e-12)
    assert boundary_depth(own, collapse, 15, 1e-3, loss="mse", depths=(1, 2.5)).size == 0
    with pytest.raises(ValueError, match="at least 3"):
        boundary(srg, collapse, 15, 2, loss="mse")
    by_name = boundary_depth("srg-own", "dnc", 15, 1e-3, loss="mse", depths=(2, 20), activation="relu")
    np.testing.assert_array_equal(by_name, [depth])


def test_a_tie_in_lambda_with_cross_entropy():
    first, second = "lifted(pairs)", "garrod-pairs"
    assert boundary(first, second, 10, 4, activation="relu").size == 0
    for lam in boundary("srg-first", "collapse", 10, 2, activation="relu"):
        losses = [best_scales(named(n, 10, "relu"), 2, lam).loss for n in ("srg-first", "collapse")]
        assert float(losses[0]) == pytest.approx(float(losses[1]), rel=1e-12)
    assert boundary("srg-first", "collapse", 10, 2, activation="relu").size == 1


def test_ties_in_lambda_with_squared_error():
    # Between the depths at which the two tie at a small and at a large lambda.
    (lam,) = boundary("fan", "hinged-pairs", 6, 6.227, loss="mse", activation="relu")
    assert 1e-5 < lam < 1e-2
    first, second = (best_scales(named(n, 6, "relu"), 6.227, lam, loss="mse").loss for n in ("fan", "hinged-pairs"))
    assert float(first) == pytest.approx(float(second), rel=1e-12)


def test_losses_of_a_relu_model():
    found = structure_losses(DeepUFM(10, 3, 1e-3, loss="mse", activation="relu"))
    assert next(iter(found)) == "srg"
    assert found["srg"].loss == pytest.approx(0.018408367757, abs=1e-12)
    assert found["collapse"].loss == pytest.approx(0.019949747467, abs=1e-12)
    values = found["srg"].singular_values
    u = found["srg"].best.scales[0]
    assert values[0][0] == pytest.approx(9 * u / (1 + 9 * u))
    assert sum(m for _, m in values) == found["srg"].rank == 10
    assert "srg" not in structure_losses(DeepUFM(10, 2, 1e-3, loss="mse", activation="relu"))
    narrow = structure_losses(DeepUFM(10, 3, 1e-3, width=9, loss="mse", activation="relu"))
    assert list(narrow) == ["zero"]
    with pytest.raises(ValueError, match="reg is 0"):
        structure_losses(DeepUFM(10, 3, 0, loss="mse", activation="relu"))


def test_branches_meet_at_the_fold():
    block = named("srg", 10, "relu").blocks()[0]
    branch = RidgeBranches(stack([block], [10], "mse"), np.array([0.5]))
    first = np.zeros(1, dtype=np.intp)
    near = branch.peak - 1e-12
    assert branch.outer(first, near)[0] == pytest.approx(np.exp(branch.inner(first, near)[0]), rel=1e-4)
    assert np.isnan(branch.outer(first, branch.peak + 1e-9)[0])
