"""The loss table against one structure in one cell at a time, and against the logits it describes."""

import tracemalloc
from functools import cache
from itertools import islice, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import optima.tables.table
from optima import DeepUFM, Reduction, best_scales, catalogue, named, solve
from optima.proofs.form import ConvexConcave
from optima.proofs.small_problems import one_direction, search_of, upper_bound
from optima.structures import families
from optima.tables.table import LossTable

steady = settings(derandomize=True, deadline=None, max_examples=25)

CLASSES = (2, 3, 4, 5, 7, 8, 10)
DEPTHS = (1, 2, 5)
REGS = (1e-5, 2e-3, 0.04, 0.3)
SAMPLES = (1, 5)
KEYS = ["classes", "depth", "reg", "samples"]
ORDER = ("classes", "depths", "samples", "regs")

# Problems at which different structures have different losses.
PROBES = [(1, 1e-4), (2, 1e-3), (2, 1e-5), (3, 1e-4), (6, 1e-3)]


@pytest.fixture(scope="module", params=["ce", "mse"])
def table(request):
    return LossTable(CLASSES, DEPTHS, REGS, SAMPLES, request.param)


@pytest.fixture(scope="module")
def cells(table):
    return table.to_arrow().to_pylist()


def key(cell):
    return tuple(cell[name] for name in KEYS)


def problem_of(cell, loss):
    return DeepUFM(cell["classes"], cell["depth"], cell["reg"], samples=cell["samples"], loss=loss)


def singular_values(cell):
    """The nonzero singular values one by one, descending."""
    counts = {end: cell["multiplicity" + end] or 0 for end in ("", "_2")}
    return np.array([cell["singular_value" + end] for end, count in counts.items() for _ in range(count)])


def logits(cell, loss):
    """Z of the winner at the scales of the cell."""
    structure = named(cell["winner"], cell["classes"])
    scales = [cell[name] for name in ("scale", "scale_2") if cell[name] is not None]
    assert len(scales) == len(structure.blocks())
    return Reduction(problem_of(cell, loss)).replicate(structure.shape(scales))


@cache
def slow_losses(cell, names, loss):
    """Best loss of each structure, solved alone, by name of the family."""
    K, L, lam, n = cell
    return {
        name: {s.name: float(best_scales(s, L, lam, n, loss).loss) for s in catalogue(K, [name], loss)}
        for name in names
    }


def slow_losses_by_structure(cell, table):
    families_of_losses = slow_losses(key(cell), table.names, table.loss).values()
    return {name: loss for members in families_of_losses for name, loss in members.items()}


def same_structure(one, other, classes, loss):
    """Whether two structures have one loss at every probe."""
    losses = [
        [float(best_scales(named(name, classes), depth, reg, 1, loss).loss) for depth, reg in PROBES]
        for name in (one, other)
    ]
    return np.allclose(*losses, rtol=1e-11, atol=0)


# Cell by cell


def test_losses_are_those_of_each_structure_solved_alone(table, cells):
    for cell in cells:
        for name, members in slow_losses(key(cell), table.names, table.loss).items():
            expected = min(members.values(), default=None)
            assert cell[f"loss_{name}"] == (expected and pytest.approx(expected, rel=1e-12))


def test_the_winner_has_the_least_loss(table, cells):
    for cell in cells:
        losses = slow_losses_by_structure(cell, table)
        assert cell["loss"] == pytest.approx(min(losses.values()), rel=1e-12)
        assert losses[cell["winner"]] == pytest.approx(min(losses.values()), rel=1e-12)


def rivals(cell, table):
    """Losses of what beats the zero logits and is not the winner under another name, or else of zero."""
    losses = slow_losses_by_structure(cell, table)
    alive = {name: value for name, value in losses.items() if value < losses["zero"] * (1 - 1e-12)}
    winner = alive.pop(cell["winner"], None)
    near = [name for name, value in alive.items() if value == pytest.approx(winner, rel=1e-11)]
    for name in near:
        if same_structure(name, cell["winner"], cell["classes"], table.loss):
            del alive[name]
    return alive or {"zero": losses["zero"]}


