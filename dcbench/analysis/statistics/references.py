"""What the scores of each value of an axis stand between: the baselines that belong to its cells.

In: a frame with a line for each planned run, one with a line for each finished baseline and its level, and which fields
matter to a level. Out: means over the baselines, for each value, dataset, level and metric.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import pandas as pd

COLUMNS = ["axis", "value", "dataset", "level", "metric", "mean", "runs"]
"""Of the table; axis None: all cells together."""


def references_table(
    runs: pd.DataFrame,
    baselines: pd.DataFrame,
    fields: Mapping[str, Sequence[str]],
    axes: Iterable[str],
    metrics: Sequence[str],
) -> pd.DataFrame:
    """A line for each metric of each level that has it; a baseline belongs to cells that it shares `fields` with."""
    parts = []
    for level, names in fields.items():
        keys = [f"key {name}" for name in names]
        mine, cells = _keyed(baselines[baselines["level"] == level], names), _keyed(runs, names)
        for axis in (None, *axes) if len(mine) else ():
            met = cells.assign(value=runs[axis].astype(object) if axis else None)[["value", *keys]].drop_duplicates()
            found = met.merge(mine, on=keys).drop_duplicates(["value", "run_id"])
            parts.append(_means(found, metrics).assign(axis=axis, level=level))
    return pd.concat(parts, ignore_index=True)[COLUMNS] if parts else pd.DataFrame(columns=COLUMNS)


def _means(found: pd.DataFrame, metrics: Sequence[str]) -> pd.DataFrame:
    """A line for each value, dataset and metric: `mean` over the `runs` that have it."""
    groups = found.groupby(["value", "dataset"], sort=False, dropna=False)[list(metrics)]
    told = pd.DataFrame({"mean": groups.mean().stack(), "runs": groups.count().stack()})
    told = told.rename_axis(["value", "dataset", "metric"]).dropna(subset="mean").reset_index()
    return told.assign(value=told["value"].astype(object).where(told["value"].notna(), None))


def _keyed(frame: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """With columns to merge on: text, since None and 1 make other columns than 1 and 2."""
    return frame.assign(**{f"key {name}": frame[name].astype(object).map(_text) for name in names})


def _text(value: object) -> str:
    return "" if value is None or value != value else f"{value:g}" if isinstance(value, int | float) else str(value)
