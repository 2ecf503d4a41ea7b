"""The tables of a report, as frames: scores by cell, effects, baselines, audit, runs, stage times, ..."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from dcbench.analysis.results import Results, format_entry, select_first_repeats
from dcbench.analysis.statistics import cells, finals
from dcbench.analysis.statistics.effects import AXIS_VALUE_COLUMNS
from dcbench.analysis.summary import Analysis, name_baseline
from dcbench.audit.axes import Audit
from dcbench.core.columns import GAIN, RULERS, STAGES, list_metrics, name_gain
from dcbench.core.spec import format_value

FINAL_METRICS = list_metrics("finals")
BASELINE_METRICS = list_metrics("baselines")

BASELINE_KEYS = ["dataset", "input_channels", "arch", "level"]
MORE_BASELINE_KEYS = ("limit", "image_size", "width", "epochs", "augment", "precision")
"""Fields that separate the levels of the baselines' table where the matrix varies them."""

HEALTH_COLUMNS = ["health", "health_since", "health_why"]
RANK_COLUMNS = [
    "metric", "rule", "axis", "value", "mean_rank", "unit", "blocks", "left_out", "p", "critical_difference", "why_not",
]  # fmt: skip
AUDIT_COLUMNS = ["axis", "pairs", "acted", "outcome_differs", "random_numbers_common", "must_share", "verdict"]
PROBLEM_COLUMNS = ["check", "run", "told"]


def make_tables(analysis: Analysis, audit: Audit) -> dict[str, pd.DataFrame]:
    """Return all tables by name, with the varied fields as a matrix file has them."""
    results = analysis.results
    axes = list(analysis.axes)
    run_fields = [*axes, *results.seed_fields]
    final_metrics = keep_scored(FINAL_METRICS, analysis.all_finals)
    final = cells.summarise_cells(analysis.finals, analysis.planned, axes, final_metrics)
    final.insert(len(axes) + 2, "health", cells.tally_cells(analysis.planned, axes, "health"))
    all_runs = pd.concat([results.runs, results.baselines], ignore_index=True)
    audited = [
        (
            axis.name, axis.pairs, axis.acted, axis.outcome, axis.common if axis.must_share else None,
            ", ".join(axis.must_share) or "none due", axis.message,
        )
        for axis in audit.axes
    ]  # fmt: skip
    problems = [(failure.check, failure.run, failure.message) for failure in audit.failures]
    ranks = [
        (
            ranking.metric, analysis.describe_rule(ranking.metric), ranking.axis, format_value(value), rank,
            ranking.unit, ranking.blocks, ranking.left_out, ranking.p, ranking.critical, ranking.missing_reason,
        )
        for ranking in analysis.rankings
        for value, rank in ranking.ranks.items()
    ]  # fmt: skip
    tables = {
        "final": final,
        "effects": analysis.effects,
        "effects_by_dataset": analysis.effects_by_dataset,
        "interactions": analysis.interactions,
        "levels": analysis.levels,
        "ranks": pd.DataFrame(ranks, columns=RANK_COLUMNS),
        "rulers": analysis.gains,
        "over_pixels": analysis.over_pixels,
        "noise_floor": analysis.noise_floor,
        "stability": analysis.stability,
        "baselines": compare_baselines(results),
        "audit": pd.DataFrame(audited, columns=AUDIT_COLUMNS),
        "parity": results.parity,
        "problems": pd.DataFrame(problems, columns=PROBLEM_COLUMNS),
        "runs": results.runs[["run_id", "state", *run_fields, "seconds", "timing", *HEALTH_COLUMNS]].merge(
            analysis.all_finals[["run_id", *final_metrics]], on="run_id", how="left"
        ),
        "unfinished": all_runs.loc[
            all_runs["state"] != "done", ["run_id", "state", "kind", "reason", "last_lines", *run_fields]
        ],
        "stage_times": summarise_stage_times(results.rows),
    }

    # None is a value of such fields: as an empty cell it would pass for no value.
    written = [*axes, *AXIS_VALUE_COLUMNS]
    return {
        name: table.assign(**{column: table[column].map(format_entry) for column in written if column in table})
        for name, table in tables.items()
    }


def keep_scored(metrics: Iterable[str], runs: pd.DataFrame) -> list[str]:
    """Return the metrics without those of rulers that scored none of the runs, which are from before they existed."""
    names = {name for ruler in RULERS.values() for name in (ruler.column, name_gain(ruler.column))} - {"nmi_true", GAIN}
    return [name for name in metrics if name not in names or (name in runs and runs[name].notna().any())]


def compare_baselines(results: Results) -> pd.DataFrame:
    """Return what scores lie between: chance, pixels, the untrained network, supervised training; means over runs."""
    chance = results.chance.add_prefix("refit_").rename(columns={"refit_dataset": "dataset"}).assign(level="chance")
    keys = [*BASELINE_KEYS, *(name for name in MORE_BASELINE_KEYS if name in results.varied)]
    fields = [name for name in (*keys, *BASELINE_METRICS) if name in results.rows]
    start = select_first_repeats(results.rows[results.rows["epoch"] == 0])
    untrained = start[fields].assign(level="untrained network", health=None)
    baselines = results.baselines
    if not baselines.empty:
        done = baselines[baselines["state"] == "done"]
        baselines = done.assign(level=lambda frame: frame.apply(name_baseline, axis=1))
        # Pixels pass through no network, so they have neither an architecture nor health.
        baselines.loc[baselines["method"] == "pixels", ["arch", "health"]] = None
    levels = [frame for frame in (chance, baselines, untrained) if not frame.empty]
    if not levels:
        return pd.DataFrame(columns=[*BASELINE_KEYS, "runs", "health at the end", *BASELINE_METRICS])
    # Levels are in order of appearance, from chance upwards, and not of the alphabet.
    runs = pd.concat(levels, ignore_index=True).reindex(columns=[*keys, "health", *BASELINE_METRICS])
    metrics = keep_scored(BASELINE_METRICS, runs)
    runs["level"] = pd.Categorical(runs["level"], list(dict.fromkeys(["chance", *runs["level"]])))
    groups = runs.groupby(keys, sort=False, dropna=False, observed=True)
    table = groups[metrics].mean().reset_index()
    table.insert(len(keys), "runs", groups.size().to_numpy())
    health = [cells.count_values(group["health"]) for _, group in groups]
    table.insert(len(keys) + 1, "health at the end", health)
    return table.sort_values(["dataset", "level"], kind="stable").astype({"level": str})


def summarise_stage_times(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the seconds per epoch of each stage by library, dataset, architecture and timing, over runs."""
    tables = []
    for stage in STAGES:
        seconds = finals.measure_stage_seconds(rows, stage)
        groups = seconds.groupby(["library", "dataset", "arch", "timing"], sort=False)["seconds"]
        table = groups.agg(runs="size", mean="mean", low="min", high="max").reset_index()
        table.insert(0, "stage", stage)
        tables.append(table)
    return pd.concat(tables, ignore_index=True)
