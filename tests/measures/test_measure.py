"""Measures of networks against slow loops, in any order and batches, and where covariances are degenerate."""

import json
import re

import numpy as np
import pytest

import optima
from optima.measures import Layer, LayerStream
from optima.report.measures import measures_text

K, D, M = 4, 6, 5


def sample(sizes=(7, 1, 12, 3), d=D, m=M, seed=0):
    """Features around class means, labels in random order, weights and gradients."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    means = rng.standard_normal((len(sizes), d))
    rows = means[labels] + 0.3 * rng.standard_normal((labels.size, d))
    return rows, labels, rng.standard_normal((m, d)), rng.standard_normal((labels.size, m))


def naive(rows, labels, classes):
    """NC1 in both forms, CDNV and TCV, one sample at a time."""
    d = rows.shape[1]
    means = [sum(x for x, c in zip(rows, labels, strict=True) if c == k) / sum(labels == k) for k in range(classes)]
    middle = sum(means) / classes
    within, between = np.zeros((d, d)), np.zeros((d, d))
    for x, c in zip(rows, labels, strict=True):
        within += np.outer(x - means[c], x - means[c]) / len(rows)
    for mean in means:
        between += np.outer(mean - middle, mean - middle) / classes
    variances = [np.mean([np.sum((x - means[k]) ** 2) for x in rows[labels == k]]) for k in range(classes)]
    pairs = [
        (variances[a] + variances[b]) / 2 / np.sum((means[a] - means[b]) ** 2) for a in range(classes) for b in range(a)
    ]
    return {
        "nc1_trace": np.trace(within) / np.trace(between),
        "nc1_pinv": np.trace(within @ np.linalg.pinv(between, rcond=1e-12)) / classes,
        "cdnv": np.mean(pairs),
        "tcv": np.trace(within),
    }


@pytest.mark.parametrize("sizes", [(5, 5, 5, 5), (7, 1, 12, 3), (1, 1, 1, 1), (2, 1)])
@pytest.mark.parametrize("d", [2, 6, 40])
def test_variability_is_that_of_a_loop(sizes, d):
    rows, labels, W, _ = sample(sizes, d)
    found = optima.measure([Layer(rows, W)], labels).last
    for name, value in naive(rows, labels, len(sizes)).items():
        assert found.measures[name] == pytest.approx(value, rel=1e-9, abs=1e-12)
    s = np.linalg.svd(rows.T / np.sqrt(len(rows)), compute_uv=False)
    assert found.feature_singular_values == pytest.approx(np.resize(s, found.feature_singular_values.size), abs=1e-7)


def test_a_wrong_label_is_noticed():
    rows, labels, W, _ = sample()
    wrong = labels.copy()
    wrong[[0, 1]] = wrong[1], (wrong[0] + 1) % K
    wrong[2] = (wrong[2] + 1) % K
    found = optima.measure([Layer(rows, W)], wrong, classes=K).last
    assert found.measures["nc1_trace"] > 1.1 * naive(rows, labels, K)["nc1_trace"]


def stream(batches, rows, labels, W, pulls):
    made = LayerStream("W", K, rows.shape[1], W)
    for part in batches:
        made.add(rows[part], labels[part], pulls[part])
    return made.finished(0.1)


@pytest.mark.parametrize("d", [6, 60])
def test_neither_order_nor_batches_matter(d):
    rows, labels, W, pulls = sample(d=d, m=M)
    everything = np.arange(len(rows))
    whole = stream([everything], rows, labels, W, pulls)
    rng = np.random.default_rng(1)
    for batches in (
        np.array_split(rng.permutation(everything), 5),
        np.array_split(np.argsort(labels), len(rows)),
        [everything[:3], everything[3:]],
    ):
        found = stream(batches, rows, labels, W, pulls)
        for name, value in whole.measures.items():
            assert found.measures[name] == pytest.approx(value, rel=1e-9)
        assert found.bound.chain == pytest.approx(whole.bound.chain, rel=1e-9)
        assert found.gradient_alignment == pytest.approx(whole.gradient_alignment, abs=1e-9)
        assert found.feature_singular_values == pytest.approx(whole.feature_singular_values, abs=1e-7)


def test_means_far_from_zero_keep_their_digits():
    rows, labels, W, _ = sample((30, 30, 30, 30))
    far = optima.measure([Layer(rows + 1e6, W)], labels).last.measures
    near = optima.measure([Layer(rows, W)], labels).last.measures
    for name in ("nc1_trace", "nc1_pinv", "tcv", "nc2"):
        assert far[name] == pytest.approx(near[name], rel=1e-7)


def test_memory_does_not_grow():
    made = LayerStream("W", K, 8)
    rng = np.random.default_rng(0)
    for _ in range(30):
        made.add(rng.standard_normal((16, 8)), rng.integers(0, K, 16))
    assert made.inputs._rows is None
    assert made.inputs._scatter.shape == (8, 8)


def test_wide_features_have_no_covariance(monkeypatch):
    monkeypatch.setattr("optima.measures.moments.WIDEST", 4)
    rows, labels, W, _ = sample((9, 9, 9, 9))
    found = optima.measure([Layer(rows, W)], labels).last
    assert found.measures["nc1_pinv"] is None
    assert found.feature_singular_values is None
    assert found.measures["nc1_trace"] == pytest.approx(naive(rows, labels, K)["nc1_trace"], rel=1e-9)


def test_collapse_is_zero_and_its_opposite_is_not():
    means = 3 * (np.eye(K) - 1 / K) + 0.7
    labels = np.repeat(np.arange(K), (3, 1, 5, 2))
    found = optima.measure([Layer(means[labels], means - 0.7)], labels, logits=means[labels]).last
    for name in ("nc1_trace", "nc1_pinv", "cdnv", "tcv", "nc2", "equinorm", "equiangular", "max_angle", "nc3"):
        assert found.measures[name] == pytest.approx(0, abs=1e-7), name
    assert found.measures["alignment"] == pytest.approx(0, abs=1e-7)
    assert found.measures["duality"] == pytest.approx(1)
    assert found.measures["log_distance"] == pytest.approx(-np.log(2 * K / (K - 1)) / 2)
    assert found.feature_rank > 1
    other = means.copy()
    other[0] *= 2
    assert optima.measure([Layer(other[labels], means)], labels).last.measures["equinorm"] > 0.05


def test_equal_means_are_infinite_not_an_error():
    labels = np.array([0, 0, 1, 1])
    rows = np.array([[1.0, 0], [-1, 0], [0, 1], [0, -1]])
    found = optima.measure([Layer(rows, np.eye(2))], labels)
    assert found.last.measures["nc1_trace"] == np.inf
    assert found.last.measures["nc1_pinv"] == np.inf
    assert found.last.measures["equiangular"] is None
    json.dumps(found.as_dict(), allow_nan=False)
    assert "inf" in str(found)


def test_the_bound_holds_and_its_parts_are_those_of_a_loop():
    rows, labels, W, pulls = sample(d=9, m=8)
    reg = 0.05
    bound = optima.measure([Layer(rows, W, pulls)], labels, reg=reg).last.bound
    N = len(rows)
    means = np.array([rows[labels == k].mean(axis=0) for k in range(K)])
    cross = sum(np.outer(p, x - means[c]) for p, x, c in zip(pulls, rows, labels, strict=True))
    gradient = sum(np.outer(p, x) for p, x in zip(pulls, rows, strict=True)) / N + reg * W
    assert bound.within == pytest.approx(np.linalg.norm(cross) / (reg * N))
    assert bound.residual == pytest.approx(np.linalg.norm(gradient) / reg)
    assert bound.crude == pytest.approx(
        np.sqrt(np.mean(np.sum(pulls**2, axis=1)) * naive(rows, labels, K)["tcv"]) / reg
    )
    assert bound.distance == pytest.approx(np.linalg.norm(np.linalg.svd(W)[1][K:]))
    assert list(bound.chain) == sorted(bound.chain)
    # Stationary by construction: then there is no residual, the alignment is one, and lambda is found.
    still = -sum(np.outer(p, x) for p, x in zip(pulls, rows, strict=True)) / (N * reg)
    layer = optima.measure([Layer(rows, still, pulls)], labels, reg=reg).last
    assert layer.bound.residual < 1e-12
    assert layer.bound.distance <= layer.bound.within
    assert layer.gradient_alignment == pytest.approx(1)
    assert layer.implied_reg == pytest.approx(reg)


def low(rows, labels, W, pulls, reg=0.05):
    """The bound of a matrix that is stationary with these gradients."""
    still = -pulls.T @ rows / (len(rows) * reg)
    return optima.measure([Layer(rows, still, pulls)], labels, reg=reg).last.bound, still


def test_a_bias_or_centring_makes_it_one_rank_less():
    rows, labels, W, pulls = sample((6, 2, 9, 4), d=9, m=8)
    # A stationary bias without decay: gradients at the output add up to zero.
    for x, p in (
        (rows, pulls - pulls.mean(axis=0)),
        # Class means whose combination with weights of sum one vanishes.
        (rows - rows[labels == 1].mean(axis=0), pulls),
        # Cross-entropy at the output: gradients of each sample add up to zero.
        (rows, (pulls - pulls.mean(axis=1, keepdims=True))[:, :K]),
    ):
        p = p if p.shape[1] > K else p - p.mean(axis=1, keepdims=True)
        bound, still = low(x, labels, W, p)
        assert bound.rank == K - 1
        assert bound.last < 1e-10
        assert bound.distance == pytest.approx(np.linalg.norm(np.linalg.svd(still)[1][K - 1 :]), abs=1e-12)
        assert bound.distance <= bound.within + 1e-12
    # Neither: there K - 1 would be too few, for features without variation.
    means = np.random.default_rng(1).standard_normal((K, 9))
    bound, still = low(means[labels], labels, W, pulls)
    assert bound.rank == K
    assert np.linalg.svd(still)[1][K - 1] > bound.within + 1e-3
    # What the bias has left to do is part of the bound.
    bound, still = low(rows, labels, W, pulls - (1 - 1e-9) * pulls.mean(axis=0))
    assert (bound.rank, bound.excess) == (K - 1, bound.last + bound.residual)
    shift = np.linalg.norm(pulls.mean(axis=0)) * 1e-9 / 0.05
    means = np.array([rows[labels == k].mean(axis=0) for k in range(K)])
    assert 0 < bound.last <= shift * min(np.linalg.norm(means, axis=1)) * (1 + 1e-6)


def test_shapes_are_those_of_their_definitions():
    rows, labels, _, _ = sample((7, 2, 12, 3), d=8)
    W = np.random.default_rng(2).standard_normal((K, 8))
    found = optima.measure([Layer(rows, W)], labels, logits=rows @ W.T)
    means = np.array([rows[labels == k].mean(axis=0) for k in range(K)])
    C = means - means.mean(axis=0)
    ideal = (np.eye(K) - 1 / K) / np.sqrt(K - 1)
    away = lambda gram: np.linalg.norm(gram / np.linalg.norm(gram) - ideal)
    units = [c / np.linalg.norm(c) for c in C]
    pairs = [(a, b) for a in range(K) for b in range(a)]
    logs = [-np.log(np.linalg.norm(units[a] - units[b])) for a, b in pairs]
    cosines = [W[c] @ C[c] / np.linalg.norm(W[c]) / np.linalg.norm(C[c]) for c in range(K)]
    expected = {
        "nc2": away(C @ C.T),
        "alignment": away(W @ C.T),
        "nc3": np.linalg.norm(W / np.linalg.norm(W) - C / np.linalg.norm(C)),
        "log_distance": np.mean(logs),
        "uniformity": np.std(logs),
        "duality": np.mean(cosines),
        "duality_spread": np.std(cosines),
        "max_angle": np.mean([abs(units[a] @ units[b] + 1 / (K - 1)) for a, b in pairs]),
    }
    for name, value in expected.items():
        assert found.last.measures[name] == pytest.approx(value, rel=1e-9), name
    agree = [np.argmin([np.sum((x - mean) ** 2) for mean in means]) == np.argmax(W @ x) for x in rows]
    assert found.nc4 == np.mean(agree)


def test_logits_are_named_and_compared():
    labels = np.repeat(np.arange(6), 3)
    pairs = optima.named("pairs", 6).shape([4.0])
    logits = np.asarray(pairs, dtype=float).T[labels]
    found = optima.measure([Layer(logits, np.eye(6))], labels, logits=logits)
    assert found.recognition.name == "pairs"
    assert found.accuracy == 1
    assert found.nc4 == 1
    assert found.compare(2, 1e-3, "quick").problem.samples == 3
    data = json.loads(json.dumps(found.as_dict(), allow_nan=False))
    assert data["structure"] == "pairs"


@pytest.mark.parametrize("limit", [80, 100, 200])
def test_no_line_is_too_long_and_no_number_is_cut(limit, tmp_path):
    rows, labels, W, pulls = sample()
    found = optima.measure([Layer(rows, W, pulls, "classifier.weight")], labels, reg=0.1)
    text = measures_text(found, limit)
    assert max(map(len, text.splitlines())) <= limit
    assert f"{found.last.measures['nc1_trace']:.3g}" in text
    assert len(repr(found)) < 200
    found.page(tmp_path / "page.html")
    assert "NC1" in (tmp_path / "page.html").read_text()
    assert "<table>" in found._repr_html_()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"labels": [0, 1]}, "pass one row a sample"),
        ({"labels": np.full(23, -1)}, "pass classes 0 to K - 1"),
        ({"weights": np.eye(3)}, r"pass \(m, d\)"),
        ({"gradients": np.eye(3)}, r"gradients \(N, m\)"),
        ({"features": np.full((23, D), np.nan)}, "pass finite ones"),
        ({"classes": 9}, "pass samples of every class"),
        ({"reg": [1.0, 2.0]}, "one for each layer"),
    ],
)
def test_what_does_not_fit_is_refused(change, words):
    rows, labels, W, pulls = sample()
    given = {"features": rows, "weights": W, "gradients": pulls, "labels": labels, "classes": None, "reg": 1.0}
    given |= change
    layer = Layer(given["features"], given["weights"], given["gradients"])
    with pytest.raises(ValueError, match=words):
        optima.measure([layer], given["labels"], classes=given["classes"], reg=given["reg"])
    with pytest.raises(ValueError, match=re.escape("pass a torch module")):
        optima.measure(3, labels)
