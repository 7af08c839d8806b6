"""Numbers, ranges and lists as they are typed: what is read, and that anything else gets one line."""

import math
from unittest import mock

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from optima.cli import parse

steady = settings(derandomize=True, deadline=None, max_examples=200)

# Text that looks like numbers and ranges more often than arbitrary text does.
digits = st.text("0123456789", max_size=25)
pieces = st.sampled_from([*":,.^*-+eE_ ", "**", "1e", "nan", "inf", "\n", "\t", "2", "10", "1e-3", "2^-10", "x", "٣"])
typed = st.lists(pieces | digits, max_size=8).map("".join)
texts = typed | st.text(max_size=12)
# A range longer than this is refused while the tests run, so that none of them fills the memory.
LONGEST = 1000


@pytest.fixture(autouse=True)
def short_ranges():
    with mock.patch.object(parse, "LONGEST", LONGEST):
        yield


def parsed(function, *arguments):
    """What a parser returns, or None where it refuses with one line."""
    try:
        return function(*arguments)
    except ValueError as error:
        message = str(error)
    assert len(message.splitlines()) == 1
    assert "; pass " in message
    return None


# Numbers


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0.001", 0.001),
        ("1e-3", 1e-3),
        ("1E3", 1e3),
        ("2^-10", 2**-10),
        ("2**-10", 2**-10),
        (" 2 ^ -10 ", 2**-10),
        ("10^0.5", math.sqrt(10)),
        ("1e1^-2", 0.01),
        ("-3", -3.0),
        (".5", 0.5),
        ("5", 5.0),
    ],
)
def test_a_number_is_read(text, value):
    assert parse.real(text) == pytest.approx(value, rel=1e-15)


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "x", "1,5", "1e", "^", "2^", "^2", "2^^3", "2^3^4", "2***3", "2*3", "1/3", "0x10", "0^-1"),
        *("10^400", "(-8)^0.5", "٣x", "1\n2", "--1"),
    ],
)
def test_what_is_no_number_is_refused(text):
    with pytest.raises(ValueError, match=r"not a (real )?number; pass one such as 0.001, 1e-3 or 2\^-10$") as caught:
        parse.real(text)
    assert len(str(caught.value).splitlines()) == 1


@steady
@given(base=st.floats(0.5, 20), exponent=st.floats(-50, 50))
def test_a_power_is_what_python_makes_of_it(base, exponent):
    for sign in ("^", "**"):
        assert parse.real(f"{base!r}{sign}{exponent!r}") == base**exponent


@pytest.mark.parametrize("text", ["-2^-10", "-2**-10", "-10^2"])
def test_the_minus_before_a_power_makes_it_negative(text):
    with pytest.raises(ValueError, match=r"; pass "):
        parse.positive_real(text, "reg")


@pytest.mark.parametrize("text", ["0", "-1", "-0.0", "nan", "inf", "-inf", "1e999", "1e-999", "2^-2000"])
def test_a_number_that_is_not_positive_and_finite_is_refused(text):
    with pytest.raises(ValueError, match=r"reg is .*; pass a positive finite number$"):
        parse.positive_real(text, "reg")


@steady
@given(st.floats(5e-324, 1.7976931348623157e308))
def test_a_positive_float_is_read_exactly(value):
    assert parse.positive_real(repr(value), "reg") == value


@steady
@given(texts)
@example("-1\n")
@example("nan\n")
@example("-1\u2028")
def test_any_text_is_a_positive_number_or_gets_one_line(text):
    value = parsed(parse.positive_real, text, "reg")
    assert value is None or (isinstance(value, float) and 0 < value < math.inf)


@steady
@given(texts)
def test_any_text_is_a_number_or_gets_one_line(text):
    value = parsed(parse.real, text)
    assert value is None or isinstance(value, float)


# Integers


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("7", [7]),
        ("2:5", [2, 3, 4, 5]),
        ("2:2", [2]),
        ("2:10:3", [2, 5, 8]),
        ("2:11:3", [2, 5, 8, 11]),
        ("2:5:100", [2]),
        ("4,10", [4, 10]),
        ("10,4", [10, 4]),
        ("8,2:4,3:9:3", [8, 2, 3, 4, 6, 9]),
        ("3,3,3", [3]),
        (" 2 : 4 , 7 ", [2, 3, 4, 7]),
        ("9007199254740992", [2**53]),
    ],
)
def test_integers_are_read(text, values):
    assert parse.integers(text, "classes", 2) == values


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("1", "classes is 1; pass an integer of at least 2"),
        ("-3", "classes is -3; pass an integer of at least 2"),
        ("1:5", "classes is 1; pass an integer of at least 2"),
        ("99999999999999999999", "classes is 99999999999999999999; pass an integer of at most 9007199254740992"),
        ("9" * 5000, r"classes is '9{70,}\.\.\.; pass an integer of at least 2"),
        ("4,x", "classes is 'x'; pass an integer of at least 2"),
        ("1e3", "classes is '1e3'; pass an integer of at least 2"),
        ("2.0", "classes is '2.0'; pass an integer of at least 2"),
        ("", "classes is ''; pass an integer of at least 2"),
        ("2:", "classes is ''; pass an integer of at least 2"),
        ("4,,5", "classes is ''; pass an integer of at least 2"),
        ("2:3:1:1", r"classes has the range '2:3:1:1'; pass a:b or a:b:step"),
        ("9:3", "classes has the reversed range '9:3'; pass 3:9 instead"),
        ("9:3:2", "classes has the reversed range '9:3:2'; pass 3:9"),
        ("2:1000000000000", "classes has the range .* of more than .* values; pass a larger step"),
        ("2:" + "9" * 30, "classes is 9{30}; pass an integer of at most 9007199254740992"),
    ],
)
def test_other_integers_are_refused(text, sentence):
    with pytest.raises(ValueError, match=sentence) as caught:
        parse.integers(text, "classes", 2)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("text", ["2:20:0", "2:20:-1", "2:20:x"])