def test_the_runner_up_is_the_best_other_structure(table, cells):
    won = [cell for cell in cells if cell["winner"] != "zero"]
    assert len(won) > len(cells) / 2
    for cell in won:
        others = rivals(cell, table)
        assert others[cell["runner_up"]] == pytest.approx(min(others.values()), rel=1e-12)
        assert cell["win_by"] == pytest.approx(min(others.values()) - cell["loss"], rel=1e-9, abs=1e-14)
        assert cell["win_by"] >= 0


def test_the_winner_is_what_an_svd_of_its_logits_sees(table, cells):
    for cell in cells:
        Z = logits(cell, table.loss)
        s = np.linalg.svd(Z, compute_uv=False)
        kept = s[s > 1e-9 * max(s[0], 1e-300)]
        assert cell["rank"] == len(kept) == len(singular_values(cell))
        np.testing.assert_allclose(singular_values(cell), kept, rtol=1e-10)


def test_fit_and_penalty_are_those_of_the_logits(table, cells):
    for cell in cells:
        problem = problem_of(cell, table.loss)
        reduction = Reduction(problem)
        penalty = reduction.strength * np.sum(singular_values(cell) ** reduction.exponent)
        assert cell["fit"] == pytest.approx(problem.data_loss(logits(cell, table.loss)), rel=1e-10)
        assert cell["penalty"] == pytest.approx(penalty, rel=1e-12)
        assert cell["fit"] + cell["penalty"] == pytest.approx(cell["loss"], rel=1e-14)


def test_the_singular_values_are_in_descending_order(cells):
    for cell in cells:
        assert np.all(np.diff(singular_values(cell)) <= 0)
        assert (cell["singular_value_2"] is None) == (cell["multiplicity_2"] is None)


def test_a_winner_with_two_scales_gives_both_and_its_two_singular_values():
    (cell,) = LossTable([7], [2], [1e-4], structures=["pairs-free"]).to_arrow().to_pylist()
    structure = named("pairs-free", 7)
    pairs, last = best_scales(structure, 2, 1e-4).scales
    assert (cell["scale"], cell["scale_2"]) == pytest.approx((pairs, last), rel=1e-13)
    assert (cell["singular_value"], cell["multiplicity"]) == (pytest.approx(2 * pairs, rel=1e-13), 3)
    assert (cell["singular_value_2"], cell["multiplicity_2"]) == (pytest.approx(last * np.sqrt(6 / 7), rel=1e-13), 1)


def test_the_objective_of_balanced_factors_is_the_loss():
    rng = np.random.default_rng(7)
    for cell in LossTable([4, 7], [1, 2, 4], [1e-3], [1, 2]).to_arrow().to_pylist():
        reduction = Reduction(problem_of(cell, "ce"))
        factors = reduction.lift(logits(cell, "ce")[:, :: cell["samples"]], rng=rng)
        assert reduction.problem.objective(factors) == pytest.approx(cell["loss"], rel=1e-10)


@steady
@given(
    classes=st.integers(2, 20),
    depth=st.integers(1, 30),
    log_reg=st.floats(-30, 0),
    samples=st.integers(1, 1000),
    loss=st.sampled_from(["ce", "mse"]),
)
def test_any_cell_is_no_better_than_its_own_structures(classes, depth, log_reg, samples, loss):
    (cell,) = LossTable([classes], [depth], [np.exp(log_reg)], [samples], loss).to_arrow().to_pylist()
    every = [value for name, value in cell.items() if name.startswith("loss_") and value is not None]
    assert cell["loss"] == pytest.approx(min(every), rel=1e-13)
    assert 0 < cell["loss"] <= cell["loss_zero"]
    assert cell["fit"] + cell["penalty"] == pytest.approx(cell["loss"], rel=1e-14)
    assert cell["rank"] == len(singular_values(cell)) <= classes


