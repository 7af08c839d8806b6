"""Structures by name: in either order of the arguments, and what is said where there is none."""

import re

import numpy as np
import pytest

from optima import best_scales, boundary, named, stationary_scales
from optima.structures import FAMILIES, catalogue


@pytest.mark.parametrize("classes", [4, 9, np.int64(16)])
def test_the_arguments_may_be_exchanged(classes):
    for structure in catalogue(int(classes)):
        assert named(structure.name, classes).name == named(classes, structure.name).name == structure.name


@pytest.mark.parametrize(
    ("name", "classes", "near"),
    [
        ("simplx", 5, "simplex"),
        ("pears", 10, "pairs"),
        ("pairs-free", 4, "3 or 5"),
        ("srg", 13, "srg-paley-13"),
        ("triangle", 7, "the activation relu"),
        ("srg-peterson", 10, "srg-petersen"),
        ("polygn", 1000, "polygon"),
        ("paris", 10**6, "pairs"),
    ],
)
def test_near_names_are_said(name, classes, near):
    with pytest.raises(
        ValueError, match=rf"^there is no structure '{name}' at {classes} classes; [^\n]*pass [^\n]*{near}"
    ):
        named(name, classes)


def test_near_names_are_structures():
    for family in FAMILIES:
        for classes in (4, 7, 13):
            try:
                named(family.name, classes)
            except ValueError as error:
                if family.members(classes):
                    near = str(error).split("pass one of ")[1].split(", ")
                    assert [named(name, classes).name for name in near] == near
                else:
                    other = str(error).split("pass ")[1].removesuffix(", or another name").split(" or ")
                    assert all(family.members(int(K)) for K in other)


def test_without_a_near_name_it_is_said_where_names_are_listed():
    with pytest.raises(ValueError, match=r"pass a name that catalogue\(7\) lists$"):
        named("qqqq", 7)


@pytest.mark.parametrize("arguments", [(4, 5), (None, 4), (["pairs"], 4)])
def test_what_is_no_name(arguments):
    with pytest.raises(TypeError, match=re.escape("pass a name and a number of classes, such as named('pairs', 10)")):
        named(*arguments)


@pytest.mark.parametrize("function", [best_scales, stationary_scales])
@pytest.mark.parametrize("given", ["pairs", 4, None])
def test_scales_need_a_number_of_classes(function, given):
    with pytest.raises(TypeError, match=rf"^structure is {given!r}; pass one [^\n]*named\('pairs', 10\)$"):
        function(given, 2, 1e-3)


def test_boundaries_take_names_and_structures_only():
    assert boundary(named("simplex", 5), "pairs", 5, 3).size == boundary("simplex", "pairs", 5, 3).size
    with pytest.raises(TypeError, match=r"^structure is 3; pass"):
        boundary("simplex", 3, 5, 3)
