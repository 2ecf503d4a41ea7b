"""How many epochs until a run's assignments stay what they are; censored where they never do.

In: rows with nmi_previous, the NMI of each assignment with the one before. Stability, not quality.
"""

from __future__ import annotations

import math

import pandas as pd
from scipy import stats

SETTLED_NMI = 0.9
"""NMI with the previous assignment from which on an assignment counts as unchanged, unless someone says else."""


def find_settling_epochs(rows: pd.DataFrame, level: float = SETTLED_NMI) -> pd.DataFrame:
    """A line for each run: `epochs_watched` until nmi_previous stays at or above the level, and if it `reached` that.

    Where it did not, they are those that it had (censored). An empty nmi_previous, a single cluster, does
    not count as stable. One last row above the level is no stay: it takes two.
    """
    watched = rows.loc[rows["epoch"] > 0, ["run_id", "epoch", "nmi_previous"]]  # of a million rows no more is copied
    watched = watched.sort_values(["run_id", "epoch"], kind="stable")
    last = watched.groupby("run_id", sort=False)["epoch"].max()
    restless = watched[~(watched["nmi_previous"] >= level)].groupby("run_id")["epoch"].max()
    since = restless.reindex(last.index).fillna(0) + 1
    reached = since < last
    told = pd.DataFrame({"epochs_watched": since.where(reached, last).astype(int), "reached": reached})
    return told.reset_index()


def estimate_unsettled_share(found: pd.DataFrame) -> pd.DataFrame:
    """Kaplan and Meier's share of runs that are not stable yet, by epoch: `epoch`, `share`, steps down after it."""
    if found.empty:
        return pd.DataFrame({"epoch": [0.0], "share": [1.0]})
    data = stats.CensoredData.right_censored(
        found["epochs_watched"].to_numpy(dtype=float), ~found["reached"].to_numpy(bool)
    )
    estimate = stats.ecdf(data).sf
    return pd.DataFrame({"epoch": [0.0, *estimate.quantiles], "share": [1.0, *estimate.probabilities]})


def median_settling_epoch(found: pd.DataFrame) -> float:
    """The epoch from which on half the runs are stable, by Kaplan and Meier; NaN when fewer ever are."""
    shares = estimate_unsettled_share(found)
    below = shares[shares["share"] <= 0.5]
    return float(below["epoch"].iloc[0]) if len(below) else math.nan
