"""What is refused at once, and what must not build an array for every sample."""

from types import SimpleNamespace

import numpy as np
import pytest

from optima import DeepUFM, LossTable, Reduction, basin, flow, forecast, solve, spectrum, sweep, train
from optima.atlas import Runs, Store, build
from optima.atlas.cells import grid
from optima.atlas.verify import all_parameter_objective
from optima.dynamics.starts import character_start, gaussian_logits
from optima.phases.diagram import phase_diagram
from optima.tables import table
from optima.tables.table import _together


@pytest.fixture
def no_columns(monkeypatch):
    """Models whose samples are never listed."""

    def listed(problem):
        raise AssertionError("an array with one entry for each sample")

    monkeypatch.setattr(DeepUFM, "labels", property(listed))


@pytest.mark.parametrize("samples", [10**9, (10**9, 3, 2, 10**8)])
def test_a_billion_samples_take_the_memory_of_their_classes(samples, no_columns):
    """Labels were built to be counted: 22 GiB."""
    problem = DeepUFM(4, 2, 1e-7, samples)
    solution = solve(problem, effort="quick")
    assert solution.rank > 0
    assert solution.certificate.verify()
    assert all_parameter_objective(problem, solution.means) == pytest.approx(solution.loss, rel=1e-12)
    squared = solve(DeepUFM(4, 2, 1e-7, samples, loss="mse"))
    assert squared.certificate.verify()
    with pytest.raises(ValueError, match=r"training 1 run needs about .* GiB.*pass fewer samples"):
        train(DeepUFM(4, 2, 1e-3, 10**9), 5, seeds=2)


def test_the_number_of_samples_is_exact():
    assert DeepUFM(4, 2, 1e-3, (10**15, 1, 1, 1)).size == 10**15 + 3
    assert DeepUFM(2000, 2, 1e-3, 2**53).size == 2000 * 2**53


@pytest.mark.parametrize(
    "call",
    [
        lambda: solve(DeepUFM(100_000, 2, 1e-3)),
        lambda: sweep([DeepUFM(4, 2, 1e-3), DeepUFM(100_000, 2, 1e-3)]),
        lambda: train(DeepUFM(100_000, 2, 1e-3), 10),
    ],
    ids=["solve", "sweep", "train"],
)
def test_too_many_classes_are_refused_at_once(call):
    with pytest.raises(ValueError, match=r"100000 classes needs about .* GiB.*pass at most [0-9]+ classes|training"):
        call()


def test_endless_grids_are_refused_at_once(tmp_path):
    many = range(1, 100_000)
    with pytest.raises(ValueError, match=r"the grid has [0-9]+ cells.*pass fewer values"):
        grid(range(2, 10), many, [1e-3] * 10**4)
    with pytest.raises(ValueError, match=r"cells.*pass fewer values"):
        train(DeepUFM(4, 2, 1e-3), 5, seeds=10**12)
    with Store(tmp_path / "atlas", write=True) as store:
        axes = {"depth": many, "classes": range(2, 20)}
        with pytest.raises(ValueError, match=r"cells.*pass fewer values"):
            phase_diagram("depth", "classes", axes, {"reg": 1e-3}, store)
        with pytest.raises(ValueError, match=r"pass one from 1e-300 to 1e\+300"):
            build(store, [DeepUFM(4, 2, 1e-3), DeepUFM(4, 2, 5e-324)])
        # More values than SQLite has placeholders.
        assert list(store.records(classes=range(2, 200_000), depths=np.arange(1, 50_000))) == []
        assert list(Runs(store).all(classes=range(2, 200_000))) == []


@pytest.mark.parametrize("loss", ["ce", "mse"])
@pytest.mark.parametrize("depth", [1, 3])
@pytest.mark.parametrize(("reg", "samples"), [(1e-300, 1), (1e-300, (1, 2, 3, 1000)), (1e290, 1000), (1e-200, 10**9)])
def test_the_ends_of_the_range_of_regularisations_have_answers(loss, depth, reg, samples):
    problem = DeepUFM(4, depth, reg, samples, loss=loss)
    solution = solve(problem, effort="quick")
    assert 0 < solution.loss <= Reduction(problem).fit(np.zeros((4, 4)))
    assert solution.loss <= min(solution.candidates.values(), default=np.inf) * (1 + 1e-12)
    assert 0 <= solution.lower_bound <= solution.loss


