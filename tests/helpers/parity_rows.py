"""Rows of `dcbench parity` from positional values."""

from __future__ import annotations

from collections.abc import Sequence

from dcbench.parity.table import ParityRow


def make_row(
    stage: str, measure: str, first: str, second: str = "", k: int | None = None, values: Sequence[float] = ()
) -> ParityRow:
    """Return a row of the parity table."""
    return ParityRow(stage=stage, measure=measure, backend_a=first, backend_b=second, k=k, values=tuple(values))