# Values known from elsewhere


@pytest.mark.parametrize(
    ("depth", "reg", "simplex", "pairs"),
    [
        (2, 2**-10, 0.0906621832128544109209, 0.0800126592452475275200),
        (3, 2**-9, 0.147060765694726951461, 0.116525256479039123878),
    ],
)
def test_reference_values_of_garrod2025(depth, reg, simplex, pairs):
    (cell,) = LossTable([10], [depth], [reg], [5]).to_arrow().to_pylist()
    assert cell["loss_simplex"] == pytest.approx(simplex, rel=1e-14)
    assert cell["loss_pairs"] == pytest.approx(pairs, rel=1e-14)


def test_reference_scale_and_singular_values_of_garrod2025():
    (cell,) = LossTable([10], [2], [2**-10], [5], structures=["simplex", "pairs"]).to_arrow().to_pylist()
    assert (cell["winner"], cell["runner_up"], cell["rank"]) == ("pairs", "simplex", 5)
    assert cell["scale"] == pytest.approx(7.04704868833874057139, rel=1e-14)
    assert cell["singular_value"] == pytest.approx(2 * np.sqrt(5) * 7.04704868833874057139, rel=1e-14)
    assert (cell["multiplicity"], cell["singular_value_2"], cell["multiplicity_2"]) == (5, None, None)
    assert cell["win_by"] == pytest.approx(0.0906621832128544109209 - 0.0800126592452475275200, rel=1e-12)


@pytest.mark.parametrize("classes", [2, 5, 30])
def test_one_matrix_is_won_by_the_simplex_in_closed_form(classes):
    reg = 1e-3
    (cell,) = LossTable([classes], [1], [reg]).to_arrow().to_pylist()
    assert cell["winner"] == "simplex"
    assert cell["scale"] == pytest.approx(np.log(1 / reg - classes + 1), rel=1e-13)


# Squared error


def test_squared_error_is_won_by_the_frame_at_the_known_scale():
    for cell in LossTable((2, 4, 9), (1, 2, 6), (1e-6, 1e-3), (1, 7), "mse").to_arrow().to_pylist():
        K, L, lam, n = key(cell)
        gamma = cell["singular_value"] / np.sqrt(n)
        assert cell["winner"] == "frame"
        assert cell["multiplicity"] == cell["rank"] == K
        assert (1 - gamma) * gamma ** ((L - 1) / (L + 1)) == pytest.approx(lam * K * n ** (1 / (L + 1)), rel=1e-9)


@pytest.mark.parametrize("depth", [1, 2, 3, 10])
def test_squared_error_has_stationary_frames_only_below_the_known_regularisation(depth):
    K, n, L = 6, 3, depth
    # At the fold the frame already loses to zero for L >= 2, so there the least scale of a winner bounds it.
    bound = (np.float64(L - 1) ** (L - 1) / L ** (2 * L) / n) ** (1 / (L + 1)) / K
    above, below = LossTable([K], [L], [bound * 1.000001, bound * 0.1], [n], "mse").to_arrow().to_pylist()
    assert above["winner"] == "zero"
    assert below["winner"] == "frame"
    assert below["singular_value"] / np.sqrt(n) > (L - 1) / L


def test_squared_error_under_a_bottleneck_keeps_as_many_values_as_the_width():
    (cell,) = LossTable([6], [2], [1e-3], [3], "mse", width=4).to_arrow().to_pylist()
    (wide,) = LossTable([6], [2], [1e-3], [3], "mse").to_arrow().to_pylist()
    assert (cell["rank"], wide["rank"]) == (4, 6)
    assert cell["loss"] == cell["loss_frame"] > wide["loss"]
    np.testing.assert_allclose(singular_values(cell), singular_values(wide)[:4], rtol=1e-13)


