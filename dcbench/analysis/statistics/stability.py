"""Find how many epochs a run takes until its assignments stay as they are; censored when they never do.

In: rows with nmi_previous, the NMI of each assignment with the one before. Out: epochs of each run, and the share of
runs that are not stable yet, by epoch. Stability is not quality.
"""

from __future__ import annotations

import math

import pandas as pd
from scipy import stats

SETTLED_NMI = 0.9
"""NMI with the previous assignment from which on an assignment counts as unchanged."""


def find_settling_epochs(rows: pd.DataFrame, level: float = SETTLED_NMI) -> pd.DataFrame:
    """Return for each run the epoch from which on nmi_previous stays at or above the level.

    `reached` is whether it does; if not, `epochs_watched` is the last epoch (right-censored). An empty nmi_previous,
    which means a single cluster, does not count as stable.
    """
    # Three of 56 columns: a copy of a million whole rows would not fit into memory.
    curves = rows.loc[rows["epoch"] > 0, ["run_id", "epoch", "nmi_previous"]]
    curves = curves.sort_values(["run_id", "epoch"], kind="stable")
    last = curves.groupby("run_id", sort=False)["epoch"].max()
    last_unstable = curves[~(curves["nmi_previous"] >= level)].groupby("run_id")["epoch"].max()
    since = last_unstable.reindex(last.index).fillna(0) + 1
    # A single last row above the level is not enough: nothing has stayed yet.
    reached = since < last
    table = pd.DataFrame({"epochs_watched": since.where(reached, last).astype(int), "reached": reached})
    return table.reset_index()


def estimate_unsettled_share(settling: pd.DataFrame) -> pd.DataFrame:
    """Return the share of runs that are not stable yet, by epoch: `epoch` and `share`, which steps down after it.

    The estimator for censored times of Kaplan and Meier (1958): runs that end without settling count as unsettled up to
    their last epoch only.
    """
    if settling.empty:
        return pd.DataFrame({"epoch": [0.0], "share": [1.0]})
    times, reached = settling["epochs_watched"].to_numpy(dtype=float), settling["reached"].to_numpy(bool)
    survival = stats.ecdf(stats.CensoredData.right_censored(times, ~reached)).sf
    return pd.DataFrame({"epoch": [0.0, *survival.quantiles], "share": [1.0, *survival.probabilities]})


def median_settling_epoch(settling: pd.DataFrame) -> float:
    """Return the epoch by which half of the runs are stable, by Kaplan and Meier; NaN if fewer ever are."""
    shares = estimate_unsettled_share(settling)
    settled = shares[shares["share"] <= 0.5]
    return float(settled["epoch"].iloc[0]) if len(settled) else math.nan
