"""What a solution says of itself, in print, in JSON, in files and in pictures."""

import dataclasses
import json

import numpy as np
import pytest
from matplotlib.figure import Figure

from optima import DeepUFM, Reduction, Solution, solve

PROBLEMS = {
    "rank 0": DeepUFM(4, 3, 1.0),
    "rank 1": DeepUFM(2, 2, 1e-3),
    "rank 2": DeepUFM(5, 20, 1e-4),
    "rank 3": DeepUFM(6, 2, 1e-3, 2),
    "rank 4": DeepUFM(5, 1, 1e-3),
    "imbalanced": DeepUFM(3, 2, (1e-3, 1e-3, 1e-2), (1, 2, 3)),
    "squared error": DeepUFM(4, 2, 1e-3, 1, 3, "mse"),
}


@pytest.fixture(scope="module", params=PROBLEMS.values(), ids=PROBLEMS)
def solution(request):
    return solve(request.param, effort="quick")


def test_numbers_are_those_of_the_reduced_problem(solution):
    reduction = Reduction(solution.problem)
    assert solution.loss == pytest.approx(reduction.value(solution.means), rel=1e-14)
    assert solution.loss == solution.fit + solution.penalty
    assert solution.rank == len(solution.singular_values)
    assert solution.problem.objective(solution.factors()) == pytest.approx(solution.loss, rel=1e-12)


def test_margin_is_the_least_lead_over_a_rival(solution):
    M, K = solution.means, solution.problem.classes
    assert solution.margin == min(M[c, c] - M[j, c] for c in range(K) for j in range(K) if j != c)


def test_print(solution):
    first, *_ = head = str(solution).splitlines()[:3]
    lines = str(solution).splitlines()[4:]
    assert first.startswith("best minimum known: ")
    assert f"{solution.loss:.12g}" in first
    assert "deep neural collapse" in head[1]
    assert "proved" in head[2]
    labels = ["problem", "loss", "structure", "rank", "margin", "known by", "bound", "time"]
    assert all(line.startswith(label) for line, label in zip(lines, labels, strict=False))
    assert solution.recognition.description in lines[2]
    assert solution.known_by in lines[5]
    assert solution.structure in solution._repr_html_()


def test_json(solution):
    data = json.loads(json.dumps(solution.as_dict(), allow_nan=False))
    assert data["loss"] == solution.loss
    assert data["rank"] == solution.rank
    assert "logits" not in data
    full = json.loads(json.dumps(solution.as_dict(logits=True), allow_nan=False))
    np.testing.assert_array_equal(full.pop("logits"), solution.means)
    assert full == data


def test_save_and_load(solution, tmp_path):
    path = tmp_path / "solution.npz"
    solution.save(path)
    loaded = Solution.load(path)
    assert loaded == solution
    assert hash(loaded) == hash(solution)
    assert dataclasses.replace(loaded, means=loaded.means + 1e-12) != solution
    assert loaded.recognition.nearest == solution.recognition.nearest
    names = [[minimum.structure for rung in s.ladder for minimum in rung.minima] for s in (solution, loaded)]
    assert names[0] == names[1]
    assert str(loaded) == str(solution)
    assert loaded.as_dict(logits=True) == solution.as_dict(logits=True)


def test_plot(solution, tmp_path):
    path = tmp_path / "solution.png"
    figure = solution.plot(path)
    assert isinstance(figure, Figure)
    assert path.read_bytes().startswith(b"\x89PNG")
    # Heat map and colour bar, and the code itself where it can be drawn.
    assert len(figure.axes) == (3 if solution.rank in (2, 3) else 2)
    assert str(solution.problem.classes) in figure.get_suptitle()


@pytest.mark.parametrize("content", [b"", b"text", b"PK\x03\x04 broken"])
def test_foreign_files_are_refused(content, tmp_path):
    path = tmp_path / "file.npz"
    path.write_bytes(content)
    assert_refused(path)


def test_foreign_arrays_are_refused(tmp_path):
    path = tmp_path / "file.npz"
    np.savez(path, means=np.eye(3))
    assert_refused(path)
    np.savez(path, means=np.eye(3)[None], text=np.array('{"format": "another"}'))
    assert_refused(path)


def test_files_without_their_fields_are_refused(tmp_path):
    path = tmp_path / "file.npz"
    np.savez(path, means=np.eye(3)[None], text=np.array('{"format": "optima solution 1"}'))
    assert_refused(path)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
def test_truncated_files_are_refused(solution, share, tmp_path):
    path = tmp_path / "file.npz"
    solution.save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    assert_refused(path)


def test_a_missing_file_is_told_as_such(tmp_path):
    with pytest.raises(FileNotFoundError):
        Solution.load(tmp_path / "missing.npz")


def assert_refused(path):
    with pytest.raises(ValueError, match=r"not a solution file; pass") as caught:
        Solution.load(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("sizes", [(100, 100, 10, 10), (50, 20, 5, 1), (1000, 1000, 1000, 1)])
def test_rank_and_name_follow_one_rule(sizes):
    """Where a singular value is on its way to zero it counted for the rank, and not for the name beside it."""
    for reg in np.geomspace(5e-2, 5e-3, 25):
        found = solve(DeepUFM(4, 1, float(reg), sizes), effort="quick")
        # A logit of 1e-4 is not zero for the rank either.
        assert f"(rank {found.rank}," in found.recognition.description or not found.rank, (
            reg,
            found.recognition,
            found.singular_values,
        )
        assert found.as_dict()["rank"] == found.rank
        assert all(rung.rank == found.rank for rung in found.ladder)
