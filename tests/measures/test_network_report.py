"""The page about a network: its model, its words, and what cannot be said."""

import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest

import optima
from optima.measures import Layer
from optima.report.network import report_page, report_text, verdict
from optima.search.downhill import downhill

K, REG = 6, 1e-3


def balanced(name, samples=4, depth=2, reg=REG, noise=0.0, seed=0):
    """Arrays of a network of balanced factors with the logits of a structure at its best scale, and noisy features."""
    rng = np.random.default_rng(seed)
    structure = optima.named(name, K)
    scales = optima.best_scales(structure, depth, reg, samples).scales
    problem = optima.DeepUFM(K, depth, reg, samples)
    *weights, features = optima.Reduction(problem).lift(np.asarray(structure.shape(scales), dtype=float), rng=rng)
    features = features + noise * rng.standard_normal(features.shape)
    labels = np.repeat(np.arange(K), samples)
    rows, layers = features.T, []
    for number, W in enumerate(weights, 1):
        layers.append(Layer(rows, W, name=f"head.{number}"))
        rows = rows @ W.T
    return optima.measure(layers, labels, logits=rows, reg=reg), problem


@pytest.mark.parametrize("name", ["pairs", "simplex"])
@pytest.mark.parametrize("samples", [1, 4])
def test_the_model_is_that_of_the_network(name, samples):
    found, problem = balanced(name, samples)
    report = found.report(search=False)
    assert report.problem.depth == 2
    assert report.problem.activation == "linear"
    # With balanced factors the decay that is read off is the one it has.
    assert report.problem.regs == pytest.approx(problem.regs)
    assert report.loss == pytest.approx(optima.structure_losses(problem)[name].loss, rel=1e-9)
    assert report.own.name == name
    assert report.near.loss == pytest.approx(report.loss, rel=1e-9)
    assert report.collapse == pytest.approx(optima.structure_losses(problem)["simplex"].loss)
    assert report.above == pytest.approx(report.loss / report.best.loss - 1)


def test_noise_is_above_the_minimum_downhill():
    report = balanced("simplex", noise=0.05)[0].report(search=False)
    assert report.loss > report.near.loss * (1 + 1e-4)
    assert report.near.structure == "simplex"
    assert report.near.loss == pytest.approx(report.forecast["simplex"].loss, rel=1e-9)
    assert "another minimum" in str(report)


def test_downhill_drops_what_does_not_pay():
    problem = optima.DeepUFM(K, 3, 1e-2, 4)
    rng = np.random.default_rng(0)
    shape = lambda name, scale: np.asarray(optima.named(name, K).shape([scale]), dtype=float)
    # More than noise, and too little to grow at this depth.
    start = shape("pairs", 3.0) + shape("simplex", 0.2)
    means, verdict = downhill(problem, start)
    reduction = optima.Reduction(problem)
    assert verdict == "minimum"
    assert reduction.value(means) < reduction.value(start)
    assert (reduction.rank(start), reduction.rank(means)) == (K - 1, 3)
    # At the minimum every change within its rank costs.
    left, s, right = np.linalg.svd(means)
    r = reduction.rank(means)
    for _ in range(5):
        other = left[:, :r] @ (np.diag(s[:r]) + 1e-3 * rng.standard_normal((r, r))) @ right[:r]
        assert reduction.value(other) > reduction.value(means)


def test_changes_are_forecasts():
    report = balanced("pairs")[0].report(search=False)
    kinds = {(each.problem.depth, round(each.problem.regs[0] / REG, 6)): each for each in report.changes}
    assert set(kinds) == {(1, 1.0), (3, 1.0), (4, 1.0), (2, 0.1), (2, 10.0)}
    for (depth, factor), each in kinds.items():
        expected = optima.forecast(4, depth, factor * REG, classes=K, search=False, width=K)
        assert each.best.loss == pytest.approx(expected.best.loss, rel=1e-9)
        assert report.differs(each) == ((each.best.structure, each.best.rank) != (report.best.structure, 3))


@pytest.mark.slow
def test_the_search_is_the_best_known():
    report = balanced("simplex")[0].report()
    assert report.best.loss == pytest.approx(optima.solve(report.problem).loss, rel=1e-9)


