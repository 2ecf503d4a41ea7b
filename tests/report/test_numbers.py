import math

import pytest

from dcbench.report.numbers import format_difference, format_number, format_percent, format_ratio


@pytest.mark.parametrize(
    ("value", "plain", "with_sign"),
    [
        (0.12345, "0.123", "+0.123"), (-0.12345, "−0.123", "−0.123"), (0.0, "0.000", "0.000"),
        (-0.0001, "0.000", "0.000"), (0.0004, "0.000", "0.000"), (12.34, "12.3", "+12.3"),
        (-1234.5, "−1234.5", "−1234.5"), (math.nan, "", ""),
    ],
)  # fmt: skip
def test_numbers_have_three_digits_a_minus_sign_and_no_signed_zero(value, plain, with_sign):
    assert (format_number(value), format_difference(value)) == (plain, with_sign)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.2651, "×0.27"), (1.0, "×1.00"), (12.34, "×12"), (0.00321, "×0.0032"), (math.nan, "")],
)
def test_ratios_have_two_significant_digits(value, text):
    assert format_ratio(value) == text


def test_percent_signs_follow_a_no_break_space():
    assert format_percent(0.4166) == "42\N{NO-BREAK SPACE}%"
