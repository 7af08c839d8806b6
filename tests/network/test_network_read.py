"""Files of networks: what is taken from them, and the one sentence for each that is not as it should be."""

import pickle

import numpy as np
import pytest

import optima
from optima.network.read import read_labels, read_network

LOGITS = np.random.default_rng(0).standard_normal((6, 3))
LABELS = np.array([0, 1, 2, 2, 1, 0])


def rows(separator=",", extra=()):
    return [separator.join([*(repr(float(v)) for v in row), *map(str, extra)]) for row in LOGITS]


def test_arrays_of_an_archive_are_known_by_their_names(tmp_path):
    np.savez(tmp_path / "all.npz", outputs=LOGITS.astype(np.float32), y=LABELS, features=LOGITS, W=LOGITS.T)
    found = read_network(tmp_path / "all.npz")
    assert sorted(found) == ["features", "labels", "logits", "weights"]
    np.testing.assert_allclose(found["logits"], LOGITS, rtol=1e-6)


def test_an_only_array_is_the_logits_whatever_its_name(tmp_path):
    np.savez(tmp_path / "one.npz", anything=LOGITS, labels=LABELS)
    assert read_network(tmp_path / "one.npz")["logits"].shape == (6, 3)
    np.save(tmp_path / "one.npy", LOGITS)
    np.testing.assert_array_equal(read_network(tmp_path / "one.npy")["logits"], LOGITS)


def test_several_unknown_names_are_listed_and_one_can_be_passed(tmp_path):
    np.savez(tmp_path / "two.npz", a=LOGITS, b=2 * LOGITS)
    with pytest.raises(ValueError, match="has the arrays 'a', 'b'; pass --array"):
        read_network(tmp_path / "two.npz")
    with pytest.raises(ValueError, match="no array 'c'; pass one of 'a', 'b'"):
        read_network(tmp_path / "two.npz", "c")
    np.testing.assert_array_equal(read_network(tmp_path / "two.npz", "b")["logits"], 2 * LOGITS)


def test_a_saved_solution_gives_its_best_logits(tmp_path):
    solution = optima.solve(optima.DeepUFM(4, 1, 1e-3))
    solution.save(tmp_path / "s.npz")
    np.testing.assert_array_equal(read_network(tmp_path / "s.npz")["logits"], solution.means)


@pytest.mark.parametrize("separator", [",", ";", "\t", " ", ", "])
def test_text_without_a_header(tmp_path, separator):
    (tmp_path / "x.csv").write_text("# made by hand\n" + "\n".join(rows(separator)) + "\n\n")
    np.testing.assert_array_equal(read_network(tmp_path / "x.csv")["logits"], LOGITS)


@pytest.mark.parametrize("header", ["cat,dog,owl", "0,1,2", '"a b","c","d"', "﻿a,b,c"])
def test_text_with_a_header(tmp_path, header):
    (tmp_path / "x.csv").write_text("\n".join([header, *rows()]))
    np.testing.assert_array_equal(read_network(tmp_path / "x.csv")["logits"], LOGITS)


@pytest.mark.parametrize("header", [",0,1,2,label", "index,a,b,c,Target", "id,0,1,2,y"])
def test_columns_that_count_are_left_out_and_labels_found(tmp_path, header):
    lines = [f"{i},{row},{label}" for i, (row, label) in enumerate(zip(rows(), LABELS, strict=True))]
    (tmp_path / "x.csv").write_text("\n".join([header, *lines]))
    found = read_network(tmp_path / "x.csv")
    np.testing.assert_array_equal(found["logits"], LOGITS)
    np.testing.assert_array_equal(found["labels"].ravel(), LABELS)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "it is empty"),
        ("1,2\n3", "line 2 has 1 fields and the first one 2"),
        ("1,2\n3,four", "line 2 has the field 'four', which is no number"),
        ("1.5,x\n3,4", "line 1 has the field 'x', which is no number"),
        ("a,b", "there are no numbers"),
        ("label,y\n1,2", "two of its columns"),
    ],
)
def test_text_that_is_not_numbers(tmp_path, text, sentence):
    (tmp_path / "x.csv").write_text(text)
    with pytest.raises(ValueError, match=sentence):
        read_network(tmp_path / "x.csv")


