"""The tables of a report, as frames: finals by cell, baselines, audit, all runs, stage times, what did not finish."""

from __future__ import annotations

from typing import Any

import pandas as pd

from dcbench.analysis.results import Results
from dcbench.analysis.statistics import cells, stages
from dcbench.analysis.statistics.finals import GAIN
from dcbench.analysis.statistics.ranks import Ranking
from dcbench.analysis.summary import Analysis, baseline_level
from dcbench.audit.axes import Audit, AxisVerdict
from dcbench.core.columns import STAGES
from dcbench.core.spec import format_value

FINAL = (
    "nmi_true", GAIN, "cluster_accuracy", "ari_true", "test_refit_nmi_true", "test_refit_cluster_accuracy",
    "pseudo_label_accuracy", "nmi_previous", "largest_cluster_share", "feature_rank",
)  # fmt: skip
"""Metrics of the final table, in order."""

LEVELS = (
    "refit_nmi_true", "refit_cluster_accuracy", "test_refit_nmi_true", "test_refit_cluster_accuracy",
    "test_unwhitened_refit_nmi_true", "test_unwhitened_refit_cluster_accuracy", "test_head_accuracy",
)  # fmt: skip
"""Metrics of the baselines' table, in order; all with as many clusters as classes, so that they can be compared."""

HEALTH = ["health", "health_since", "health_why"]


def make(analysis: Analysis, audited: Audit) -> dict[str, pd.DataFrame]:
    """Table name -> frame, the varied fields as they are written in a matrix."""
    found, finals = analysis.results, analysis.finals
    axes = list(analysis.axes)
    final = cells.summary(finals, found.runs, axes, list(FINAL))
    final.insert(len(axes) + 2, "health", cells.tally(found.runs, axes, "health"))
    everything = pd.concat([found.runs, found.baselines], ignore_index=True)
    tables = {
        "final": final,
        "effects": analysis.effects,
        "interactions": analysis.interactions,
        "levels": analysis.levels,
        "ranks": _ranks(analysis),
        "stability": analysis.stability,
        "baselines": _levels(found),
        "audit": pd.DataFrame([_axis(axis) for axis in audited.axes], columns=AUDIT),
        "parity": found.parity,
        "problems": pd.DataFrame(
            [(failure.check, failure.run, failure.message) for failure in audited.failures], columns=PROBLEMS
        ),
        "runs": found.runs[["run_id", "state", *axes, "seed", "seconds", "timing", *HEALTH]].merge(
            finals[["run_id", *FINAL]], on="run_id", how="left"
        ),
        "unfinished": everything.loc[
            everything["state"] != "done", ["run_id", "state", "kind", "reason", "last_lines", *axes, "seed"]
        ],
        "stage_times": _stage_times(found.rows),
    }
    return {name: _written(table, axes) for name, table in tables.items()}


SWAPPED = ("before", "after", "with_before", "with_after")
"""Columns that hold values of fields in the tables of effects and interactions."""

RANKS = ["metric", "rule", "axis", "value", "mean_rank", "blocks", "left_out", "p", "critical_difference", "why_not"]


def _ranks(analysis: Analysis) -> pd.DataFrame:
    """A line for each value of each ranking."""
    lines = [
        [one.metric, analysis.rule(one.metric), one.axis, format_value(value), rank, *_test_of(one)]
        for one in analysis.rankings
        for value, rank in one.ranks.items()
    ]
    return pd.DataFrame(lines, columns=RANKS)


def _test_of(one: Ranking) -> list[Any]:
    return [one.blocks, one.left_out, one.p, one.critical, one.why_not]


AUDIT = ["axis", "pairs", "acted", "outcome_differs", "random_numbers_common", "must_share", "verdict"]
PROBLEMS = ["check", "run", "told"]


def _axis(axis: AxisVerdict) -> tuple[Any, ...]:
    must = ", ".join(axis.must_share) or "none due"
    common = axis.common if axis.must_share else None
    return (axis.name, axis.pairs, axis.acted, axis.outcome, common, must, axis.message)


LEVEL_KEYS = ["dataset", "input_channels", "arch", "level"]
LEVEL_AXES = ("limit", "image_size", "width", "epochs", "augment", "precision")
"""Fields that tell levels apart where the matrix varies them."""


def _levels(results: Results) -> pd.DataFrame:
    """What the scores stand between: chance, pixels, the untrained network, supervised training; means over seeds."""
    chance = results.chance.add_prefix("refit_").rename(columns={"refit_dataset": "dataset"}).assign(level="chance")
    keys = [*LEVEL_KEYS, *(name for name in LEVEL_AXES if name in results.axes)]
    fields = [name for name in (*keys, *LEVELS) if name in results.rows]
    untrained = results.rows.loc[results.rows["epoch"] == 0, fields].assign(level="untrained network", health=None)
    beside = results.baselines
    if not beside.empty:
        beside = beside[beside["state"] == "done"].assign(level=lambda frame: frame.apply(baseline_level, axis=1))
        beside.loc[beside["method"] == "pixels", ["arch", "health"]] = None
    parts = [frame for frame in (chance, beside, untrained) if not frame.empty]
    if not parts:
        return pd.DataFrame(columns=[*LEVEL_KEYS, "runs", "health at the end", *LEVELS])
    together = pd.concat(parts, ignore_index=True).reindex(columns=[*keys, "health", *LEVELS])
    order = pd.Categorical(together["level"], list(dict.fromkeys(["chance", *together["level"]])))
    groups = together.assign(level=order).groupby(keys, sort=False, dropna=False, observed=True)
    table = groups[list(LEVELS)].mean().reset_index()
    table.insert(len(keys), "runs", groups.size().to_numpy())
    told = [cells.tallied(inside["health"]) for _, inside in groups]
    table.insert(len(keys) + 1, "health at the end", told)
    return table.sort_values(["dataset", "level"], kind="stable").astype({"level": str})


def _written(table: pd.DataFrame, axes: list[str]) -> pd.DataFrame:
    """The table with none for None in varied fields and their values, where an empty cell would be no value."""
    return table.assign(**{name: table[name].map(_shown) for name in (*axes, *SWAPPED) if name in table})


def _shown(value: Any) -> str:
    return format_value(None if pd.isna(value) else value)


def _stage_times(rows: pd.DataFrame) -> pd.DataFrame:
    """Seconds per epoch of each stage by library, dataset, architecture and company: mean, lowest and highest run."""
    keys = ["library", "dataset", "arch", "timing"]
    told = []
    for stage in STAGES:
        groups = stages.stage_seconds(rows, stage).groupby(keys, sort=False)["seconds"]
        table = groups.agg(runs="size", mean="mean", low="min", high="max").reset_index()
        table.insert(0, "stage", stage)
        told.append(table)
    return pd.concat(told, ignore_index=True)
