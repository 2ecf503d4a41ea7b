"""Curves made into numbers: the rows of each run become one line, by a rule that is stated beside the number.

In: rows with run_id, epoch and metrics. Out: a line for each run, the same columns.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import pandas as pd

GAIN = "gain_nmi_true"
"""NMI with the truth less the same run's at row 0: what training added."""

CLUSTERING = "seconds_clustering"
"""Seconds of PCA, whitening and k-means over all epochs of a run."""

CRITERIA: dict[str, Literal["lowest", "highest"]] = {
    "loss": "lowest",
    "pseudo_label_accuracy": "highest",
    "nmi_previous": "highest",
    "cluster_entropy": "highest",
    "feature_rank": "highest",
}
"""What may choose the best epoch, and which end of it is best; none of them looks at true labels."""


@dataclass(frozen=True)
class CurveRule:
    """How a curve becomes a number: its end, the mean of its `last` rows, or its value where `best` is best."""

    last: int = 1
    best: str | None = None

    def __str__(self) -> str:
        if self.best is not None:
            return f"at the {CRITERIA[self.best]} {self.best}"
        return "last row" if self.last == 1 else f"mean of the last {self.last} rows"


LAST_ROW = CurveRule()


def parse_curve_rule(text: str) -> CurveRule:
    """A rule from `final`, `mean:5` or `best:loss`; ValueError says what was expected."""
    word, _, argument = text.partition(":")
    if text == "final":
        return LAST_ROW
    if word == "mean" and argument.isdecimal() and int(argument) > 1:
        return CurveRule(last=int(argument))
    if word == "best" and argument in CRITERIA:
        return CurveRule(best=argument)
    raise ValueError(f"expected final, mean:N with N above 1, or best:COLUMN with one of {', '.join(CRITERIA)}")


def reduce_curves(rows: pd.DataFrame, rules: Mapping[str, CurveRule] | None = None) -> pd.DataFrame:
    """A line for each run: its last row, but metrics of `rules` by their rule; with GAIN and CLUSTERING.

    A mean of the last n rows is empty where the run has no n rows after row 0, the untrained network.
    """
    rows = rows.reset_index(drop=True)
    places = rows[["run_id", "epoch"]].sort_values(["run_id", "epoch"], kind="stable")  # a million whole rows are not
    last = _at(rows, places.groupby("run_id", sort=False).tail(1).index)
    told = {name: _by(rows.loc[places.index, _read(name, rule)], name, rule) for name, rule in (rules or {}).items()}
    untrained = rows.loc[rows["epoch"] == 0, ["run_id", "nmi_true"]].set_index("run_id")["nmi_true"]
    told[GAIN] = told.get("nmi_true", last["nmi_true"]) - untrained.reindex(last.index)
    stages = [name for name in ("seconds_pca", "seconds_whiten", "seconds_kmeans") if name in rows]
    if stages:
        told[CLUSTERING] = rows[stages].sum(axis=1, min_count=1).groupby(rows["run_id"]).sum(min_count=1)
    order = rows["run_id"].drop_duplicates()
    return last.assign(**told).reindex(order).rename_axis("run_id").reset_index()


def _read(name: str, rule: CurveRule) -> list[str]:
    """The columns that a rule looks at."""
    return list(dict.fromkeys(["run_id", "epoch", name, *([rule.best] if rule.best else [])]))


def _by(ordered: pd.DataFrame, name: str, rule: CurveRule) -> pd.Series:
    """The metric of each run by the rule, indexed by run."""
    trained = ordered[ordered["epoch"] > 0]
    if rule.best is not None:
        chosen = trained.dropna(subset=[rule.best]).groupby("run_id")[rule.best]
        return _at(ordered, chosen.idxmin() if CRITERIA[rule.best] == "lowest" else chosen.idxmax())[name]
    tails = trained.groupby("run_id", sort=False).tail(rule.last).groupby("run_id")[name]
    return tails.mean().where(tails.count() == rule.last)


def _at(ordered: pd.DataFrame, index: pd.Index | pd.Series) -> pd.DataFrame:
    """The rows at these labels, by run; a copy, so that new columns do not fragment it."""
    return ordered.loc[index].set_index("run_id").copy()


STAGE_LIBRARY = {"pca": "pca_backend", "whiten": "whiten_backend", "kmeans": "kmeans_backend"}
"""Stage -> field of the library that does it; other stages go by `backend`."""


def measure_stage_seconds(rows: pd.DataFrame, stage: str) -> pd.DataFrame:
    """Mean `seconds` of a stage per epoch in each run, over the epochs that have it, with `library` and `timing`."""
    library = STAGE_LIBRARY.get(stage, "backend")
    beside = ["run_id", "dataset", "arch", "timing"]
    named = rows[beside].assign(library=rows[library], seconds=rows[f"seconds_{stage}"])
    keys = ["run_id", "library", *beside[1:]]
    return named.groupby(keys, sort=False, observed=True)["seconds"].mean().dropna().reset_index()


def compute_filled_share(rows: pd.DataFrame) -> pd.Series:
    """Share of the k clusters that k-means itself filled in each row; those it left empty are refilled afterwards."""
    return 1 - rows["refilled_clusters"].astype(float) / rows["k"].astype(float)