def test_labels_of_any_file(tmp_path):
    np.save(tmp_path / "y.npy", LABELS)
    np.savez(tmp_path / "y.npz", labels=LABELS, other=LOGITS)
    np.savez(tmp_path / "only.npz", anything=LABELS)
    (tmp_path / "y.txt").write_text("\n".join(map(str, LABELS)))
    (tmp_path / "line.txt").write_text(" ".join(map(str, LABELS)))
    (tmp_path / "y.csv").write_text("\n".join([",label", *(f"{i},{y}" for i, y in enumerate(LABELS))]))
    (tmp_path / "series.csv").write_text("\n".join([",0", *(f"{i},{y}" for i, y in enumerate(LABELS))]))
    for name in ("y.npy", "y.npz", "only.npz", "y.txt", "line.txt", "y.csv", "series.csv"):
        np.testing.assert_array_equal(np.ravel(read_labels(tmp_path / name)), LABELS, err_msg=name)
    np.savez(tmp_path / "none.npz", a=LOGITS, b=LOGITS)
    with pytest.raises(ValueError, match="call the one with the labels 'labels'"):
        read_labels(tmp_path / "none.npz")


class Runs:
    """Writes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.mark.parametrize("name", ["x.npz", "x.npy", "x.pt", "x.pth", "x.safetensors", "x.csv"])
def test_nothing_in_a_file_runs(tmp_path, name):
    (tmp_path / name).write_bytes(pickle.dumps(Runs(tmp_path / "ran")))
    with pytest.raises(ValueError, match=r"cannot be read as|needs"):
        read_network(tmp_path / name)
    assert not (tmp_path / "ran").exists()


def test_objects_in_numpy_files_are_refused(tmp_path):
    np.save(tmp_path / "x.npy", np.array([Runs(tmp_path / "ran")]), allow_pickle=True)
    np.savez(tmp_path / "x.npz", logits=np.array([Runs(tmp_path / "ran")]))
    for name in ("x.npy", "x.npz"):
        (tmp_path / "ran").unlink(missing_ok=True)
        with pytest.raises(ValueError, match="cannot be read as"):
            read_network(tmp_path / name)
        assert not (tmp_path / "ran").exists()


def test_a_small_file_that_claims_a_huge_array_is_refused(tmp_path):
    with open(tmp_path / "x.npy", "wb") as stream:
        np.lib.format.write_array_header_1_0(stream, {"descr": "<f8", "fortran_order": False, "shape": (10**7, 10**7)})
    with pytest.raises(ValueError, match="cannot be read as npy"):
        read_network(tmp_path / "x.npy")


def test_other_endings_and_empty_archives(tmp_path):
    (tmp_path / "x.pkl").write_bytes(b"")
    with pytest.raises(ValueError, match=r"ending '\.pkl'; pass a file that ends in one of \.npz"):
        read_network(tmp_path / "x.pkl")
    np.savez(tmp_path / "x.npz")
    with pytest.raises(ValueError, match="has no arrays"):
        read_network(tmp_path / "x.npz")
    (tmp_path / "x.npy").mkdir()
    with pytest.raises(ValueError, match="is not a file"):
        read_network(tmp_path / "x.npy")


@pytest.mark.parametrize(
    ("name", "module", "extra"), [("x.pt", "torch", "torch"), ("x.safetensors", "safetensors", "networks")]
)
def test_a_missing_library_is_named_with_its_extra(tmp_path, monkeypatch, name, module, extra):
    (tmp_path / name).write_bytes(b"x")
    for part in (module, "safetensors.numpy"):
        monkeypatch.setitem(__import__("sys").modules, part, None)
    with pytest.raises(ValueError, match=rf"not installed; run pip install 'optima-ufm\[{extra}\]'"):
        read_network(tmp_path / name)


@pytest.mark.needs("torch")
def test_tensors_of_nested_dictionaries(tmp_path):
    import torch

    values = {"logits": torch.tensor(LOGITS, dtype=torch.bfloat16), "labels": torch.tensor(LABELS), "epoch": 3}
    torch.save(values, tmp_path / "x.pt")
    found = read_network(tmp_path / "x.pt")
    np.testing.assert_allclose(found["logits"], LOGITS, atol=0.02)
    np.testing.assert_array_equal(found["labels"], LABELS)
    torch.save(torch.tensor(LOGITS), tmp_path / "y.pth")
    np.testing.assert_array_equal(read_network(tmp_path / "y.pth")["logits"], LOGITS)
    torch.save({"net": {"a": torch.tensor(LOGITS), "b": torch.ones(2)}}, tmp_path / "z.pt")
    with pytest.raises(ValueError, match=r"'net\.a', 'net\.b'"):
        read_network(tmp_path / "z.pt")


@pytest.mark.needs("safetensors")
def test_safetensors(tmp_path):
    from safetensors.numpy import save_file

    save_file({"logits": LOGITS, "labels": LABELS}, tmp_path / "x.safetensors")
    np.testing.assert_array_equal(read_network(tmp_path / "x.safetensors")["logits"], LOGITS)
