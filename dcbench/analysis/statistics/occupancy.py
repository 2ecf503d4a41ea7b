"""How full the clusters are, and how many runs ended in which state."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd


def filled_share(rows: pd.DataFrame) -> pd.Series:
    """Share of the k clusters that k-means itself filled in each row; those it left empty are refilled afterwards."""
    return 1 - rows["refilled_clusters"].astype(float) / rows["k"].astype(float)


def ended(states: pd.Series, order: Sequence[str]) -> list[int]:
    """How many runs ended in each of these states, and how many in none of them."""
    told = [int((states == state).sum()) for state in order]
    return [*told, len(states) - sum(told)]
