"""The tables of a report, as frames: finals by cell, all runs, stage times, and what did not finish."""

from __future__ import annotations

from typing import Any

import pandas as pd

from dcbench import statistics
from dcbench.columns import STAGES
from dcbench.results import Results
from dcbench.spec import shown

FINAL = (
    "nmi_true", statistics.GAIN, "cluster_accuracy", "ari_true", "pseudo_label_accuracy", "nmi_previous",
    "largest_cluster_share", "feature_rank",
)  # fmt: skip
"""Metrics of the final table, in order."""


def make(found: Results) -> dict[str, pd.DataFrame]:
    """Table name -> frame, the varied fields as they are written in a matrix."""
    finals = statistics.final(found.rows)
    axes = list(found.axes)
    tables = {
        "final": statistics.over_seeds(finals, found.runs, axes, list(FINAL)),
        "runs": found.runs[["run_id", "state", *axes, "seed", "seconds"]].merge(
            finals[["run_id", *FINAL]], on="run_id", how="left"
        ),
        "unfinished": found.runs.loc[
            found.runs["state"] != "done", ["run_id", "state", "kind", "reason", *axes, "seed"]
        ],
        "rows": found.rows,
        "stage_times": _stage_times(found.rows),
    }
    return {name: _written(table, axes) for name, table in tables.items()}


def _written(table: pd.DataFrame, axes: list[str]) -> pd.DataFrame:
    """The table with none for None in the varied fields, where an empty cell would be no value."""
    return table.assign(**{name: table[name].map(_shown) for name in axes if name in table})


def _shown(value: Any) -> str:
    return shown(None if pd.isna(value) else value)


def _stage_times(rows: pd.DataFrame) -> pd.DataFrame:
    """Seconds per epoch of each stage by library, dataset and architecture: mean, lowest and highest run."""
    keys = ["library", "dataset", "arch"]
    told = []
    for stage in STAGES:
        groups = statistics.stage_seconds(rows, stage).groupby(keys, sort=False)["seconds"]
        table = groups.agg(runs="size", mean="mean", low="min", high="max").reset_index()
        table.insert(0, "stage", stage)
        told.append(table)
    return pd.concat(told, ignore_index=True)
