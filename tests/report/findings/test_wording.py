import math

import pytest

from dcbench.report.findings.wording import count, duration, listed, number, share, signed, times


@pytest.mark.parametrize(
    ("value", "plain", "with_sign"),
    [
        (0.12345, "0.123", "+0.123"), (-0.12345, "−0.123", "−0.123"), (0.0, "0.000", "0.000"),
        (-0.0001, "0.000", "0.000"), (0.0004, "0.000", "0.000"), (12.34, "12.3", "+12.3"),
        (-1234.5, "−1234.5", "−1234.5"), (math.nan, "", ""),
    ],
)  # fmt: skip
def test_numbers_have_three_digits_a_true_minus_and_no_signed_zero(value, plain, with_sign):
    assert (number(value), signed(value)) == (plain, with_sign)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.2651, "×0.27"), (1.0, "×1.00"), (12.34, "×12"), (0.00321, "×0.0032"), (math.nan, "")],
)
def test_ratios_never_become_nothing(value, text):
    assert times(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0123, "0.0123 s"), (16.54, "16.5 s"), (119, "119 s"), (120, "2 min"), (7_100, "118 min"), (7_200, "2 h"),
     (172_799, "48 h"), (172_800, "2 days"), (8_640_000, "100 days")],
)  # fmt: skip
def test_durations_are_in_the_unit_that_fits(seconds, text):
    assert duration(seconds) == text


def test_words_around_numbers():
    assert [count(0, "run"), count(1, "run"), count(10_000, "run")] == ["0 runs", "1 run", "10\u202f000 runs"]
    assert [listed([]), listed(["a"]), listed(["a", "b"]), listed("abc")] == ["", "a", "a and b", "a, b and c"]
    assert share(0.4166) == "42\N{NO-BREAK SPACE}%"
