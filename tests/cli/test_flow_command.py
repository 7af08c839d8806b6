"""``optima flow``."""

import json

import numpy as np
import pytest

from optima import DeepUFM, flow
from optima.dynamics.starts import character_start, gaussian_logits


def data_of(call, *options):
    code, out, err = call("flow", *options, "--json")
    assert (code, err) == (0, "")
    return json.loads(out)


def test_numbers_of_the_theory(call):
    data = data_of(call, "-K", "4", "-L", "2", "--start", "0.5,0.3,0.2", "--time", "25")
    assert data["zeta"][-1] == pytest.approx([8.005281144484, 7.246464208585, 4.235765958828], abs=1e-10)
    assert (data["kind"], data["ended"]) == ("characters", "time")
    data = data_of(call, "-K", "5", "-L", "2", "--start", "0.6,0.3", "--group", "5", "--time", "25")
    assert data["zeta"][-1] == pytest.approx([8.298404872974, 4.699478732629], abs=1e-10)


def test_the_command_is_the_library(call):
    problem = DeepUFM(3, 3, 0, samples=2, width=2)
    data = data_of(call, "-K", "3", "-L", "3", "-n", "2", "-d", "2", "--seed", "4", "--until", "30")
    run = flow(problem, gaussian_logits(problem, 0.01, 4), until={"margin": 30})
    assert data["margins"][-1] == run.margins[-1] == pytest.approx(30)
    assert np.array_equal(data["singular_values"], run.singular_values)
    data = data_of(
        call, "-K", "6", "-L", "2", "--start", "0.1", "--spread", "0.3", "--seed", "2", "--until", "loss=1e-4"
    )
    problem = DeepUFM(6, 2, 0)
    start, group = character_start(problem, 0.1, None, 0.3, 2)
    assert (start.size, group) == (3, (6,))
    assert data["zeta"][-1] == flow(problem, start, until={"loss": 1e-4}, group=group).zeta[-1].tolist()
    data = data_of(
        call, "-K", "3", "-L", "2", "-d", "5", "--gaussian", "factors", "--time", "10", "--tolerance", "1e-8"
    )
    assert data["kind"] == "factors"
    assert data_of(call, "-K", "3", "-L", "2", "--loss", "mse", "--start", "0.1")["ended"] == "rest"


def test_words_picture_and_heading(call, tmp_path):
    picture = tmp_path / "flow.png"
    given = ("-K", "3", "-L", "1", "--seed", "1", "--heading", "--plot", str(picture))
    code, out, err = call("flow", *given)
    assert (code, err) == (0, "")
    assert out.startswith("ended at the margin asked for: log10 t = ")
    assert "heading for: simplex, rank 2" in out
    assert picture.stat().st_size > 10_000
    assert call("flow", *given)[0] == 2


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--start", "1,2"), "pass 3, or one for all blocks of characters of Z_2 x Z_2"),
        (("--start", "1", "--scale", "2"), "one kind of start"),
        (("--spread", "1"), "pass --start too"),
        (("--until", "rank=2"), "margin"),
        (("--until", "soon"), "not a number"),
        (("--start", "0.1", "--group", "5"), "5 elements for 4 classes"),
    ],
)
def test_mistakes(call, options, words):
    code, out, err = call("flow", "-K", "4", "-L", "2", *options)
    assert (code, out) == (2, "")
    assert words in err
    assert err.count("\n") == 1


def test_gaussian_logits_have_the_rank_of_the_width():
    assert np.linalg.matrix_rank(gaussian_logits(DeepUFM(5, 2, 0, width=3), 1.0)) == 3
    assert np.std(gaussian_logits(DeepUFM(60, 2, 0), 0.5)) == pytest.approx(0.5, rel=0.05)


@pytest.mark.parametrize(
    "options",
    [
        ("-K", "20000", "-L", "2"),
        ("-K", "100000000000", "-L", "2", "--start", "1"),
        ("-K", "4", "-L", "2", "--gaussian", "factors", "--width", "20000"),
        ("-K", "4", "-L", "100000000000", "--gaussian", "factors"),
        ("-K", "4", "-L", "2", "-n", "100000000000"),
    ],
)
def test_a_flow_too_large_is_refused_in_one_sentence(call, options):
    code, out, err = call("flow", *options)
    assert (code, out) == (2, "")
    assert "are the limit; pass fewer classes or samples, or a smaller depth or width" in err
    assert err.count("\n") == 1
