"""Rows of `dcbench parity`, written in one line."""

from __future__ import annotations

from collections.abc import Sequence

from dcbench.parity.table import ParityRow


def make_row(
    stage: str, measure: str, first: str, second: str = "", k: int | None = None, values: Sequence[float] = ()
) -> ParityRow:
    """Return a row from positional values."""
    return ParityRow(stage=stage, measure=measure, backend_a=first, backend_b=second, k=k, values=tuple(values))
