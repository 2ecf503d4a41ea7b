"""Reduce the curves of each run to numbers: its final metrics by a stated rule, and the seconds of its stages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pandas as pd

from dcbench.core.columns import CLUSTERING, COLUMNS, name_gain

CRITERIA = {name: column.best_epoch for name, column in COLUMNS.items() if column.best_epoch}
"""Columns that may choose the best epoch, and which end of them is best."""

STAGE_LIBRARY = {"pca": "pca_backend", "whiten": "whiten_backend", "kmeans": "kmeans_backend"}
"""Stage -> field that names its library; for other stages it is `backend`."""


@dataclass(frozen=True, kw_only=True)
class CurveRule:
    """How a curve becomes a number.

    Attributes:
        last: The number of last rows to average.
        best: The criterion that chooses the epoch instead, one of CRITERIA.
    """

    last: int = 1
    best: str | None = None

    def __str__(self) -> str:
        if self.best is not None:
            return f"at the {CRITERIA[self.best]} {self.best}"
        return "last row" if self.last == 1 else f"mean of the last {self.last} rows"

    def apply(self, rows: pd.DataFrame, metric: str) -> pd.Series:
        """Return the metric of each run by this rule, indexed by run; row 0, the untrained network, does not count.

        A mean of the last n rows is NaN for a run that has no n rows after row 0.
        """
        trained = rows[rows["epoch"] > 0]
        if self.best is not None:
            criterion = trained.dropna(subset=[self.best]).groupby("run_id")[self.best]
            labels = criterion.idxmin() if CRITERIA[self.best] == "lowest" else criterion.idxmax()
            return rows.loc[labels].set_index("run_id")[metric]
        tails = trained.groupby("run_id", sort=False).tail(self.last).groupby("run_id")[metric]
        return tails.mean().where(tails.count() == self.last)


LAST_ROW = CurveRule()


def parse_curve_rule(text: str) -> CurveRule:
    """Parse `final`, `mean:5` or `best:loss`; raise ValueError with what is accepted."""
    word, _, argument = text.partition(":")
    if text == "final":
        return LAST_ROW
    if word == "mean" and argument.isdecimal() and int(argument) > 1:
        return CurveRule(last=int(argument))
    if word == "best" and argument in CRITERIA:
        return CurveRule(best=argument)
    raise ValueError(f"expected final, mean:N with N above 1, or best:COLUMN with one of {', '.join(CRITERIA)}")


def reduce_curves(
    rows: pd.DataFrame, rules: Mapping[str, CurveRule] | None = None, gains: Iterable[str] = ("nmi_true",)
) -> pd.DataFrame:
    """Return a row for each run: its last row, the metrics of `rules` by their rule, and CLUSTERING.

    For each metric of `gains` there is a column of what training added to it.
    """
    rows = rows.reset_index(drop=True)
    # Only the keys are sorted: a sorted copy of a million rows of 56 columns would not fit beside the original.
    order = rows[["run_id", "epoch"]].sort_values(["run_id", "epoch"], kind="stable")
    last_rows = order.groupby("run_id", sort=False).tail(1).index
    # A copy in one block; adding columns to a selection would fragment it.
    finals = rows.loc[last_rows].set_index("run_id").copy()
    columns = {}
    for metric, rule in (rules or {}).items():
        used = dict.fromkeys(["run_id", "epoch", metric, *([rule.best] if rule.best else [])])
        columns[metric] = rule.apply(rows.loc[order.index, list(used)], metric)
    for metric in gains:
        untrained = rows.loc[rows["epoch"] == 0, ["run_id", metric]].set_index("run_id")[metric]
        columns[name_gain(metric)] = columns.get(metric, finals[metric]) - untrained.reindex(finals.index)
    stages = [name for name in ("seconds_pca", "seconds_whiten", "seconds_kmeans") if name in rows]
    if stages:
        # With min_count a run without any time has none, rather than 0 seconds.
        columns[CLUSTERING] = rows[stages].sum(axis=1, min_count=1).groupby(rows["run_id"]).sum(min_count=1)
    original_order = rows["run_id"].drop_duplicates()
    return finals.assign(**columns).reindex(original_order).rename_axis("run_id").reset_index()


def measure_stage_seconds(rows: pd.DataFrame, stage: str) -> pd.DataFrame:
    """Return the mean `seconds` of a stage in each run over the epochs that have it, its `library` and `timing`."""
    library = STAGE_LIBRARY.get(stage, "backend")
    fields = ["run_id", "dataset", "arch", "timing"]
    timed = rows[fields].assign(library=rows[library], seconds=rows[f"seconds_{stage}"])
    keys = ["run_id", "library", *fields[1:]]
    return timed.groupby(keys, sort=False, observed=True)["seconds"].mean().dropna().reset_index()


def compute_filled_share(rows: pd.DataFrame) -> pd.Series:
    """Return the share of the k clusters that k-means itself filled in each row; the others were refilled later."""
    return 1 - rows["refilled_clusters"].astype(float) / rows["k"].astype(float)
