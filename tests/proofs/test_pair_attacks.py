"""Attacks on the bound by pairs of classes: charges at random multipliers, forged certificates, ends of floats."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from optima import DeepUFM, Reduction
from optima.checker import verify
from optima.checker.arithmetic import Floats
from optima.checker.instance import Instance
from optima.checker.pair_bound import DEGREES, Box, Multipliers, PairBound, pairs_of_classes
from optima.checker.verification import Refuted
from optima.proofs.arithmetic import proving
from optima.proofs.budget import Budget
from optima.proofs.prove import KNOTS, PAIR_BOXES, Claims
from optima.search.ladder import search as solve


@pytest.fixture(autouse=True)
def as_in_a_proof():
    """What overflows is no warning there."""
    with np.errstate(all="ignore"):
        yield


def kinds(rng, K):
    """Logits: full rank, one direction, one huge class, near a simplex, two equal columns, symmetric, a zero class."""
    Z = 10 ** rng.uniform(-2, 2) * rng.standard_normal((K, K))
    kind = rng.integers(7)
    if kind == 1:
        Z = 10 ** rng.uniform(-1, 1) * rng.standard_normal((K, 1)) @ rng.standard_normal((1, K))
    if kind == 2:
        Z[:, 0] *= 100
    if kind == 3:
        Z = 10 ** rng.uniform(0, 1.5) * np.eye(K) + 0.1 * rng.standard_normal((K, K))
    if kind == 4:
        Z[:, 1] = Z[:, 0]
    if kind == 5:
        Z = Z + Z.T
    if kind == 6:
        Z[0] = Z[:, 0] = 0
    return Z


@dataclass
class Met:
    """Logits with what the bound is about, by definition: s, t, Phi, f, and the vectors g."""

    Z: np.ndarray
    power: float
    strength: float

    def __post_init__(self):
        left, s, right = np.linalg.svd(self.Z - self.Z.mean(axis=0))
        g = 0.5 * (left * np.sqrt(s) + right.T * np.sqrt(s))
        self.g = g - g.mean(axis=0)
        s = np.linalg.svd(self.g, compute_uv=False) ** 2
        s = np.where(s > 1e-12 * s[0], s, 0)
        self.s, self.t = float(s[0]), float(s[1:].sum())
        odds = np.exp(np.minimum(self.Z - np.diag(self.Z), 700))
        np.fill_diagonal(odds, 0)
        self.fit = float(np.log1p(odds.sum(axis=0)).sum())
        penalty = np.sum(np.linalg.svd(self.Z, compute_uv=False) ** self.power)
        self.loss = self.fit / len(self.Z) + self.strength * float(penalty)

    def box(self, rng):
        """One around it, or from zero on."""
        width = rng.choice([1e-6, 0.05, 0.5])
        low = [at * (1 - width) * (rng.random() < 0.8) for at in (self.s, self.t, self.fit)]
        high = [at * (1 + width) + 1e-9 for at in (self.s, self.t, self.fit)]
        return Box(tuple(low), tuple(high))

    def charges(self, box, found, classes):
        """Of all pairs and of each class, prices by a fine grid of singular values."""
        K, p = classes, self.power
        apart, pi, tau, kappa = found.prices
        r = np.linalg.norm(self.g, axis=1)
        u = np.clip(self.g @ self.g.T / np.maximum(np.outer(r, r), 1e-300), -1, 1)
        D = 0.5 * ((self.g[:, None] - self.g[None]) ** 2).sum(axis=2)
        nu, sigma, b = (np.interp(r, found.knots, v) for v in (found.centring, found.share, found.bend))
        factors = [np.stack([np.interp(r, found.knots, c) for c in f.T], axis=1) for f in found.kernels]
        H = [f @ f.T for f in factors]
        pairs = 2 * kappa / (K * self.strength) * np.exp(-D) + sigma[:, None] + sigma
        pairs -= (b[:, None] * r**2 + b * r[:, None] ** 2) * u**2
        pairs += (nu[:, None] * r + nu * r[:, None]) * u - 2 * sum(h * u**d for h, d in zip(H, DEGREES, strict=True))
        s = np.geomspace(1e-9, 1, 1000) * (box.second if apart else box.high[0])
        price = [(s ** (p - 1) - tau) * own**2 + bend * s for own, bend in zip(r, b, strict=True)]
        least = np.min(price, axis=1)
        if apart:
            s = np.maximum(np.linspace(box.low[0], box.high[0], 500), 1e-300)
            line = pi + (s - box.low[0]) * (box.high[0] ** p - box.low[0] ** p) / (box.high[0] - box.low[0])
            price = [line / s * own**2 + bend * s for own, bend in zip(r, b, strict=True)]
            least = np.minimum(least, np.min(price, axis=1))
        classes_ = least - b * r**2 + nu * r - sum(np.diag(h) for h in H) - (K - 1) * sigma
        return pairs[np.triu_indices(K, 1)], classes_


def multipliers(rng, met, box, K):
    """Random ones of the size of a penalty, on random knots."""
    n = int(rng.integers(2, 9))
    top = np.sqrt((1 - 1 / K) * box.high[0]) * (1 + 1e-9)
    knots = np.concatenate([[0.0], np.sort(rng.uniform(0, top, n - 2)), [top]])
    size = met.s**met.power / K * 10 ** rng.uniform(-3, 1)
    prices = [rng.integers(2), size * K * abs(rng.normal()), size / met.s * rng.normal()]
    prices.append(np.exp(-met.fit * rng.uniform(0.8, 1.2)))
    return Multipliers(
        knots,
        size * rng.standard_normal(n),
        size / top * rng.standard_normal(n),
        size / met.s * np.abs(rng.standard_normal(n)) * rng.integers(2),
        np.array(prices, dtype=float),
        0.3 * np.sqrt(size) * rng.standard_normal((3, n, 2)),
    )


@pytest.mark.parametrize("trials", [150, pytest.param(800, marks=pytest.mark.slow)])
def test_no_charge_and_no_loss_is_below_what_is_said_of_them(trials):
    rng, seen = np.random.default_rng(trials), 0
    for _ in range(trials):
        K, p = int(rng.integers(2, 8)), 2 / int(rng.integers(2, 10))
        met = Met(kinds(rng, K), p, 10 ** rng.uniform(-6, 0))
        if not met.fit < 600 or not met.s > 0:
            continue
        box = met.box(rng)
        found = multipliers(rng, met, box, K)
        bound = PairBound(K, p, met.strength, met.loss * rng.choice([1.0000001, 1.5]))
        pairs, classes = met.charges(box, found, K)
        slack = 1e-6 * (np.abs(pairs).max() + np.abs(classes).max())
        assert bound.pair_charge(found, found.prices[3]) <= pairs.min() + slack
        assert bound.class_charge(box, found) <= classes.min() + slack
        assert bound.bound(box, found) <= met.loss * (1 + 1e-9)
        apart, pi, tau, kappa = found.prices
        rest = tau * (met.s + met.t)
        if apart:
            rest = tau * met.t + met.s**p - pi - bound.chord(box) * (met.s - box.low[0])
        whole = met.strength * (rest + pairs.sum() + classes.sum()) + (met.fit - kappa * np.expm1(met.fit)) / K
        slack = met.strength * (np.abs(pairs).sum() + np.abs(classes).sum())
        assert whole <= met.loss + 1e-6 * (met.loss + slack + abs(whole))
        seen += 1
    assert seen > trials / 2


def overflowing(problem, known):
    """A tree of one box whose charges of pairs are infinity less infinity, and those of classes huge."""
    K, strength = problem.classes, Instance.of(problem, Floats()).strength
    top = 1.001 * np.sqrt(PairBound(K, 2 / (problem.depth + 1), strength, known).root().high[0])
    knots = np.concatenate([[0.0], top * 10.0 ** np.arange(-3, 1)])
    centring = np.minimum(2e307 / np.maximum(knots, knots[1]), 1.6e308)
    centring[-1] = 0
    return {
        "axis": np.array([-1]),
        "child": np.array([-1]),
        "where": np.zeros(1),
        "first": np.array([0, 5]),
        "prices": np.array([[0.0, 0.0, 0.0, 1e-3]]),
        "knots": knots,
        "share": np.full(5, -1e298),
        "centring": centring,
        "bend": np.zeros(5),
        "kernels": np.zeros((3, 5, 1)),
        "known": np.array(known),
    }


def test_multipliers_that_overflow_prove_nothing():
    problem = DeepUFM(5, 2, 1e-3)
    zero = np.zeros((5, 5))
    known = Reduction(problem).value(zero)
    assert solve(problem, effort="quick").loss < 0.1 * known
    answer = verify(problem, known, known, zero, "pairs of classes", overflowing(problem, known))
    assert not answer
    assert "only 0 is proved" in answer.reason


@pytest.fixture(scope="module")
def small():
    problem = DeepUFM(4, 2, 1e-2)
    claims = Claims.of(problem, solve(problem, effort="quick").means)
    certificate = claims.pairs(0.3, Budget(3 * PAIR_BOXES), lambda _: None, KNOTS[:1])
    assert certificate.method == "pairs of classes"
    return certificate


def test_no_forged_array_is_believed_and_none_raises(small):
    best = solve(small.problem, effort="quick").loss
    for name in small.data:
        own = np.asarray(small.data[name])
        forged = [np.array(1.0), np.array([]), np.empty((0, 0)), np.empty((3, 0, 0)), np.array([1.0, 2.0]), own[None]]
        forged += [own * np.nan, own + np.inf, -own, own * 1e308, own.astype(bool), own.astype(complex)]
        forged += [np.full(own.shape, 2**63 - 1), np.full(own.shape, 2**64 - 1, dtype=np.uint64)]
        forged += [np.array([None] * 3, dtype=object), np.array(["a"]), own.astype(np.longdouble) * 1e300]
        for array in forged:
            answer = replace(small, data={**small.data, name: array}).verify()
            assert answer or answer.reason
            assert answer.lower <= best
    for known in (0.5, 0.999, 1.001, 2.0, 1e300):
        forged = replace(small, data={**small.data, "known": np.array(known * best)})
        assert forged.verify().lower <= max(known, 1) * best


@pytest.mark.parametrize("problem", [DeepUFM(6, 60, 1e-12), DeepUFM(5, 1000, 1e-30)], ids=str)
def test_singular_values_beyond_floats_are_no_proof_and_no_error(problem):
    with proving():
        claim = Claims.of(problem, np.zeros((problem.classes,) * 2)).pairs(0.1, Budget(PAIR_BOXES), lambda _: None)
    assert claim.method == "nonnegative"


def test_fits_beyond_the_exponential_are_no_proof_and_no_error(small):
    bound = PairBound(200, 2 / 3, 1.0, np.log(200))
    box = Box((0.0, 0.0, 0.0), (1.0, 1.0, 1000.0))
    found = Multipliers(*(np.array([0.0, 2.0]),) * 4, np.array([0.0, 0.0, 0.0, 1e-9]), np.zeros((3, 2, 1)))
    assert bound.leaf(box, found) == 0


def test_no_minimum_without_regularisation():
    problem = DeepUFM(4, 3, (0.0, 1.0, 1.0, 1.0), (1, 2, 3, 5), activation="relu")
    factors = {f"factor_{number}": np.eye(4) for number in range(4)}
    loss = problem.objective([*(np.eye(4),) * 3, np.repeat(np.eye(4), (1, 2, 3, 5), axis=1)])
    answer = verify(problem, 1e-3, loss, np.eye(4), "class shares", {**factors, "shares": np.full((1, 4), 0.1)})
    assert "without regularisation" in answer.reason


@pytest.mark.slow
def test_bounds_of_random_problems_are_below_what_a_search_finds():
    rng = np.random.default_rng(8)
    for K in (4, 7, 13, 24):
        L, reg = int(rng.choice([2, 3, 5, 10])), 10 ** rng.uniform(-6, -1)
        regs = tuple(reg * 10 ** rng.uniform(-1, 1, L + 1)) if rng.random() < 0.5 else reg
        problem = DeepUFM(K, L, regs, int(rng.choice([1, 3, 20])))
        claims = Claims.of(problem, solve(problem, effort="quick").means)
        with proving():
            claim = claims.pairs(1e-3, Budget(4 * PAIR_BOXES), lambda _: None, KNOTS[:1])
        # What is proved for a worse best loss has to hold for this one.
        worse = claims.upper * 1.5
        means = solve(problem, effort="quick").means
        scaled = min(np.geomspace(1.01, 9, 60), key=lambda x: abs(Reduction(problem).value(x * means) - worse))
        with proving():
            other = Claims.of(problem, scaled * means).pairs(1e-3, Budget(4 * PAIR_BOXES), lambda _: None, KNOTS[:1])
        assert max(claim.lower, other.lower) <= claims.upper
        assert claim.verify()


def test_a_smaller_loss_of_interest_is_refused_by_the_one_of_the_logits(small):
    with pytest.raises(Refuted, match="not a number"):
        pairs_of_classes(small.problem, {**small.data, "known": np.zeros((1, 1))}, Floats())
    assert not replace(small, upper=0.9 * small.upper).verify()