@pytest.mark.parametrize(("reg", "samples"), [(5e-324, 1), (1e308, 1000), (1.7e308, 1), (1e299, (10**12, 1, 1, 1))])
@pytest.mark.parametrize("depth", [1, 2])
def test_regularisations_beyond_it_are_refused(depth, reg, samples):
    with pytest.raises(ValueError, match=r"beyond the range of the search; pass one from 1e-300 to 1e\+300"):
        solve(DeepUFM(4, depth, reg, samples))


def test_expensive_cells_of_a_table_come_a_few_at_a_time():
    """2999 numbers of classes were one batch, of which no row was written before its end."""
    columns = [SimpleNamespace(margins=K) for K in range(2, 3001)]
    groups = list(_together(columns, 1))
    assert [column.margins for group in groups for column in group] == list(range(2, 3001))
    assert max(sum(column.margins for column in group) for group in groups) <= max(3000, table.WORK // table.ALONE)
    # Cheap ones stay together.
    assert len(list(_together(columns[:19], 110))) == 1
    first = next(iter(LossTable(range(2, 3001), range(1, 10), [1e-3] * 1000).batches()))
    assert first.num_rows <= table.BATCH


def test_a_table_does_not_depend_on_its_batches(monkeypatch):
    every = LossTable((4, 2, 7, 5), [1, 5], [1e-4, 1e-2], [1, 7])
    whole = every.to_arrow()
    monkeypatch.setattr(table, "WORK", 1)
    assert every.to_arrow().equals(whole)


@pytest.mark.parametrize(
    "begin",
    [
        lambda: gaussian_logits(DeepUFM(20000, 2, 0), 0.01),
        lambda: gaussian_logits(DeepUFM(4, 10**11, 0), 0.01),
        lambda: character_start(DeepUFM(10**11, 2, 0), 1.0),
        lambda: character_start(DeepUFM(4, 10**11, 0), 1.0),
        lambda: flow(DeepUFM(4, 2, 0, 10**11), np.eye(4), until={"margin": 5}),
        lambda: flow(DeepUFM(4, 10**11, 0), [1, 1, 1], until={"margin": 5}, group=(2, 2)),
        lambda: basin(20000, 2, 0.1, spread=0.3),
    ],
)
def test_flows_too_large_to_follow_are_refused_at_once(begin):
    """20000 classes were factorised for hours, or ended the machine's memory."""
    with pytest.raises(ValueError, match=r"to follow, and 10+ are the limit; pass fewer classes or samples"):
        begin()


def test_flows_of_class_means_list_no_samples(no_columns):
    """The margin of every sample was looked at after each step."""
    few, many = (flow(DeepUFM(4, 2, 0, n), np.eye(4), until={"margin": 5}) for n in (1, 20000))
    assert many.margins[-1] == pytest.approx(5)
    assert many.losses[-1] == pytest.approx(few.losses[-1], rel=1e-9)


@pytest.mark.parametrize(
    ("problem", "words"),
    [
        (DeepUFM(10**6, 2, 1e-12), "network at these logits"),
        (DeepUFM(4, 2, 1e-3, width=10**11), "network at these logits"),
        (DeepUFM(4, 10**11, 1e-3), "network at these logits"),
    ],
)
def test_networks_beyond_memory_have_no_spectrum(problem, words):
    with pytest.raises(ValueError, match=rf"{words} needs about .* GiB, and 64 GiB are the limit; pass fewer"):
        spectrum(problem)


def test_layers_beyond_memory_are_not_forecast():
    with pytest.raises(ValueError, match=r"a forecast of 100000000000 layers needs about .* GiB"):
        forecast(10, 10**11, 1e-3, classes=4)


def test_classes_beyond_the_search_are_in_no_grid():
    """The sizes of 1e11 classes were listed before anything was refused."""
    with pytest.raises(ValueError, match=r"a search over 100000000000 classes needs about .* GiB"):
        grid([4, 10**11], [2], [1e-3])