def test_the_frame_has_a_column_only_where_it_belongs():
    assert "loss_frame" in LossTable([4], [2], [0.1], loss="mse").schema.names
    assert "loss_frame" not in LossTable([4], [2], [0.1]).schema.names
    assert "loss_frame" in LossTable([4], [2], [0.1], structures=["frame"]).schema.names


# Zero logits


@pytest.mark.parametrize(("loss", "value"), [("ce", np.log(5)), ("mse", 0.5)])
def test_zero_wins_under_strong_regularisation(loss, value):
    for cell in LossTable([5], [1, 2, 9], [5.0, 1e6], [1, 4], loss).to_arrow().to_pylist():
        assert (cell["winner"], cell["rank"], cell["penalty"]) == ("zero", 0, 0)
        assert cell["loss"] == cell["fit"] == pytest.approx(value, rel=1e-15)
        empty = ["runner_up", "win_by", "scale", "scale_2", "singular_value", "multiplicity", "singular_value_2"]
        assert [cell[name] for name in empty] == [None] * len(empty)


def test_a_structure_at_scale_zero_is_called_zero_though_zero_is_not_asked_for():
    (cell,) = LossTable([5], [2], [5.0], structures=["simplex", "pairs"]).to_arrow().to_pylist()
    assert (cell["winner"], cell["runner_up"], cell["win_by"], cell["rank"]) == ("zero", None, None, 0)
    assert cell["loss"] == pytest.approx(np.log(5), rel=1e-15)


def test_zero_is_the_runner_up_of_a_structure_without_other_rivals():
    (cell,) = LossTable([5], [2], [1e-3], structures=["zero", "simplex"]).to_arrow().to_pylist()
    assert (cell["winner"], cell["runner_up"]) == ("simplex", "zero")
    assert cell["win_by"] == pytest.approx(np.log(5) - cell["loss_simplex"], rel=1e-14)


def test_a_structure_alone_has_no_runner_up():
    (cell,) = LossTable([5], [2], [1e-3], structures=["simplex"]).to_arrow().to_pylist()
    assert (cell["winner"], cell["runner_up"], cell["win_by"]) == ("simplex", None, None)


def test_a_cell_without_any_structure_is_empty():
    first, second = LossTable([2, 5], [2], [1e-3], structures=["polygon"]).to_arrow().to_pylist()
    assert key(first) == (2, 2, 1e-3, 1)
    assert {value for name, value in first.items() if name not in (*KEYS, "lower_bound")} == {None}
    assert second["winner"] == "polygon"


def test_the_lower_bound_is_that_of_single_problems():
    for cell in LossTable([2, 3, 10], [2, 5], [1e-3, 1e-1], samples=[3]).to_arrow().to_pylist():
        problem = DeepUFM(cell["classes"], cell["depth"], cell["reg"], samples=3)
        two = one_direction(ConvexConcave.of(problem))
        search = search_of(two, cell["lower_bound"], 1e-6)
        search.run(20_000)
        assert search.done
        assert cell["lower_bound"] == pytest.approx(upper_bound(two), rel=1e-4)
        assert cell["lower_bound"] <= cell["loss"]


def test_the_lower_bound_of_squared_error_is_the_minimum():
    for cell in (
        LossTable([3, 8], [2], [1e-3, 1e-1], loss="mse", structures=["simplex"], width=4).to_arrow().to_pylist()
    ):
        exact = solve(DeepUFM(cell["classes"], 2, cell["reg"], width=4, loss="mse")).loss
        assert cell["lower_bound"] == pytest.approx(exact, rel=1e-12)


# Names and widths


@pytest.mark.parametrize(
    ("classes", "first", "second"), [(2, "simplex", "pairs"), (3, "simplex", "polygon"), (4, "pairs", "polygon")]
)
def test_a_structure_under_another_name_is_no_runner_up(classes, first, second):
    assert same_structure(first, second, classes, "ce")
    for names in ([first, second], [second, first]):
        (cell,) = LossTable([classes], [2], [1e-3], structures=names).to_arrow().to_pylist()
        assert (cell["winner"], cell["runner_up"], cell["win_by"]) == (names[0], None, None)
        assert cell[f"loss_{first}"] == pytest.approx(cell[f"loss_{second}"], rel=1e-12)


