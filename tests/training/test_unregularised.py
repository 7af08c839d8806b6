"""Training without regularisation: it ends by margin or time, and follows the flow."""

import numpy as np
import pytest

from optima import DeepUFM, Reduction, flow, heading, train


@pytest.mark.parametrize("init", ["gaussian", "spectral", "hadamard", "pairs"])
def test_runs_end_at_the_margin_or_out_of_steps(init):
    problem = DeepUFM(4, 2, 0, samples=2, width=8)
    (run,) = train(problem, steps=3000, seeds=1, init=init, margin=6).runs
    assert run.ending == "margin reached"
    assert run.history["margin"][-1] >= 6 > run.history["margin"][-2]
    assert run.history["penalty"][-1] == 0
    (short,) = train(problem, steps=40, seeds=1, init=init, margin=6).runs
    assert (short.ending, short.steps) == ("out of steps", 40)
    assert not short.converged
    assert 1 <= short.effective_ranks[-1] <= 4
    assert heading(run).margin == pytest.approx(run.history["margin"][-1], rel=0.5)


def test_without_a_margin_nothing_stops_them_and_nothing_is_predicted():
    training = train(4, 3, 0, width=8, steps=200, seeds=2)
    assert {run.ending for run in training.runs} == {"out of steps"}
    (cell,) = training.compare()
    assert cell.predicted == {}
    assert training.polished() == training


def test_small_steps_follow_the_flow():
    problem = DeepUFM(4, 3, 0, width=4)
    means = 0.5 * (np.eye(4) - 0.25) + 0.05 * np.random.default_rng(0).standard_normal((4, 4))
    (run,) = train(problem, lr=0.01, steps=2000, seeds=1, init=means, scale=1e-12).runs
    wanted = flow(problem, Reduction(DeepUFM(4, 3, 1.0)).lift(means), 20.0)
    assert np.abs(run.means - wanted.means).max() < 0.02
    # Steps that long leave the flow behind.
    (far,) = train(problem, lr=0.5, steps=40, seeds=1, init=means, scale=1e-12).runs
    assert np.abs(far.means - wanted.means).max() > 0.02


@pytest.mark.parametrize("depth", [1, 3])
def test_repulsion_against_its_prediction(depth):
    problem = DeepUFM(4, depth, 0, width=4)
    H = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) / 2
    means = (H * (0.1 * np.array([1.0, 1.01, 0.98]))) @ H.T
    (run,) = train(problem, lr=0.02, steps=4000, seeds=1, init=means, scale=1e-13, margin=5).runs
    spread, wanted = run.repulsion
    assert spread == pytest.approx(wanted, rel=0.06)
    assert (spread.max() > 1.5 * spread[0]) == (depth > 1)


def test_checkpoints_know_the_margin(tmp_path):
    path = tmp_path / "state.npz"
    given = {"problem": DeepUFM(3, 2, 0, width=4), "steps": 300, "seeds": 2}
    first = train(**given, margin=2, checkpoint=path)
    assert train(**given, margin=2, checkpoint=path) == first
    with pytest.raises(ValueError, match="another margin"):
        train(**given, margin=3, checkpoint=path)
