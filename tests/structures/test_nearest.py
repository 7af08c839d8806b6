"""The nearest structures: what a network with noise is near to, when nothing is within the tolerance."""

import pickle

import numpy as np
import pytest

from optima import catalogue, named, recognise
from optima.structures.recognition.exchange import exchanged
from optima.structures.recognition.nearest import Near


def noisy(means, size, rng):
    order = rng.permutation(len(means))
    noise = rng.standard_normal(means.shape)
    return means[np.ix_(order, order)] + size * np.linalg.norm(means) / np.linalg.norm(noise) * noise


def same(name, structure):
    found = named(name, structure.classes)
    return name == structure.name or (found is not None and found.fingerprint == structure.fingerprint)


@pytest.mark.parametrize("noise", [0.02, 0.04, 0.1])
def test_noise_on_pairs_says_pairs(noise):
    found = recognise(noisy(named("pairs", 10).shape(), noise, np.random.default_rng(5)))
    assert found.nearest[0].name == "pairs"
    assert 0.8 * noise < found.nearest[0].distance <= noise
    assert str(found).startswith("pairs (" if found.named else "unnamed (nearest: pairs, distance 0.")


@pytest.mark.parametrize("loss", ["ce", "mse"])
@pytest.mark.parametrize("classes", [6, 7, 8, 10, 12, 13, 16])
@pytest.mark.parametrize("noise", [0.0, 0.04, 0.1])
def test_every_structure_is_the_nearest_to_itself_with_noise(classes, noise, loss):
    for number, structure in enumerate(catalogue(classes, loss=loss)[1:]):
        means = noisy(structure.shape([0.8, 1.4][: len(structure.blocks())]), noise, np.random.default_rng(number))
        nearest = recognise(means, loss=loss).nearest
        assert same(nearest[0].name, structure), (structure, nearest)
        assert nearest[0].distance <= noise + 1e-9
        assert [near.distance for near in nearest] == sorted(near.distance for near in nearest)
        assert len({near.name for near in nearest}) == len(nearest)


@pytest.mark.parametrize("name", ["simplex", "pairs", "polygon", "simplex(40)+pairs(30)", "srg-rook-10"])
def test_a_hundred_classes_with_noise(name):
    found = recognise(noisy(named(name, 100).shape(), 0.1, np.random.default_rng(0)))
    assert found.nearest[0].name == name


@pytest.mark.parametrize("name", ["pairs", "simplex(980)+pairs(10)"])
def test_a_thousand_classes_with_noise(name):
    found = recognise(noisy(named(name, 1000).shape(), 0.05, np.random.default_rng(0)))
    assert found.nearest[0].name == name


def test_polyhedra_with_free_heights_are_found_beyond_the_tolerance():
    turn = 2 * np.pi * np.arange(4) / 4
    ring = lambda t, z: np.column_stack([np.cos(turn + t), np.sin(turn + t), np.full(4, z)])
    points = np.vstack([ring(0, 0.6), ring(np.pi / 4, -0.6)])
    found = recognise(noisy(points @ points.T, 0.06, np.random.default_rng(2)))
    assert not found.named
    assert found.nearest[0].name == "square-antiprism"


def test_direct_sums_are_found_beyond_the_tolerance():
    means = np.zeros((9, 9))
    means[:5, :5], means[5:, 5:] = named("polygon", 5).shape(), named("pairs", 4).shape()
    assert recognise(noisy(means, 0.05, np.random.default_rng(0))).nearest[0].name == "polygon(5)+pairs(2)"


def test_there_always_is_a_nearest_one():
    assert recognise(-named("simplex", 3).shape()).nearest == (Near("zero", 1.0),)
    assert recognise(np.zeros((3, 3))).nearest == (Near("zero", 0.0),)
    assert recognise(np.random.default_rng(0).standard_normal((2, 2))).nearest
    for classes in (150, 310):
        assert recognise(np.random.default_rng(0).standard_normal((classes, classes))).nearest[0].distance < 1


def test_what_has_the_name_comes_first():
    found = recognise(named("pairs-free", 9).shape([1, 1.05]))
    assert (found.name, found.nearest[0].name) == ("pairs-free", "pairs-free")
    assert found.nearest[0].distance == found.distance


def test_a_recognition_that_came_from_elsewhere_has_its_nearest_too():
    found = recognise(noisy(named("pairs", 6).shape(), 0.1, np.random.default_rng(0)))
    assert pickle.loads(pickle.dumps(found)).nearest == found.nearest
    assert recognise(named("pairs", 6).shape()) == recognise(2 * named("pairs", 6).shape())


def test_no_exchange_of_two_classes_is_left():
    rng = np.random.default_rng(0)
    means, shape = rng.standard_normal((2, 9, 9))
    order = exchanged(means, shape + shape.T, np.arange(9))
    value = lambda u: np.sum(means[np.ix_(u, u)] * (shape + shape.T))
    for i in range(9):
        for j in range(i):
            swapped = order.copy()
            swapped[[i, j]] = swapped[[j, i]]
            assert value(swapped) <= value(order) + 1e-9
