"""Flows against each other, against plain integration of the gradient, and the numbers of the theory."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from optima import DeepUFM, Reduction
from optima.dynamics import effective_rank, flow, many_flows
from optima.dynamics.characters import Characters
from optima.dynamics.systems import BalancedSystem, CharacterSystem

# Start, depth and singular values at t = 25, found by integrating all factors elsewhere.
KNOWN = [
    ((2, 2), 2, (0.5, 0.3, 0.2), (8.005281144484, 7.246464208585, 4.235765958828)),
    ((5,), 2, (0.6, 0.3), (8.298404872974, 4.699478732629)),
]
STARTS = [((2, 2), 2, 1), ((2, 3), 3, 1), ((7,), 2, 3), ((2, 2, 2), 1, 1), ((9,), 5, 2)]


def lifted(problem, means):
    """Balanced factors with these logits."""
    return Reduction(DeepUFM(problem.classes, problem.depth, 1.0, problem.samples)).lift(means)


def plain(problem, factors, t_end):
    """Class-mean logits by the gradient of the model in plain time, with an integrator that knows nothing."""
    shapes, sizes = [f.shape for f in factors], np.cumsum([f.size for f in factors])[:-1]
    unpack = lambda x: [part.reshape(shape) for part, shape in zip(np.split(x, sizes), shapes, strict=True)]
    downhill = lambda t, x: -np.concatenate([each.ravel() for each in problem.gradient(unpack(x))])
    start = np.concatenate([f.ravel() for f in factors])
    end = solve_ivp(downhill, (0, t_end), start, method="DOP853", rtol=1e-11, atol=1e-12)
    return problem.logits(unpack(end.y[:, -1]))


@pytest.mark.parametrize(("orders", "depth", "start", "end"), KNOWN)
def test_numbers_of_the_theory(orders, depth, start, end):
    found = flow(DeepUFM(int(np.prod(orders)), depth, 0), start, 25.0, group=orders)
    assert found.zeta[-1] == pytest.approx(end, abs=1e-10)
    assert found.zeta[0] == pytest.approx(start, abs=1e-15)
    assert (found.kind, found.ended, found.times[0]) == ("characters", "time", 0.0)


@pytest.mark.parametrize(("orders", "depth", "start", "end"), KNOWN)
def test_a_wrong_exponent_is_noticed(orders, depth, start, end, monkeypatch):
    right = Characters.rates
    monkeypatch.setattr(Characters, "rates", lambda self, eta, log_factor: right(self, eta, log_factor + 0.01 * eta))
    found = flow(DeepUFM(int(np.prod(orders)), depth, 0), start, 25.0, group=orders)
    assert np.abs(found.zeta[-1] - end).max() > 1e-3


@pytest.mark.parametrize(("orders", "depth", "samples"), STARTS)
def test_three_forms_agree(orders, depth, samples):
    problem = DeepUFM(int(np.prod(orders)), depth, 0, samples)
    blocks = Characters(problem, orders).blocks
    zeta = np.random.default_rng(blocks).uniform(0.2, 0.6, blocks)
    means = CharacterSystem(problem, zeta, orders).equations.logits(zeta)
    alone = flow(problem, zeta, 1e12, group=orders)
    for other in (flow(problem, means, 1e12), flow(problem, lifted(problem, means), 1e12)):
        assert np.abs(alone.means - other.means).max() < 1e-9
        assert alone.singular_values[-1] == pytest.approx(other.singular_values[-1][: problem.classes], abs=1e-9)
        assert other.drift < 1e-11


@pytest.mark.parametrize(
    "problem",
    [
        DeepUFM(4, 2, 0, samples=(1, 2, 3, 1)),
        DeepUFM(3, 4, 0, samples=2),
        DeepUFM(4, 2, 0, samples=(1, 2, 3, 1), loss="mse"),
    ],
)
def test_any_start_with_vectors_that_move(problem):
    means = 0.7 * np.random.default_rng(3).standard_normal((problem.classes, problem.classes))
    factors = lifted(problem, means)
    wanted = plain(problem, factors, 6.0)
    for start in (means, factors):
        found = flow(problem, start, 6.0)
        assert np.abs(found.logits - wanted).max() < 1e-9
        assert found.losses[-1] == pytest.approx(problem.data_loss(wanted), rel=1e-8)
    # A rate that moves the singular values only, the vectors at rest, ends elsewhere.
    assert np.abs(found.logits - aligned(problem, means, 6.0)).max() > 1e-3


def aligned(problem, means, t_end):
    """The flow of the singular values with the first singular vectors."""
    system = BalancedSystem(problem, means)
    U, s, V = np.linalg.svd(system.start.reshape(system.shape))
    rate = lambda t, s: np.diagonal(U.T @ system.rate(0.0, ((U * s) @ V).ravel()).reshape(system.shape) @ V.T)
    end = solve_ivp(rate, (0, t_end), s, rtol=1e-8, atol=1e-10).y[:, -1]
    return problem.logits(lifted(problem, ((U * end) @ V) / system.roots))


def test_factors_that_are_not_balanced_keep_their_differences():
    problem = DeepUFM(3, 3, 0, samples=2, width=5)
    rng = np.random.default_rng(0)
    factors = [0.5 * rng.standard_normal(shape) for shape in problem.factor_shapes()]
    found = flow(problem, factors, 5.0)
    assert found.drift < 1e-11
    assert np.abs(found.logits - plain(problem, factors, 5.0)).max() < 1e-9
    W, H = found.factors[0], found.factors[-1]
    before = factors[0].T @ factors[0] - factors[-1] @ factors[-1].T
    assert pytest.approx(before, abs=1e-10) == W.T @ W - H @ H.T
    # A gradient step, unlike the flow, changes them.
    step = [factor - 0.5 * slope for factor, slope in zip(factors, problem.gradient(factors), strict=True)]
    assert np.abs(step[0].T @ step[0] - step[-1] @ step[-1].T - before).max() > 1e-3


def test_margins_of_500_and_far_beyond():
    problem = DeepUFM(4, 3, 0)
    start = np.random.default_rng(5).standard_normal((4, 4))
    found = flow(problem, start, until={"margin": 500})
    assert found.ended == "margin"
    assert found.margins[-1] == pytest.approx(500, abs=1e-9)
    assert 480 < found.log_times[-1] < 500
    assert found.losses[-1] == pytest.approx(problem.data_loss(found.logits))
    factors = flow(problem, lifted(problem, start), until={"margin": 500})
    assert factors.log_times[-1] == pytest.approx(found.log_times[-1], abs=1e-7)
    far = flow(DeepUFM(4, 2, 0), (0.5, 0.3, 0.2), until={"margin": 1e4}, group=(2, 2))
    assert np.isinf(far.times[-1])
    assert np.isfinite(far.log_times[-1])
    assert far.zeta[-1] == pytest.approx([1e4] * 3, rel=1e-6)


def test_simplex_in_closed_form():
    """d rho / dt = m rho^(2-2/m) / (e^rho + K - 1) by quadrature, and a start of zeros that stay."""
    from scipy.integrate import quad

    K, m, rho = 6, 4, 12.0
    found = flow(DeepUFM(K, m - 1, 0), [0.3] * 3, until={"margin": rho}, group=6)
    time = quad(lambda r: (np.exp(r) + K - 1) / (m * r ** (2 - 2 / m)), 0.3, rho, epsabs=0, epsrel=1e-12)[0]
    assert found.times[-1] == pytest.approx(time, rel=1e-9)
    pairs = flow(DeepUFM(4, 2, 0), [1.0, 0.0, 1.0], 1e6, group=(2, 2))
    assert pairs.zeta[-1][1] == 0
    assert effective_rank(pairs.singular_values)[-1] == pytest.approx(2)


def test_events_times_and_rest():
    problem = DeepUFM(4, 2, 0)
    start = np.eye(4) - 0.25 + 0.1 * np.random.default_rng(2).standard_normal((4, 4))
    found = flow(problem, start, 1e4, events={"five": lambda means: np.trace(means) - 5, "never": lambda means: 1.0})
    (when,) = found.crossings["five"]
    there = flow(problem, start, 1e4, times=[0, np.exp(when), 1e4])
    assert there.times == pytest.approx([0, np.exp(when), 1e4])
    assert np.trace(flow(problem, start, np.exp(when)).means) == pytest.approx(5, abs=1e-8)
    assert found.crossings["never"] == ()
    loss = flow(problem, start, 1e9, until={"loss": 1e-3})
    assert (loss.ended, loss.losses[-1]) == ("loss", pytest.approx(1e-3, rel=1e-9))
    rest = flow(DeepUFM(4, 2, 0, loss="mse"), [0.3, 0.2, 0.5, 0.4], 1e12, group=(2, 2), times=[0, 1, 1e11])
    assert rest.ended == "rest"
    assert rest.zeta[-1] == pytest.approx(np.ones(4))
    assert flow(problem, np.zeros((4, 4)), 10.0).margins[-1] == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"start": np.eye(4)}, "pass t_end"),
        ({"start": np.eye(3), "t_end": 1.0}, r"shape \(4, 4\)"),
        ({"start": [1.0, 2.0], "t_end": 1.0, "group": (2, 2)}, "3 singular values"),
        ({"start": [1.0, -2.0, 1.0], "t_end": 1.0, "group": (2, 2)}, "not below 0"),
        ({"start": [1.0, 2.0], "t_end": 1.0, "group": (5,)}, "5 elements for 4 classes"),
        ({"start": np.eye(4), "until": {"rank": 2}}, "pass {'margin'"),
        ({"start": np.eye(4), "t_end": -1.0}, "positive"),
        ({"start": np.eye(4), "t_end": 1.0, "times": [1.0, 0.5]}, "ascending"),
        ({"start": np.eye(4), "t_end": 1.0, "tolerance": 1e-20}, "from 1e-13"),
        ({"start": [np.eye(4)] * 2, "t_end": 1.0}, "2 factors"),
    ],
)
def test_bad_input(arguments, words):
    with pytest.raises(ValueError, match=words):
        flow(DeepUFM(4, 2, 0), **arguments)


def test_models_that_have_no_flow():
    with pytest.raises(ValueError, match="pass reg=0"):
        flow(DeepUFM(4, 2, 1e-3), np.eye(4), 1.0)
    with pytest.raises(ValueError, match="linear"):
        flow(DeepUFM(4, 2, 0, activation="relu"), np.eye(4), 1.0)
    with pytest.raises(ValueError, match="differ in size"):
        flow(DeepUFM(4, 2, 0, samples=(1, 2, 1, 1)), [1.0, 1.0, 1.0], 1.0, group=(2, 2))
    with pytest.raises(ValueError, match="width of at least 4"):
        flow(DeepUFM(4, 2, 0, width=2), np.eye(4), 1.0)
    assert flow(4, 2, start=np.eye(4), t_end=1.0).problem == DeepUFM(4, 2, 0)


@pytest.mark.parametrize(("problem", "group"), [(DeepUFM(8, 3, 0), None), (DeepUFM(6, 1, 0, samples=2), (2, 3))])
def test_many_flows_are_those_one_by_one(problem, group):
    blocks = Characters(problem, group or (2, 2, 2)).blocks
    starts = 0.1 * np.exp(0.5 * np.random.default_rng(0).standard_normal((150, blocks)))
    found = many_flows(problem, starts, 1e6, group)
    for row in (0, 70, 149):
        alone = flow(problem, starts[row], 1e6, group=group or (2, 2, 2)).zeta[-1]
        assert found[row] == pytest.approx(alone, rel=1e-7)
    # Other starts in the batch change nothing that counts.
    assert many_flows(problem, starts[:3], 1e6, group) == pytest.approx(found[:3], rel=1e-7)
    with pytest.raises(ValueError, match="above zero"):
        many_flows(problem, 0 * starts, 1.0, group)


def test_the_picture(tmp_path):
    found = flow(DeepUFM(4, 3, 0), (0.5, 0.3, 0.2), 1e4, group=(2, 2))
    figure = found.plot(tmp_path / "flow.png")
    assert (tmp_path / "flow.png").stat().st_size > 10_000
    assert len(figure.axes) == 2
    assert found.as_dict()["log_times"][0] is None
