"""Roots between two ends."""

import pytest

from optima.scales.newton import root_between


def test_a_root_between_ends():
    assert root_between(lambda x: x * x - 2, 1.0, 2.0, 0.0, xtol=1e-15) == pytest.approx(2**0.5, rel=1e-14)


def test_an_end_at_the_root_up_to_noise():
    # Seen as -1e-13 in an array and as +1e-13 alone: no bracket, and yet a root.
    assert root_between(lambda x: x - 1 + 1e-13, 1.0, 2.0, 1e-12) == 1.0


def test_no_root_is_made_up():
    with pytest.raises(ValueError, match="different signs"):
        root_between(lambda x: x + 1, 1.0, 2.0, 1e-12)
