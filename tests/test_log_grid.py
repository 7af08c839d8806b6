"""Grids of lambda hit the round numbers on their way."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optima.cli import parse
from optima.model.log_grid import log_grid


@pytest.mark.parametrize("low", [-12, -7, -300, 0])
@pytest.mark.parametrize("decades", [1, 6, 11, 300])
@pytest.mark.parametrize("steps", [1, 2, 7])
def test_decades_are_exact(low, decades, steps):
    values = log_grid(float(f"1e{low}"), float(f"1e{low + decades}"), decades * steps + 1)
    assert values[::steps] == [float(f"1e{power}") for power in range(low, low + decades + 1)]


@pytest.mark.parametrize("factor", ["2", "5", "1.25", "9.75"])
def test_decades_of_any_round_number_are_exact(factor):
    values = log_grid(float(f"{factor}e-9"), float(f"{factor}e3"), 25)
    assert values[::2] == [float(f"{factor}e{power}") for power in range(-9, 4)]


@pytest.mark.parametrize(("low", "high", "steps"), [(-10, -6, 1), (-100, -50, 3), (-1000, 1000, 7), (3, 9, 2)])
def test_powers_of_two_are_exact(low, high, steps):
    values = log_grid(2.0**low, 2.0**high, (high - low) * steps + 1)
    assert values[::steps] == [2.0**power for power in range(low, high + 1)]


@given(st.floats(1e-300, 1e300), st.floats(1e-300, 1e300), st.integers(2, 300))
def test_grids_are_even_in_the_logarithm(one, other, count):
    low, high = sorted((one, other))
    values = log_grid(low, high, count)
    assert (len(values), values[0], values[-1]) == (count, low, high)
    assert values == sorted(values)
    assert {type(value) for value in values} == {float}
    np.testing.assert_allclose(
        np.log(values), np.linspace(math.log(low), math.log(high), count), rtol=1e-13, atol=1e-13
    )


def test_ends_and_numbers_of_numpy():
    assert log_grid(np.float64(1e-3), np.float64(1e-1), 3) == [1e-3, 1e-2, 1e-1]
    assert log_grid(0.1, 10, 1) == [0.1]
    assert log_grid(5e-324, 1e308, 2) == [5e-324, 1e308]


def test_the_command_line_reads_its_ranges_so():
    assert parse.reals("1e-7:1e-1:15", "regs")[7] == 1e-4
    assert parse.reals("1e-6:1e-1:11", "regs")[::2] == [1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1]