def test_relu_heads_and_depth_one():
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(K), 3)
    rows = rng.random((labels.size, 8)) + 3 * np.eye(K, 8)[labels]
    layers, x = [], rows
    for m in (8, 8, K):
        W = rng.standard_normal((m, x.shape[1])) / 3
        layers.append(Layer(x, W))
        out = x @ W.T
        x = np.maximum(out, 0)
    found = optima.measure(layers, labels, logits=out, reg=1e-3)
    assert [layer.after for layer in found.layers] == ["", "relu", "relu"]
    one = found.report(search=False)
    assert one.problem.depth == 1
    assert one.near is None
    assert {each.problem.activation for each in one.changes} == {"linear", "relu"}
    three = found.report(depth=3, feature_reg=1e-5)
    assert three.problem.nonlinear
    assert three.near is None
    assert three.problem.regs == (1e-3, 1e-3, 1e-3, 1e-5)
    squares = [np.sum(layer.weights**2) for layer in layers] + [np.sum(rows**2) / 100]
    assert three.loss == pytest.approx(found.data_loss + sum(squares) * 5e-4, rel=1e-9)
    assert "relu between them" in str(three)
    # Logits that are near to nothing are not called zero.
    noise = optima.measure([Layer(rows, rng.standard_normal((K, 8)))], labels, logits=-np.eye(K)[labels], reg=1e-3)
    assert "near to no named structure." in str(noise.report(search=False))
    # ReLU networks of this width have no room; linear structures have.
    narrow = optima.measure(
        [Layer(rows[:, :2], rng.standard_normal((K, 2)))],
        labels,
        logits=rng.standard_normal((labels.size, K)),
        reg=1e-3,
    ).report(search=False)
    crowded = [each for each in narrow.changes if each.problem.nonlinear]
    assert all(each.no_room and not narrow.differs(each) for each in crowded)
    assert "no named network fits the width" in str(narrow)
    assert not narrow.searched
    assert "search=True" in str(narrow)
    layers[2] = Layer(np.tanh(layers[2].features), layers[2].weights)
    mixed = optima.measure(layers, labels, logits=out, reg=1e-3)
    with pytest.raises(ValueError, match="whichever comes nearest"):
        mixed.report(depth=3)
    assert mixed.report(depth=3, activation="relu").problem.nonlinear


class Checker(HTMLParser):
    """Tags that open and do not close, or ask for something from elsewhere."""

    def __init__(self):
        super().__init__()
        self.open, self.outside = [], []

    def handle_starttag(self, tag, attrs):
        self.outside += [value for name, value in attrs if name in ("src", "href")]
        if tag not in ("meta",):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_page_json_and_text(tmp_path):
    found, _ = balanced("pairs", noise=0.02)
    report = found.report(search=False)
    report.page(tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    checker = Checker()
    checker.feed(page)
    assert checker.open == []
    assert checker.outside == []
    assert "url(" not in page
    assert "light dark" in page
    for words in ("How collapsed", "nearest to", "What would be optimal", "more depth or decay", f"{report.loss:.6g}"):
        assert words in page
        assert words in str(report)
    data = json.loads(json.dumps(report.as_dict(), allow_nan=False))
    assert data["best"]["structure"] == report.best.structure
    assert len(data["changes"]) == 5
    assert "pairs" in verdict(report)
    assert len(repr(report)) < 200
    assert report._repr_html_().startswith("<div>")


@pytest.mark.parametrize("limit", [80, 100, 200])
def test_lines_fit(limit):
    text = report_text(balanced("pairs", noise=0.02)[0].report(search=False), limit)
    assert max(map(len, text.splitlines())) <= limit


def test_names_are_escaped():
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(3), 4)
    rows = rng.standard_normal((12, 5)) + 3 * np.eye(3, 5)[labels]
    W = rng.standard_normal((3, 5))
    evil = '<img src=x onerror="alert(1)">&'
    layers = [Layer(rows, np.eye(5), name=evil), Layer(rows, W, name=evil + "2")]
    page = report_page(optima.measure(layers, labels, logits=rows @ W.T, reg=0.01).report(search=False))
    assert "<img" not in page
    assert page.count("&lt;img src=x onerror=&quot;alert(1)&quot;&gt;&amp;") >= 4


