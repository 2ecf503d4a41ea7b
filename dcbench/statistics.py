"""Frame to frame: the final row of each run, its gain over its own untrained network, and the spread over seeds.

Knows nothing of files or pictures.
"""

from __future__ import annotations

from typing import Any

import pandas as pd
from pandas.api.typing import DataFrameGroupBy

GAIN = "gain_nmi_true"
"""Final NMI with the truth less the same run's at row 0: what training added."""


def final(rows: pd.DataFrame) -> pd.DataFrame:
    """The last row of each run (the rule is: the end, never the best), with its gain over row 0."""
    ordered = rows.sort_values("epoch")
    last = ordered.groupby("run_id", sort=False).tail(1).set_index("run_id").copy()  # so many columns in one block
    untrained = ordered[ordered["epoch"] == 0].set_index("run_id")["nmi_true"]
    return last.assign(**{GAIN: last["nmi_true"] - untrained.reindex(last.index)}).reset_index()


def over_seeds(finals: pd.DataFrame, planned: pd.DataFrame, cell: list[str], metrics: list[str]) -> pd.DataFrame:
    """For each cell: seeds done and planned, then mean, lowest and highest of each metric over the seeds done.

    `planned` has a line for each planned run, so that a cell without a finished run still has its line, empty. A
    metric that one of the done runs lacks is empty, too: a mean over the others would pass for one over all.
    """
    wanted = _by_cell(planned, cell).size().rename("planned")
    groups = _by_cell(finals, cell)
    told = {"done": groups.size()}
    for metric in metrics:
        values = groups[metric].agg(["mean", "min", "max"])
        whole = groups[metric].count() == groups.size()
        told[metric], told[f"{metric}_low"], told[f"{metric}_high"] = (
            values[name].where(whole) for name in ("mean", "min", "max")
        )
    table = pd.DataFrame(told).reindex(wanted.index)
    table.insert(0, "planned", wanted)
    table["done"] = table["done"].fillna(0).astype(int)
    return table.reset_index() if cell else table.reset_index(drop=True)


def tally(runs: pd.DataFrame, cell: list[str], name: str) -> list[str]:
    """For each cell, in the order of `over_seeds`, how many runs have each value: `2 healthy, 1 collapsed`."""
    return [tallied(inside[name]) for _, inside in _by_cell(runs, cell)]


def tallied(values: pd.Series) -> str:
    """How often each value stands there, the most frequent first: `2 healthy, 1 collapsed`."""
    return ", ".join(f"{count} {value}" for value, count in values.value_counts().items())


def _by_cell(frame: pd.DataFrame, cell: list[str]) -> DataFrameGroupBy[Any, Any]:
    """The frame by cell; without a varied field it is all one cell."""
    return frame.groupby(cell or (lambda _: 0), sort=False, dropna=False)


STAGE_LIBRARY = {"pca": "pca_backend", "whiten": "whiten_backend", "kmeans": "kmeans_backend"}
"""Stage -> field of the library that does it; other stages go by `backend`."""


def stage_seconds(rows: pd.DataFrame, stage: str) -> pd.DataFrame:
    """Mean `seconds` of a stage per epoch in each run, over the epochs that have it, with `library` and `timing`."""
    library = STAGE_LIBRARY.get(stage, "backend")
    named = rows.assign(library=rows[library], seconds=rows[f"seconds_{stage}"])
    keys = ["run_id", "library", "dataset", "arch", "timing"]
    return named.groupby(keys, sort=False)["seconds"].mean().dropna().reset_index()


def common_epochs(rows: pd.DataFrame, metric: str) -> pd.Series:
    """Mean of a metric by epoch, only where every run of `rows` has a value: unequal sets are not averaged."""
    present = rows.dropna(subset=[metric])
    by_epoch = present.groupby("epoch")[metric].agg(["mean", "count"])
    return by_epoch.loc[by_epoch["count"] == rows["run_id"].nunique(), "mean"]