def test_names_of_members_have_columns_of_their_own():
    names = ["srg-petersen", "srg", "simplex(8)+pairs(1)", "srg"]
    table = LossTable([9, 10], [3], [1e-4], structures=names)
    assert table.names == tuple(names[:3])
    nine, ten = table.to_arrow().to_pylist()
    assert nine["loss_srg-petersen"] is nine["loss_simplex(8)+pairs(1)"] is None
    assert ten["loss_srg"] <= ten["loss_srg-petersen"]
    assert ten["loss_simplex(8)+pairs(1)"] > 0


def test_default_names_are_the_families_of_the_loss(table):
    assert table.names == tuple(family.name for family in families(table.loss))
    assert table.schema.names[-len(table.names) :] == [f"loss_{name}" for name in table.names]


@pytest.mark.parametrize("loss", ["ce", "mse"])
def test_the_width_bounds_the_rank(loss):
    tables = [LossTable([10], [1, 2], [1e-4], loss=loss, width=width).to_arrow().to_pylist() for width in range(1, 13)]
    for width, cells in enumerate(tables, start=1):
        assert all(cell["rank"] <= width for cell in cells)
        assert all((cell["loss_simplex"] is None) == (width < 9) for cell in cells)
    losses = np.array([[cell["loss"] for cell in cells] for cells in tables])
    assert np.all(np.diff(losses, axis=0) <= 1e-15)
    assert tables[-1] == LossTable([10], [1, 2], [1e-4], loss=loss).to_arrow().to_pylist()


# Order and batches


def keys_of(batches):
    return [key(row) for batch in batches for row in batch.select(KEYS).to_pylist()]


@pytest.mark.parametrize("batch", [1, 2, 5, 6, 7, 12, 30, 1000])
def test_batches_cover_the_grid_in_the_stated_order(monkeypatch, batch):
    monkeypatch.setattr(optima.tables.table, "BATCH", batch)
    table = LossTable([5, 3, 4], [2, 1], [1e-2, 1e-4, 1e-3], [4, 1], structures=["simplex"])
    batches = list(table.batches())
    expected = [(K, L, lam, n) for K, L, n, lam in product(*(getattr(table, name) for name in ORDER))]
    assert keys_of(batches) == expected
    assert len(table) == len(expected)
    assert max(part.num_rows for part in batches) <= batch


@pytest.mark.parametrize("batch", [1, 5, 11])
def test_the_cells_do_not_depend_on_the_size_of_a_batch(monkeypatch, batch):
    table = LossTable([3, 5, 10], [1, 2], [1e-4, 1e-2, 1.0], [1, 2])
    whole = {key(cell): cell for cell in table.to_arrow().to_pylist()}
    monkeypatch.setattr(optima.tables.table, "BATCH", batch)
    parts = {key(cell): cell for cell in table.to_arrow().to_pylist()}
    assert whole.keys() == parts.keys()
    for where, cell in whole.items():
        for name, value in cell.items():
            assert parts[where][name] == (pytest.approx(value, rel=1e-11) if isinstance(value, float) else value)


def test_the_first_batch_of_a_large_table_is_ready_before_the_others():
    table = LossTable(range(2, 1002), [2], np.geomspace(1e-6, 1e-1, 1000), structures=["simplex"])
    assert len(table) == 1_000_000
    assert next(table.batches()).num_rows <= optima.tables.table.BATCH


def memory_of_two_batches(depths, regs):
    table = LossTable([4], range(1, depths + 1), np.geomspace(1e-6, 1e-1, regs), structures=["simplex"])
    tracemalloc.start()
    rows = sum(batch.num_rows for batch in islice(table.batches(), 2))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return rows, peak


