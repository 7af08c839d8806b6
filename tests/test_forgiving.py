"""What is typed at a prompt either works or is answered by one sentence that says what to pass."""

import inspect
import pickle

import numpy as np
import pytest

import optima
from optima import (
    DeepUFM,
    LossTable,
    Reduction,
    catalogue,
    certify,
    certify_invariant,
    flow,
    solve,
    spectrum,
    structure_losses,
    sweep,
    train,
    zero_threshold,
)
from optima.model.inputs import did_you_mean
from optima.training import predict

PROBLEM = DeepUFM(4, 2, 1e-2)
TAKING = [solve, certify, zero_threshold, certify_invariant, structure_losses, train, predict, spectrum, flow]


class Scalar:
    """An array without axes of another library."""

    ndim = 0

    def __init__(self, value):
        self.value = value

    def item(self):
        return self.value


@pytest.mark.parametrize("reg", [np.array(1e-3), np.float32(0.5), Scalar(1e-3)])
@pytest.mark.parametrize("integer", [int, np.array, np.int32, Scalar])
def test_models_take_arrays_without_axes(reg, integer):
    problem = DeepUFM(integer(4), integer(2), reg, samples=integer(3))
    assert problem == DeepUFM(4, 2, float(_value(reg)), samples=3)
    assert type(problem.reg) is float
    assert {type(problem.classes), type(problem.depth), type(problem.samples)} == {int}


def _value(number):
    return number.value if isinstance(number, Scalar) else number


@pytest.mark.parametrize("samples", [range(1, 5), np.arange(1, 5), (1, 2, 3, 4), [1, 2, 3, 4]])
def test_models_take_any_sequence(samples):
    assert DeepUFM(4, 2, 1e-3, samples=samples) == DeepUFM(4, 2, 1e-3, samples=(1, 2, 3, 4))


@pytest.mark.parametrize("reg", [np.array(np.timedelta64(5, "s")), np.array(True), np.array("1e-3"), "1e-3", b"x"])
def test_models_refuse_what_is_no_number(reg):
    with pytest.raises((TypeError, ValueError), match=r"^reg is [^\n]*; pass a positive finite number$"):
        DeepUFM(4, 2, reg)


def test_the_numbers_of_a_model_stand_for_it():
    assert solve(4, 2, 1e-2, effort="quick").loss == solve(PROBLEM, effort="quick").loss
    assert solve(4, 2, 1e-2, 7, "quick").seed == 7
    assert solve(4, 2, reg=1e-2, samples=3, effort="quick").problem == DeepUFM(4, 2, 1e-2, samples=3)
    assert solve(classes=4, depth=1, reg=1e-2, loss="mse").problem == DeepUFM(4, 1, 1e-2, loss="mse")
    assert solve(problem=PROBLEM, effort="quick").problem == PROBLEM
    assert certify(2, 1, np.array(1e-2)).gap < 1e-6
    assert list(structure_losses(4, 2, 1e-2)) == list(structure_losses(PROBLEM))
    assert predict(4, 2, 1e-2, samples=2, activation="relu", width=8).keys() >= {"dnc", "collapse"}
    assert certify_invariant(4, 2, 1e-2, boxes=100).problem == PROBLEM


def test_a_name_that_both_take_is_the_functions():
    (run,) = train(4, 2, 1e-2, width=6, steps=2, seeds=1).runs
    assert run.problem == DeepUFM(4, 2, 1e-2, width=6)
    assert train(4, 2, 1e-2, 6, steps=2, seeds=1).runs[0].problem == run.problem


def test_the_zero_threshold_needs_no_regularisation():
    given = zero_threshold(2, 2, tolerance=0.1)
    assert given == zero_threshold(DeepUFM(2, 2, 1e-3), 0.1)
    for numbers in [(4, 2, 1e-3), (4,)]:
        with pytest.raises(TypeError, match=r"pass a DeepUFM, or classes, depth: zero_threshold\(4, 2\), and other"):
            zero_threshold(*numbers)


