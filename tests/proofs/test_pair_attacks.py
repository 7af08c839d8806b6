"""Attacks on the bound by pairs of classes: charges at random multipliers, forged certificates, ends of floats."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from optima import DeepUFM, Reduction
from optima.checker import verify
from optima.checker.arithmetic import Floats
from optima.checker.instance import Instance
from optima.checker.pair_bound import Box, PairBound, own_price, pairs_of_classes
from optima.checker.pair_charges import DEGREES, Multipliers, least_pair_charge
from optima.checker.verification import Refuted
from optima.proofs.arithmetic import proving
from optima.proofs.budget import Budget
from optima.proofs.claims import PAIR_BOXES, Claims
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
    """Logits with what the bound is about, by definition: s_1, t, Phi, s_2, s_3, f, and the vectors g."""

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
        self.values = np.append(s, np.zeros(3))
        odds = np.exp(np.minimum(self.Z - np.diag(self.Z), 700))
        np.fill_diagonal(odds, 0)
        self.fit = float(np.log1p(odds.sum(axis=0)).sum())
        penalty = np.sum(np.linalg.svd(self.Z, compute_uv=False) ** self.power)
        self.loss = self.fit / len(self.Z) + self.strength * float(penalty)

    def box(self, rng):
        """One around it, or from zero on."""
        width = rng.choice([1e-6, 0.05, 0.5])
        at = [self.s, self.t, self.fit, *self.values[1:3]]
        low = [x * (1 - width) * (rng.random() < 0.8) for x in at]
        return Box(tuple(low), tuple(x * (1 + width) + 1e-9 for x in at))

    def pairs(self, found, classes):
        """The charges of all pairs, and what that of each class has beside the price."""
        r = np.linalg.norm(self.g, axis=1)
        u = np.clip(self.g @ self.g.T / np.maximum(np.outer(r, r), 1e-300), -1, 1)
        D = 0.5 * ((self.g[:, None] - self.g[None]) ** 2).sum(axis=2)
        nu, sigma, b = (np.interp(r, found.knots, v) for v in (found.centring, found.share, found.bend))
        factors = [np.stack([np.interp(r, found.knots, c) for c in f.T], axis=1) for f in found.kernels]
        H = [f @ f.T for f in factors]
        pairs = 2 * found.kappa / (classes * self.strength) * np.exp(-D) + sigma[:, None] + sigma
        pairs -= (b[:, None] * r**2 + b * r[:, None] ** 2) * u**2
        pairs += (nu[:, None] * r + nu * r[:, None]) * u - 2 * sum(h * u**d for h, d in zip(H, DEGREES, strict=True))
        rest = -b * r**2 + nu * r - sum(np.diag(h) for h in H) - (classes - 1) * sigma
        return pairs[np.triu_indices(classes, 1)], r**2, b, rest


def multipliers(rng, met, box, K):
    """Random ones of the size of a penalty, on random knots."""
    n = int(rng.integers(2, 9))
    top = np.sqrt((1 - 1 / K) * box.high[0]) * (1 + 1e-9)
    knots = np.concatenate([[0.0], np.sort(rng.uniform(0, top, n - 2)), [top]])
    size = met.s**met.power / K * 10 ** rng.uniform(-3, 1)
    return size, Multipliers(
        knots,
        size * rng.standard_normal(n),
        size / top * rng.standard_normal(n),
        size / met.s * np.abs(rng.standard_normal(n)) * rng.integers(2),
        0.3 * np.sqrt(size) * rng.standard_normal((3, n, 2)),
        float(np.exp(-met.fit * rng.uniform(0.8, 1.2))),
    )


@pytest.mark.parametrize("trials", [40, pytest.param(800, marks=pytest.mark.slow)])
def test_no_charge_and_no_loss_is_below_what_is_said_of_them(trials):
    rng, seen, some = np.random.default_rng(trials), 0, 0
    for _ in range(trials):
        K, p = int(rng.integers(4, 8)), 2 / int(rng.integers(2, 10))
        met = Met(kinds(rng, K), p, 10 ** rng.uniform(-6, 0))
        if not met.fit < 600 or not met.s > 0:
            continue
        box = met.box(rng)
        size, found = multipliers(rng, met, box, K)
        bound = PairBound(K, p, met.strength, met.loss * rng.choice([1.0000001, 1.5]))
        assert bound.floor(box) <= met.loss * (1 + 1e-9)
        pairs, square, bend, rest = met.pairs(found, K)
        charges, tau, count = bound.charges(found), size / met.s * rng.normal(), int(rng.integers(box.positive + 1))
        assert (
            least_pair_charge(found, 2 * found.kappa / (K * met.strength)) <= pairs.min() + 1e-6 * np.abs(pairs).max()
        )
        # The price of each class by fine grids of singular values, for prices of their own as the checker has them.
        s = np.geomspace(1e-9, 1, 1000) * box.cap(count)
        least = np.min((s ** (p - 1) - tau) * square[:, None] + bend[:, None] * s, axis=1) if box.cap(count) else np.inf
        charge = bound.class_charge(box.cap(count), charges, 1.0, np.array([tau]))
        slack = 1e-6 * (np.abs(rest).max() + np.abs(charge[0]))
        assert charge[0] <= np.min(least + rest) + slack
        charge = np.minimum(charge, charge - size * rng.normal())
        total = tau * (met.t if count else met.s + met.t)
        for number, (low, high) in enumerate(box.apart(count)):
            slope = (high**p - low**p) / (high - low) - tau * (number > 0)
            pi = own_price(charges, 1.0, (low, high), np.array([slope]), charge)[0]
            s = np.linspace(low, high, 300)
            line = pi + slope * (s - low)
            own = np.min(line / s * square[:, None] + bend[:, None] * s, axis=1)
            assert charge[0] <= np.min(own + rest) + slack + 1e-6 * np.abs(own).max()
            at = met.values[number]
            assert low <= at <= high
            total += at**p - tau * at * (number > 0) - pi - slope * (at - low)
            least = np.minimum(least, own)
        prices = np.array([1.0, tau, charge[0], count])
        assert bound.bound(box, charges, prices) <= met.loss * (1 + 1e-9)
        assert bound.leaf(box, charges, prices * rng.uniform(0.5, 2, 4)) <= met.loss * (1 + 1e-9)
        classes = least + rest
        whole = met.strength * (total + pairs.sum() + classes.sum())
        whole += (met.fit - found.kappa * np.expm1(met.fit)) / K
        slack = met.strength * (np.abs(pairs).sum() + np.abs(classes).sum() + abs(total))
        assert whole <= met.loss + 1e-6 * (met.loss + slack)
        seen, some = seen + 1, some + (count > 1)
    assert seen > trials / 2
    assert some > trials / 20


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
        "chosen": np.zeros(1, dtype=int),
        "prices": np.array([[1.0, 0.0, 1e300, 0.0]]),
        "first": np.array([0, 5]),
        "kappa": np.array([1e-3]),
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
    certificate = claims.pairs(0.3, Budget(3 * PAIR_BOXES), lambda _: None)
    assert certificate.method == "pairs of classes"
    return certificate


@pytest.mark.slow
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
    box = Box((0.0,) * 5, (1.0, 1.0, 1000.0, 1.0, 1.0))
    found = Multipliers(*(np.array([0.0, 2.0]),) * 4, np.zeros((3, 2, 1)), 1e-9)
    assert bound.leaf(box, bound.usable(found), np.array([1.0, 0.0, 0.0, 0.0])) == 0


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
            claim = claims.pairs(1e-3, Budget(4 * PAIR_BOXES), lambda _: None)
        # What is proved for a worse best loss has to hold for this one.
        worse = claims.upper * 1.5
        means = solve(problem, effort="quick").means
        scaled = min(np.geomspace(1.01, 9, 60), key=lambda x: abs(Reduction(problem).value(x * means) - worse))
        with proving():
            other = Claims.of(problem, scaled * means).pairs(1e-3, Budget(4 * PAIR_BOXES), lambda _: None)
        assert max(claim.lower, other.lower) <= claims.upper
        assert claim.verify()


def test_a_smaller_loss_of_interest_is_refused_by_the_one_of_the_logits(small):
    with pytest.raises(Refuted, match="not a number"):
        pairs_of_classes(small.problem, {**small.data, "known": np.zeros((1, 1))}, Floats())
    assert not replace(small, upper=0.9 * small.upper).verify()


@pytest.mark.parametrize("p", [2 / 3, 1 / 2, 2 / 11])
def test_no_penalty_is_below_what_is_spent_in_its_box(p):
    """Boxes that end at the singular values themselves; the rest of a division has a power that is not small."""
    rng, bound = np.random.default_rng(5), PairBound(9, p, 1.0, 100.0)
    for _ in range(200):
        s = np.sort(rng.exponential(1.0, rng.integers(3, 9)) * rng.integers(1, 3))[::-1]
        s[1:] = s[1] if rng.random() < 0.3 else s[1:]
        own = (s[0], s[1:].sum(), 0.0, s[1], s[2])
        low = tuple(x * rng.choice([0.0, 0.9, 1.0]) for x in own)
        high = tuple(x * rng.choice([1.0, 1.2]) for x in own)
        assert bound.spent(Box(low, high)) <= np.sum(s**p) * (1 + 1e-12)
        assert bound.spent(Box((*own[:2], 0.0, 0.0, 0.0), own)) > 0.999 * min(np.sum(s[:2] ** p), np.sum(s**p))