def test_a_bad_step_is_called_a_step(text):
    with pytest.raises(ValueError, match=r"step.*; pass "):
        parse.integers(text, "classes", 2)


@steady
@given(low=st.integers(2, 500), length=st.integers(0, 300), step=st.integers(1, 40))
def test_ranges_are_inclusive(low, length, step):
    values = parse.integers(f"{low}:{low + length}:{step}", "classes", 2)
    assert values == [value for value in range(low, low + length + 1) if (value - low) % step == 0]


@pytest.mark.parametrize("text", ["1:800,801:1600", "1:600,1000:1600:2,2000:2600"])
def test_several_ranges_together_are_as_bounded_as_one(text):
    with pytest.raises(ValueError, match="of more than 1000 values"):
        parse.integers(text, "classes", 1)


@steady
@given(texts)
def test_any_text_is_integers_or_gets_one_line(text):
    values = parsed(parse.integers, text, "classes", 2)
    if values is not None:
        assert 1 <= len(values) <= LONGEST
        assert len(set(values)) == len(values)
        assert all(type(value) is int and value >= 2 for value in values)


# Real numbers


def test_a_range_of_real_numbers_is_spaced_in_logarithms():
    assert parse.reals("1e-6:1e-1:6", "regs") == pytest.approx([1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1], rel=1e-13)
    assert parse.reals("2^-10:2^-8:3", "regs") == pytest.approx([2**-10, 2**-9, 2**-8], rel=1e-13)
    assert parse.reals("1e-300:1e300:3", "regs") == pytest.approx([1e-300, 1, 1e300], rel=1e-12)


def test_real_numbers_and_ranges_may_be_mixed():
    assert parse.reals("3,1:4:2,3,2^-1", "regs") == [3, 1, 4, 0.5]
    assert parse.reals("1e-3", "regs") == [1e-3]
    assert parse.reals("0.1:10:1", "regs") == [0.1]


@steady
@given(low=st.floats(1e-300, 1e290), factor=st.floats(1.001, 1e10), count=st.integers(2, 50))
def test_a_range_of_real_numbers_ascends_from_one_end_to_the_other(low, factor, count):
    high = low * factor
    values = parse.reals(f"{low!r}:{high!r}:{count}", "regs")
    assert (values[0], values[-1], len(values)) == (low, high, count)
    assert np.all(np.diff(values) > 0)
    np.testing.assert_allclose(np.diff(np.log(values)), np.log(high / low) / (count - 1), rtol=1e-6, atol=1e-12)


@steady
@given(low=st.floats(1e-300, 1.7976931348623157e308), steps=st.integers(0, 3), count=st.integers(1, 9))
@example(low=3.0, steps=0, count=3)
@example(low=1.7976931348623157e308, steps=0, count=3)
def test_a_narrow_range_stays_between_its_ends(low, steps, count):
    high = low
    for _ in range(steps):
        high = min(math.nextafter(high, math.inf), 1.7976931348623157e308)
    values = parse.reals(f"{low!r}:{high!r}:{count}", "regs")
    assert all(low <= value <= high for value in values)
    assert values == sorted(set(values))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("0", "regs is 0; pass a positive finite number"),
        ("1e-3,-1", "regs is -1; pass a positive finite number"),
        ("nan", "regs is nan; pass a positive finite number"),
        ("1:inf:3", "regs is inf; pass a positive finite number"),
        ("x", "'x' is not a number; pass one such as"),
        ("", "'' is not a number; pass one such as"),
        ("1:2", "regs has the range '1:2'; pass lo:hi:count"),
        ("1:2:3:4", "regs has the range '1:2:3:4'; pass lo:hi:count"),
        ("1:2:0", "the count of regs is 0; pass an integer of at least 1"),
        ("1:2:2.5", "the count of regs is '2.5'; pass an integer of at least 1"),
        ("1e-1:1e-6:11", "regs has the reversed range '1e-1:1e-6:11'; pass 1e-6:1e-1:11 instead"),
        ("1:2:1000000000000", "regs has the range .* of more than .* values; pass a smaller count"),
    ],
)
def test_other_real_numbers_are_refused(text, sentence):
    with pytest.raises(ValueError, match=sentence) as caught:
        parse.reals(text, "regs")
    assert len(str(caught.value).splitlines()) == 1


def test_several_ranges_of_real_numbers_together_are_as_bounded_as_one():
    with pytest.raises(ValueError, match="of more than 1000 values"):
        parse.reals("1:2:800,3:4:800", "regs")


@steady
@given(texts)
@example("2\n:1\n:3")
def test_any_text_is_real_numbers_or_gets_one_line(text):
    values = parsed(parse.reals, text, "regs")
    if values is not None:
        assert 1 <= len(values) <= LONGEST
        assert len(set(values)) == len(values)
        assert all(type(value) is float and 0 < value < math.inf for value in values)


# Names


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (None, None),
        ("simplex", ["simplex"]),
        ("simplex,pairs", ["simplex", "pairs"]),
        (" simplex , simplex(8)+pairs(1) ,", ["simplex", "simplex(8)+pairs(1)"]),
        ("", []),
        (",", []),
    ],
)
def test_names_are_read(text, names):
    assert parse.names(text) == names


@steady
@given(texts)
def test_any_text_is_names_without_blanks_around_them(text):
    names = parse.names(text)
    assert all(name and name == name.strip() and "," not in name for name in names)
