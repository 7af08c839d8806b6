"""From where gradient descent ended to the critical point it was heading for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from optima.model import Array, DeepUFM
from optima.model.arrays import Backend
from optima.model.batched_network import Network, penalty
from optima.model.class_network import ClassNetwork
from optima.model.content import Content
from optima.reduction import Reduction, balanced_factors, class_means
from optima.relu.finish import finish_descent
from optima.relu.names import known_networks, recognise_network
from optima.search.rung import RungPoint
from optima.search.rung import polish as newton
from optima.search.rung_objective import RungObjective
from optima.structures.recognition import recognise
from optima.workers.threads import single_threaded

# Gradient relative to the pull of the penalty at which L-BFGS stops.
STATIONARY = 1e-7
MOST_STEPS = 20_000
MEMORY = 20
# Singular values of the logits below this part of the largest vanish at the critical point: they are products of L + 1
# factors' values, each of which has fallen to the stationary tolerance.
VANISHING = 1e-4
# Gradient and curvature (in the units of RungPoint) of a point that is a saddle beyond doubt.
STALLED, BENT = 1e-6, 1e-3


@dataclass(frozen=True, eq=False)
class Polished(Content):
    """A critical point: its loss, structure, class-mean logits, rank and what it is.

    ``verdict`` is ``"minimum"``, ``"saddle"``, ``"not converged"``, or for large relu networks ``"unverified"``. For
    relu ``structure`` is the name of the ``network``, by all of its layers, and ``rank`` its middle rank; for linear
    models there is no network, and both are of the logits.
    """

    loss: float
    structure: str
    verdict: str
    rank: int
    means: Array
    network: ClassNetwork | None = None

    def __repr__(self) -> str:
        return f"<Polished {self.structure}: loss {self.loss:.6g}, {self.verdict}, rank {self.rank}>"


def polish(problem: DeepUFM, factors: Sequence[Array]) -> Polished:
    r"""The critical point that factors (W_1, ..., W_L, H) were heading for, and whether it is a minimum.

    .. math:: \min_{W_1..W_L, H} F \text{ by L-BFGS from the factors, until } \|\nabla F\| \le 10^{-7}
        \|(\lambda_l W_l)_l\|

    For the linear model its class-mean logits, without the singular values that vanish (below 1e-4 of the
    largest), are then refined by Newton's method on the matrices of their rank, and the Hessian there gives
    the verdict: a minimum over the logits of one rank is a minimum over all factors for L >= 2 (adding a rank
    costs eps^p with p < 1), and for L = 1 when also ||grad g||_2 <= lambda.

    For relu, where minima sit at kinks, of each class the best column of H is taken, relu is smoothed from inside, and
    Newton's method with what is zero held at zero gives the network and the verdict
    (:func:`optima.relu.finish.finish_descent`).

    Source: theory of the exact reduction; derivations/schatten_reduction.py, derivations/relu_kinks.py.
    """
    if problem.nonlinear:
        return _network(problem, factors)
    surface = _Surface(problem, factors)
    end = [part[0] for part in surface.unpack(surface.descend())]
    means, loss, verdict = _refined(problem, class_means(problem.logits(end), problem.class_sizes))
    recognition = recognise(means, loss=problem.loss, rank=Reduction(problem).rank(means))
    return Polished(loss, recognition.label, verdict, recognition.rank, means)


def _network(problem: DeepUFM, factors: Sequence[Array]) -> Polished:
    # The rounding of a product, and so the path of a descent, depends on the number of threads.
    with single_threaded():
        end = finish_descent(ClassNetwork.of_samples(problem, factors))
    network = end.network
    recognition = recognise_network(network, known_networks(problem))
    return Polished(network.loss, recognition.label, end.verdict, recognition.rank, network.logits, network)


class _Surface:
    """F over all parameters in one vector x."""

    def __init__(self, problem: DeepUFM, factors: Sequence[Array]) -> None:
        self.network = Network(problem, Backend())
        self.shapes = [factor.shape for factor in factors]
        sizes = [factor.size for factor in factors]
        self.cuts = np.cumsum(sizes)[:-1]
        self.regs = [np.full((1, 1, 1), reg) for reg in problem.regs]
        self.pull = np.repeat(problem.regs, sizes)
        self.start = np.concatenate([factor.ravel() for factor in factors])

    def unpack(self, x: Array) -> list[Array]:
        """The factors, with a leading axis of length one."""
        return [part.reshape(1, *shape) for part, shape in zip(np.split(x, self.cuts), self.shapes, strict=True)]

    def value_and_gradient(self, x: Array) -> tuple[float, Array]:
        """F and its gradient."""
        batch = self.unpack(x)
        loss = self.network.data_loss(self.network.logits(batch)) + penalty(np, batch, self.regs)
        data = np.concatenate([gradient.ravel() for gradient in self.network.data_gradients(batch)])
        return float(loss[0]), data + self.pull * x

    def descend(self) -> Array:
        """Where L-BFGS ends."""
        from scipy.optimize import minimize

        goal = STATIONARY * float(np.linalg.norm(self.pull * self.start)) / np.sqrt(self.start.size)
        options = {"maxcor": MEMORY, "maxiter": MOST_STEPS, "maxfun": 2 * MOST_STEPS, "gtol": goal, "ftol": 0.0}
        result = minimize(self.value_and_gradient, self.start, jac=True, method="L-BFGS-B", options=options)
        return np.asarray(result.x, dtype=np.float64)


def _refined(problem: DeepUFM, means: Array) -> tuple[Array, float, str]:
    """Logits at the critical point, its loss and verdict."""
    reduction = Reduction(problem)
    roots = np.sqrt(problem.class_sizes)
    s = np.linalg.svd(means * roots, compute_uv=False)
    rank = min(int(np.sum(s > VANISHING * s[0])), problem.max_rank)
    means, verdict = _on_rung(problem, means * roots, rank) if s[0] > VANISHING else (0 * means, "minimum")
    means = means / roots
    if problem.depth == 1 and verdict == "minimum" and not _tight(reduction, means):
        verdict = "saddle"
    return means, reduction.value(means), verdict


def _on_rung(problem: DeepUFM, product: Array, rank: int) -> tuple[Array, str]:
    """Newton's method from the nearest matrix of a rank, one lower as often as a singular value vanishes on the way."""
    objective = RungObjective.of(problem)
    for lower in range(rank, 0, -1):
        point = newton(objective, balanced_factors(product, lower))
        if point.verdict != "rank dropped":
            return point.product, _verdict(point)
    return 0 * product, "minimum"


def _verdict(point: RungPoint) -> str:
    """At a saddle rounding can stop Newton's method short of its own standard; the curvature tells all the same."""
    stalled = point.verdict == "not converged" and point.gradient_norm <= STALLED
    return "saddle" if stalled and point.curvature < -BENT else point.verdict


def _tight(reduction: Reduction, means: Array) -> bool:
    """L = 1: no direction outside the logits' range lowers the loss, or there is no room for one."""
    problem = reduction.problem
    gradient = reduction.fit_gradient(means) / np.sqrt(problem.class_sizes)
    full = reduction.rank(means) == problem.max_rank
    return bool(full or np.linalg.norm(gradient, 2) <= reduction.reg * (1 + 1e-6))