@pytest.mark.parametrize("function", TAKING)
def test_what_is_no_model_is_answered_by_a_sentence(function):
    for wrong in ["pairs", None, {}, object()]:
        with pytest.raises(TypeError, match=r"^problem is [^\n]*; pass a DeepUFM"):
            function(wrong)
    for few in [(), (4,)]:
        with pytest.raises(TypeError, match=rf"^{function.__name__} takes a model; pass a DeepUFM, or [^\n]*"):
            function(*few)


@pytest.mark.parametrize("function", [f for f in TAKING if f is not train])
def test_several_models_are_for_sweep(function):
    with pytest.raises(TypeError, match=r"^problem is a list of 2 models; pass [^\n]* the list to optima\.sweep$"):
        function([PROBLEM, PROBLEM])


def test_bad_numbers_are_refused_as_by_the_model():
    with pytest.raises(ValueError, match=r"^depth is 0; pass an integer of at least 1$"):
        solve(4, 0, 1e-3)


@pytest.mark.parametrize("function", TAKING)
def test_the_functions_are_themselves_for_readers_and_for_workers(function):
    assert next(iter(inspect.signature(function).parameters)) == "problem"
    assert pickle.loads(pickle.dumps(function)) is function


def test_sweeps_take_one_model_and_any_iterable():
    (alone,) = sweep(DeepUFM(4, 1, 1e-2))
    (first,) = sweep(problem for problem in [DeepUFM(4, 1, 1e-2)])
    assert alone.loss == first.loss
    assert sweep([]) == []
    for wrong in [4, "pairs", [PROBLEM, 4]]:
        with pytest.raises(TypeError, match=r"^problem is [^\n]*; pass a DeepUFM"):
            sweep(wrong)


def test_reductions_are_of_models():
    with pytest.raises(TypeError, match=r"^problem is 4; pass a DeepUFM"):
        Reduction(4)


@pytest.mark.parametrize("one", [1e-3, np.float64(1e-3), np.array(1e-3)])
def test_tables_take_one_value_for_an_axis(one):
    table = LossTable(4, np.array(2), one, samples=5, structures="pairs")
    several = LossTable([4], [2], [1e-3], samples=[5], structures=["pairs"])
    assert table == several
    assert table.to_arrow().equals(several.to_arrow())


def test_tables_take_any_iterable():
    table = LossTable(range(2, 5), {1, 2}, (value for value in [1e-3]), np.arange(1, 3))
    assert len(table) == 3 * 2 * 2


@pytest.mark.parametrize("wrong", ["4", PROBLEM, 4.5])
def test_tables_say_what_to_pass(wrong):
    with pytest.raises((TypeError, ValueError), match=r"^classes is [^\n]*; pass an integer of at least 2$"):
        LossTable(wrong, 2, 1e-3)


def test_one_name_counts_as_a_list_of_one():
    assert [structure.name for structure in catalogue(6, "pairs")] == ["pairs"]
    assert list(structure_losses(PROBLEM, "pairs")) == ["pairs"]
    with pytest.raises(ValueError, match=r"^unknown structure 'paris'"):
        structure_losses(PROBLEM, "paris")


def test_every_function_that_takes_a_problem_takes_its_numbers():
    takers = {getattr(optima, name) for name in optima.__all__}
    first = {f for f in takers if inspect.isfunction(f) and "problem" in list(inspect.signature(f).parameters)[:1]}
    assert first <= set(TAKING)


def test_an_unknown_name_is_answered_with_the_nearest_or_with_what_to_pass():
    assert did_you_mean("wnner", ["winner", "loss"], "pass one") == "did you mean winner?"
    assert (
        did_you_mean("ettf", ["etf", "et"], "pass one", {"etf": "simplex", "et": "simplex"}.get)
        == "did you mean simplex?"
    )
    assert did_you_mean("qqqq", ["winner"], "pass one") == "pass one"
