"""Which axis is what: samples and classes of logits as networks and as the theory have them."""

import numpy as np
import pytest

from optima import named
from optima.network.layout import laid_out

RNG = np.random.default_rng(0)
MEANS = named("pairs", 6).shape().astype(float) + 0.1 * RNG.standard_normal((6, 6))
LABELS = RNG.permutation(np.repeat(np.arange(6), [1, 2, 3, 4, 5, 6]))
SAMPLES = MEANS[:, LABELS].T


@pytest.mark.parametrize("convert", [np.asarray, np.transpose, lambda a: a.astype(np.float32), lambda a: a.tolist()])
def test_samples_with_labels_in_either_orientation(convert):
    found = laid_out(convert(SAMPLES), LABELS)
    np.testing.assert_allclose(found.means, MEANS, rtol=1e-5)
    np.testing.assert_array_equal(found.sizes, [1, 2, 3, 4, 5, 6])
    np.testing.assert_allclose(found.columns, np.repeat(MEANS, found.sizes, axis=1), rtol=1e-5)
    assert found.notes == ()


@pytest.mark.parametrize(
    "labels", [LABELS[:, None], LABELS[None], LABELS.astype(float), LABELS.astype(np.uint8), list(LABELS)]
)
def test_labels_in_other_shapes_and_types(labels):
    np.testing.assert_allclose(laid_out(SAMPLES, labels).means, MEANS)


def test_as_many_samples_as_classes_are_told_apart_by_what_is_right():
    labels = np.array([2, 0, 1, 4, 5, 3])
    for logits in (MEANS[:, labels], MEANS[:, labels].T):
        np.testing.assert_allclose(laid_out(logits, labels).means, MEANS)
    found = laid_out(MEANS.T, np.arange(6))
    np.testing.assert_allclose(found.means, MEANS)
    assert "rows were taken as samples" in found.notes[0]


def test_class_means_are_columns_unless_rows_alone_are_centred():
    found = laid_out(MEANS)
    np.testing.assert_array_equal(found.means, MEANS)
    assert "pass --transpose" in found.notes[0]
    np.testing.assert_array_equal(laid_out(MEANS, transpose=True).means, MEANS.T)
    centred = MEANS - MEANS.mean(axis=0)
    for logits in (centred, centred.T):
        np.testing.assert_allclose(laid_out(logits).means, centred)
    assert laid_out(MEANS + MEANS.T).notes == ()


def test_samples_without_labels_are_in_the_order_of_the_problem():
    ordered = np.repeat(MEANS, 5, axis=1)
    for logits in (ordered, ordered.T):
        found = laid_out(logits, None, [5] * 6)
        np.testing.assert_allclose(found.means, MEANS)
        assert "class by class" in found.notes[0]
    for sizes in (None, [4] * 6):
        with pytest.raises(ValueError, match="pass --labels"):
            laid_out(ordered, None, sizes)


@pytest.mark.parametrize(
    ("logits", "labels", "sentence"),
    [
        (np.where(np.eye(6) > 0, np.nan, MEANS), None, "logits contain 6 missing or infinite numbers"),
        (np.full((3, 3), np.inf), None, "logits contain 9 missing"),
        (MEANS + 0j, None, "type complex128; pass real numbers"),
        (np.array([["a"]]), None, "pass real numbers"),
        ([[1, 2], [3]], None, "logits have rows of different lengths"),
        (1e200 * MEANS, None, "logits contain numbers beyond 1e"),
        (SAMPLES, [[1], [2, 3]], "labels have rows of different lengths"),
        (MEANS[0], None, r"shape \(6,\); pass class means"),
        (MEANS[:1], None, "pass class means"),
        (SAMPLES, LABELS[:-1], "20 labels for logits of shape"),
        (SAMPLES, LABELS + 1, "subtract 1 from every label"),
        (SAMPLES[:, :5], LABELS, "labels run from 0 to 5, and logits of 5 classes"),
        (SAMPLES, LABELS - 1, "labels run from -1 to 4"),
        (SAMPLES, np.minimum(LABELS, 4), "class 5 of 6 has no sample"),
        (SAMPLES, LABELS + 0.5, "not all whole numbers"),
        (SAMPLES, np.where(LABELS == 0, np.nan, LABELS), "not all whole numbers"),
        (SAMPLES, np.eye(6)[LABELS], "one number for each sample"),
        (SAMPLES, ["a"] * 21, "pass the class of each sample"),
        (SAMPLES, [], "pass the class of each sample"),
    ],
)
def test_what_does_not_go_together_is_said_in_one_sentence(logits, labels, sentence):
    with pytest.raises(ValueError, match=sentence):
        laid_out(logits, labels)