def test_a_million_cells_need_no_more_memory_than_a_thousand(monkeypatch):
    monkeypatch.setattr(optima.tables.table, "BATCH", 500)
    small_rows, small = memory_of_two_batches(10, 100)
    large_rows, large = memory_of_two_batches(1000, 1000)
    assert small_rows == large_rows == 1000
    assert large < small + 2_000_000


def test_values_may_be_ranges_and_arrays():
    table = LossTable(range(3, 5), np.array([1, 2]), np.array([0.1]), (np.int64(2),))
    assert (table.classes, table.depths, table.regs, table.samples) == ((3, 4), (1, 2), (0.1,), (2,))
    assert {type(value) for value in (*table.classes, *table.depths, *table.samples)} == {int}


# Exports to Arrow and pandas


def test_arrow_has_the_schema_of_the_table(table):
    assert table.to_arrow().schema == table.schema
    assert table.schema.names[:4] == KEYS


def test_pandas_is_indexed_by_the_cell():
    frame = LossTable([4, 10], [2, 3], [2**-10, 2**-9], [1, 5]).to_pandas()
    assert list(frame.index.names) == KEYS
    assert frame.index.is_unique
    assert len(frame) == 16
    cell = frame.loc[(10, 2, 2**-10, 5)]
    assert cell["loss_pairs"] == pytest.approx(0.0800126592452475275200, rel=1e-14)
    assert frame.xs(4, level="classes")["winner"].isin(["simplex", "pairs"]).all()


# What is refused

GOOD = {"classes": [4], "depths": [2], "regs": [0.1]}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"classes": [4, 1]}, "classes is 1; pass an integer of at least 2"),
        ({"depths": [0]}, "depths is 0; pass an integer of at least 1"),
        ({"samples": [0]}, "samples is 0; pass an integer of at least 1"),
        ({"regs": [0.1, 0.0]}, "regs is 0.0; pass a positive finite number"),
        ({"regs": [-1.0]}, "regs is -1.0; pass a positive finite number"),
        ({"regs": [np.nan]}, "regs is nan; pass a positive finite number"),
        ({"regs": [np.inf]}, "regs is inf; pass a positive finite number"),
        ({"width": 0}, "width is 0; pass an integer of at least 1"),
        ({"loss": "hinge"}, "loss is 'hinge'; pass one of 'ce', 'mse'"),
        ({"classes": []}, "classes is empty; pass at least one value"),
        ({"depths": ()}, "depths is empty; pass at least one value"),
        ({"regs": []}, "regs is empty; pass at least one value"),
        ({"samples": []}, "samples is empty; pass at least one value"),
        ({"structures": []}, "structures is empty; pass at least one name"),
        ({"structures": ["simplx"]}, "unknown structure 'simplx'.*simplex"),
        ({"structures": ["srg-petersen"]}, "unknown structure 'srg-petersen' for this number of classes"),
    ],
)
def test_bad_values_are_refused_with_a_sentence(change, sentence):
    with pytest.raises(ValueError, match=sentence) as caught:
        LossTable(**{**GOOD, **change})
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("change", [{"classes": [4.0]}, {"depths": ["2"]}, {"regs": ["x"]}, {"samples": [None]}])
def test_values_of_a_wrong_kind_are_refused_with_a_sentence(change):
    with pytest.raises(TypeError, match="; pass ") as caught:
        LossTable(**{**GOOD, **change})
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("name", ["depths", "samples"])
def test_integers_beyond_the_table_are_refused_when_it_is_made(name):
    with pytest.raises((ValueError, TypeError), match=f"{name} .*; pass "):
        LossTable(**{**GOOD, name: [10**20]})


def test_the_largest_regularisation_raises_no_warning():
    for loss in ("ce", "mse"):
        (cell,) = LossTable([4], [2], [np.finfo(float).max], loss=loss).to_arrow().to_pylist()
        assert cell["winner"] == "zero"