def test_what_is_missing_is_said():
    found, _ = balanced("pairs")
    with pytest.raises(ValueError, match="depth is 3 for 2 measured layers"):
        found.report(depth=3)
    with pytest.raises(ValueError, match="activation"):
        found.report(activation="tanh")
    with pytest.raises(ValueError, match="one for each"):
        found.report(reg=[1e-3, 1e-3, 1e-3])
    with pytest.raises(ValueError, match="feature_reg"):
        found.report(feature_reg=-1.0)
    labels = np.repeat(np.arange(3), 2)
    rows = np.eye(3)[labels]
    with pytest.raises(ValueError, match="there are no logits"):
        optima.measure([Layer(rows, np.eye(3))], labels, reg=0.1).report()
    layer = Layer(rows, np.eye(3), -rows + 0.5)
    with pytest.raises(ValueError, match=re.escape("pass reg=, the weight_decay")) as caught:
        optima.measure([layer], labels, logits=rows).report()
    assert "times the norm" in str(caught.value)
    with pytest.raises(ValueError, match="zero; pass feature_reg="):
        optima.measure([Layer(0 * rows, np.eye(3))], labels, logits=0 * rows, reg=0.1).report()


@pytest.mark.needs("torch")
def test_a_module_of_your_own():
    import torch

    torch.manual_seed(0)
    nn = torch.nn
    body = nn.Sequential(nn.Linear(4, 9), nn.ReLU(), nn.Linear(9, 7))
    net = nn.Sequential(body, nn.Linear(7, 7, bias=False), nn.Dropout(0.5), nn.Linear(7, 3))
    x, y = torch.randn(30, 4), torch.arange(30) % 3
    found = optima.measure(net, (x, y), reg=1e-3)
    # Dropout does nothing in evaluation mode.
    assert [layer.after for layer in found.layers] == ["", "relu", "linear", "linear"]
    assert found.report(search=False).head == ("0.2", "1", "3")
    # What carries no decay is no part of the head.
    report = optima.measure(net, (x, y), reg={"1": 1e-3, "3": 1e-3}, gradients=False).report(search=False)
    assert report.head == ("1", "3")
    with torch.no_grad():
        features = body(x).double()
        loss = nn.functional.cross_entropy(net.eval()(x).double(), y)
        squares = [float(net[1].weight.double().square().sum()), float(net[3].weight.double().square().sum())]
    own = 1e-3 * squares[0] / float(features.square().sum())
    assert report.problem.regs[-1] == pytest.approx(own, rel=1e-6)
    assert report.loss == pytest.approx(float(loss) + 5e-4 * (2 * squares[0] + squares[1]), rel=1e-6)
    with pytest.raises(ValueError, match="your own"):
        optima.measure(net, (x, y), reg=1e-3, loss=lambda z, y: z.square().sum()).report()


@pytest.mark.slow
def test_words_for_what_has_no_name_and_what_was_not_searched():
    """One matrix: no other minimum. ReLU, only named networks: none of them is called the optimum."""
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(4), (9, 5, 2, 1))
    features = np.maximum(rng.standard_normal((17, 8)) + 3 * np.eye(4, 8)[labels], 0)
    hidden, last = rng.standard_normal((8, 8)) / 3, rng.standard_normal((4, 8)) / 3
    after = np.maximum(features @ hidden.T, 0)
    layers = [Layer(features, hidden, name="a"), Layer(after, last, name="b")]
    found = optima.measure(layers, labels, logits=after @ last.T, reg=1e-2)
    text = " ".join(str(found.report()).split())
    assert "an unnamed structure, rank" in verdict(found.report())
    assert "(one matrix: layer b)" in text
    assert "another minimum" not in text
    deeper = " ".join(str(found.report(depth=2)).split())
    assert "(2 matrices: layers a, b, relu between them)" in deeper
    assert "another minimum" in deeper
    assert "is the optimum" not in deeper
    assert "The loss of the best of the named networks is known by" in deeper
