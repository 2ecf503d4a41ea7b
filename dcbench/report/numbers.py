"""Format numbers for readers: with a true minus, a sign or a unit, and only as many digits as they deserve.

Where there is no number, the text is empty.
"""

from __future__ import annotations

import pandas as pd

from dcbench.core.columns import METRICS

MINUS = "\N{MINUS SIGN}"
TIMES = "\N{MULTIPLICATION SIGN}"


def format_number(value: float) -> str:
    """Return a score with three decimals, or a larger amount with one."""
    if pd.isna(value):
        return ""
    text = f"{value:.1f}" if abs(value) >= 10 else f"{value:.3f}"
    if not text.startswith("-"):
        return text
    # Rounding can leave -0.000, which is no negative number.
    return MINUS + text[1:] if text.strip("-0.") else text[1:]


def format_metric(metric: str, value: float) -> str:
    """Return a value of a metric: a difference with its sign, any other number without."""
    return format_difference(value) if METRICS[metric].is_difference else format_number(value)


def format_difference(value: float) -> str:
    """Return a difference like `format_number`, with a plus where it is positive."""
    text = format_number(value)
    return text if text.startswith(MINUS) or not text.strip("0.") else f"+{text}"


def format_ratio(value: float) -> str:
    """Return a ratio with at most three digits: `×0.27`, `×1.00`, `×12`."""
    if pd.isna(value):
        return ""
    if value < 0.1:
        return f"{TIMES}{value:.2g}"  # 0.0032 must not become 0.00
    return f"{TIMES}{value:.2f}" if value < 10 else f"{TIMES}{value:.0f}"


def format_percent(share: float) -> str:
    """Return a share as whole percents that no line break separates from their sign."""
    return f"{share:.0%}".replace("%", "\N{NO-BREAK SPACE}%")
