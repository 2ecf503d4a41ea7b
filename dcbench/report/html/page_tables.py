"""The tables of the page: frames as labelled text, with units and only as many digits as a number deserves.

The template escapes the cells.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from dcbench.analysis.statistics.effects import Outcome
from dcbench.analysis.summary import Analysis, name_baseline
from dcbench.audit.health import HEALTH_STATES
from dcbench.core.columns import COLUMNS, METRICS, RULERS, list_metrics
from dcbench.core.spec import format_value
from dcbench.core.text import plural
from dcbench.parity.table import MEASURES, PARITY_STAGES
from dcbench.report.numbers import TIMES, format_difference, format_metric, format_number, format_percent, format_ratio
from dcbench.report.tables import BASELINE_KEYS, FINAL_METRICS, keep_scored

LABELS = {name: column.axis_label for name, column in METRICS.items()} | {
    "acted": "choice acted",
    "outcome_differs": "outcome differs",
    "must_share": "random numbers to share",
    "random_numbers_common": "shared",
    "told": "problem",
}
"""Column -> its head on the page; other columns have their own names."""

CELLS_AND_SEEDS = f"cells {TIMES} seeds"

Cell = str | tuple[str, str]
"""A cell's text, or its text and the small print under it."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table as the page shows it; the first `text_columns` columns are text, the others numbers."""

    head: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    text_columns: int


def tabulate_frame(table: pd.DataFrame, text_columns: int | None = None) -> Table:
    """Return a frame as it is, with labels as heads; without `text_columns` all columns are text."""
    rows = [["" if pd.isna(value) else format_value(value) for value in row] for row in table.itertuples(index=False)]
    head = [LABELS.get(name, str(name).replace("_", " ")) for name in table.columns]
    return Table(head=head, rows=rows, text_columns=len(head) if text_columns is None else text_columns)


def tabulate_effects(analysis: Analysis) -> dict[str, Table]:
    """Return the table of swaps of each metric by its label, first of the metric that judges choices.

    Of several datasets, each swap has a row for each, and then one for the mean over all.
    """
    head = [
        "choice", "swap", "also changes", "on", "verdict", "mean change", "95 % interval", "for other cells",
        "better in", "pairs", CELLS_AND_SEEDS, "left out", "p (Holm)",
    ]  # fmt: skip
    tables = {}
    several = analysis.effects_by_dataset["dataset"].nunique() > 1
    pooled = analysis.effects.assign(dataset="all" if several else "", is_pooled=True)
    parts = [analysis.effects_by_dataset.assign(planned=np.nan, is_pooled=False)] if several else []
    effects = pd.concat([pooled, *parts]).reset_index(drop=True)
    effects["swap"] = effects.groupby(["axis", "before", "after"], sort=False, dropna=False).ngroup()
    for outcome in sorted(analysis.outcomes, key=lambda outcome: outcome.name != analysis.quality):
        rows = []
        shown = effects[effects["metric"] == outcome.name].sort_values(["swap", "is_pooled"], kind="stable")
        for swap in shown.to_dict("records"):
            # "Better" means nothing of a condition, or of a metric without a better direction.
            neutral = outcome.better is None or analysis.axes[swap["axis"]].is_neutral(outcome.name)
            rows.append(
                [
                    swap["axis"], f"{format_value(swap['before'])} → {format_value(swap['after'])}", swap["brings"],
                    str(swap["dataset"]), swap["verdict"], *_format_change(swap, outcome),
                    "" if neutral else format_percent(swap["improved"]),
                    _format_pairs(swap), *_format_basis(swap),
                ]
            )  # fmt: skip
        if rows:
            tables[METRICS[outcome.name].label] = Table(head=head, rows=rows, text_columns=5)
    return tables


def _format_pairs(swap: dict[Any, Any]) -> str:
    """Return the number of pairs, of how many planned ones, and how many different ones there are among copies."""
    planned = "" if pd.isna(swap["planned"]) else f" of {swap['planned']:g}"
    copies = f" ({swap['distinct']} different)" if swap["distinct"] < swap["pairs"] else ""
    return f"{swap['pairs']}{planned}{copies}"


def tabulate_interactions(analysis: Analysis) -> Table:
    """Return how the axes interact, by the metric that judges choices."""
    head = [
        "swap", "where", "instead of", "verdict", "how much larger", "95 % interval", "for other cells",
        CELLS_AND_SEEDS, "left out", "p (Holm)",
    ]  # fmt: skip
    # Where no run has the metric there is no outcome, and no interaction either.
    outcomes = [outcome for outcome in analysis.outcomes if outcome.name == analysis.quality]
    rows = []
    for outcome in outcomes:
        for swap in analysis.interactions[analysis.interactions["metric"] == outcome.name].to_dict("records"):
            name = f"{swap['axis']} {format_value(swap['before'])} → {format_value(swap['after'])}"
            where = [f"{swap['with_axis']} {format_value(swap[value])}" for value in ("with_after", "with_before")]
            rows.append([name, *where, swap["verdict"], *_format_change(swap, outcome), *_format_basis(swap)])
    return Table(head=head, rows=rows, text_columns=4)


def _format_change(swap: dict[Any, Any], outcome: Outcome) -> list[str]:
    """Return a mean change, its interval over the seeds, and the one that counts cells as random, too."""
    form = format_ratio if outcome.ratio else format_difference
    others = _format_interval(swap["other_cells_low"], swap["other_cells_high"], form)
    return [form(swap["mean"]), _format_interval(swap["low"], swap["high"], form), others]


def _format_interval(low: float, high: float, form: Callable[[float], str]) -> str:
    return f"{form(low)} to {form(high)}" if form(low) else ""


def _format_basis(swap: dict[Any, Any]) -> list[str]:
    """Return what a mean change is over, how many pairs are left out, and p."""
    p = "" if pd.isna(swap["p_holm"]) else f"{swap['p_holm']:.2g}"
    return [f"{swap['cells']} {TIMES} {swap['seeds']}", str(swap["left_out"]), p]


def tabulate_levels(analysis: Analysis) -> Table:
    """Return the mean of each value of each axis, over the cells and seeds that all of its values have."""
    rows = [
        [
            level["axis"], format_value(level["value"]), format_number(level["mean"]),
            _format_interval(level["low"], level["high"], format_number),
            f"{level['cells']} {TIMES} {level['seeds']}", str(level["left_out"]),
        ]
        for level in analysis.levels[analysis.levels["metric"] == analysis.quality].to_dict("records")
    ]  # fmt: skip
    return Table(
        head=["axis", "value", "mean", "95 % interval", CELLS_AND_SEEDS, "left out"], rows=rows, text_columns=2
    )


def tabulate_gains(analysis: Analysis) -> Table:
    """Return what training did under each ruler."""
    return _tabulate_ruler_differences(analysis.gains, "untrained", "gain", "change")


def tabulate_over_pixels(analysis: Analysis) -> Table:
    """Return how far trained networks score above the best pixels under each ruler."""
    return _tabulate_ruler_differences(analysis.over_pixels, "pixels", "over_pixels", "difference")


def _tabulate_ruler_differences(table: pd.DataFrame, level: str, difference: str, head: str) -> Table:
    """Return a row for each dataset and ruler; `level` and `difference` are columns, `head` is the latter's head."""
    rows = [
        [
            str(row["dataset"]), row["ruler"], RULERS[row["ruler"]].help, row["verdict"], format_number(row[level]),
            format_number(row["trained"]), format_difference(row[difference]),
            _format_interval(row["low"], row["high"], format_difference),
            "" if pd.isna(row["p_holm"]) else f"{row['p_holm']:.2g}", f"{row['cells']} {TIMES} {row['seeds']}",
            f"{row['runs']} of {row['planned']}",
        ]
        for row in table.to_dict("records")
    ]  # fmt: skip
    heads = [
        "dataset", "ruler", "scores", "verdict", level, "trained", head, "95 % interval", "p (Holm)", CELLS_AND_SEEDS,
        "runs",
    ]  # fmt: skip
    return Table(head=heads, rows=rows, text_columns=4)


def tabulate_noise_floor(analysis: Analysis) -> Table:
    """Return how far runs of the same experiment differ by each ruler and source."""
    rows = [
        [
            str(floor["dataset"]), floor["ruler"], LABELS[floor["metric"]], floor["source"],
            "yes" if floor["used"] else "", str(floor["pairs"]), str(floor["degrees_of_freedom"]),
            format_number(floor["rms"]), format_number(floor["floor"]),
        ]
        for floor in analysis.noise_floor.to_dict("records")
    ]  # fmt: skip
    heads = [
        "dataset", "ruler", "score", "source", "used", "pairs", "degrees of freedom", "root mean square difference",
        "95 % are below",
    ]  # fmt: skip
    return Table(head=heads, rows=rows, text_columns=5)


def tabulate_rules(analysis: Analysis) -> Table:
    """Return how each metric becomes a number, which direction is better, and what counts as the same."""
    rows = []
    for outcome in analysis.outcomes:
        margin = f"a factor of {outcome.margin:g}" if outcome.ratio else f"±{outcome.margin:g}"
        spec = METRICS[outcome.name]
        rows.append(
            [spec.axis_label, analysis.describe_rule(outcome.name), outcome.better or "neither", margin, spec.help]
        )
    head = ["metric", "rule", "better", "the same within", "what it is"]
    return Table(head=head, rows=rows, text_columns=len(head))


def tabulate_ranks(analysis: Analysis) -> Table:
    """Return the mean ranks of the values of each axis with at least three, and what they show."""
    rows = []
    for ranking in analysis.rankings:
        if ranking.metric == analysis.quality:
            values = sorted(ranking.ranks, key=lambda value: ranking.ranks[value])
            means = ", ".join(f"{format_value(value)} {ranking.ranks[value]:.2f}" for value in values)
            critical = f"differences above {ranking.critical:.2f} are critical (p = {ranking.p:.2g})"
            rows.append([ranking.axis, means, plural(ranking.blocks, ranking.unit), ranking.missing_reason or critical])
    head = ["axis", "mean ranks, 1 is best", "over", "what they show"]
    return Table(head=head, rows=rows, text_columns=len(head))


def tabulate_final(table: pd.DataFrame, axes: Iterable[str]) -> Table:
    """Return the final table: a row for each cell, means over the seeds with their range below."""
    names, metrics = list(axes), [name for name in FINAL_METRICS if name in table]
    rows = []
    for row in table.to_dict("records"):
        cells: list[Cell] = [format_value(row[axis]) for axis in names]
        cells += [f"{row['done']} of {row['planned']}", row["health"]]
        for metric in metrics:
            mean, low, high = (format_metric(metric, row[f"{metric}{end}"]) for end in ("", "_low", "_high"))
            # The range of one seed would repeat the mean.
            cells.append((mean, f"{low} to {high}" if row["done"] > 1 and mean else ""))
        rows.append(cells)
    return Table(
        head=[*names, "seeds done", "health", *(LABELS[name] for name in metrics)],
        rows=rows,
        text_columns=len(names) + 2,
    )


def tabulate_baselines(table: pd.DataFrame) -> Table:
    """Return the levels that scores lie between, without columns that have no value."""
    present = table.drop(columns=[name for name in table.columns if table[name].isna().all()])
    scores = [name for name in present.columns if name in COLUMNS and name not in BASELINE_KEYS]
    fields = tabulate_frame(present.drop(columns=scores))
    numbers = [list(map(format_number, row)) for row in present[scores].itertuples(index=False)]
    rows = [[*texts, *figures] for texts, figures in zip(fields.rows, numbers, strict=True)]
    return Table(head=[*fields.head, *(LABELS[name] for name in scores)], rows=rows, text_columns=len(fields.head))


def tabulate_stage_times(table: pd.DataFrame) -> Table:
    """Return the seconds per epoch of each stage."""
    rounded = {name: table[name].map(lambda value: f"{value:.3g}") for name in ("mean", "low", "high")}
    heads = {"mean": "mean (s per epoch)", "low": "fastest run (s)", "high": "slowest run (s)"}
    return tabulate_frame(table.assign(**rounded).rename(columns=heads), 5)


def tabulate_parity(table: pd.DataFrame) -> Table:
    """Return a row for each measure and a column for each library or pair of libraries."""
    if table.empty:
        return Table(head=[], rows=[], text_columns=0)
    keys = ["dataset", "limit", "stage", "measure", "k"]
    libraries = table["backend_a"] + table["backend_b"].map(lambda other: "" if pd.isna(other) else f" / {other}")
    wide = table.assign(libraries=libraries, text=table.apply(format_parity_value, axis=1))
    wide = wide.pivot(index=keys, columns="libraries", values="text")
    # Single libraries come before pairs.
    wide = wide.reindex(columns=sorted(wide.columns, key=lambda name: (" / " in name, name))).reset_index()
    # Stages and measures are in the order of the parity run, not of the alphabet.
    orders = {"stage": list(PARITY_STAGES), "measure": list(MEASURES)}
    wide = wide.sort_values(keys, key=lambda key: key.map(orders[key.name].index) if key.name in orders else key)
    return tabulate_frame(wide.assign(measure=wide["measure"].map(lambda name: MEASURES[name].label)), len(keys))


def format_parity_value(row: Any) -> str:
    """Return a value of the parity table as text: the median, and its range over the starts if there is one."""
    form = MEASURES[row["measure"]].number_format
    if pd.isna(row["value"]):
        return "never" if row["measure"] == "parting_iteration" else ""
    value, low, high = (format(row[name], form) for name in ("value", "lowest", "highest"))
    return value if low == high else f"{value} ({low} to {high})"


def tabulate_unhealthy_runs(analysis: Analysis) -> Table:
    """Return the finished runs that are degenerate or collapsed at the end, with what shows it."""
    runs = analysis.all_finals[analysis.all_finals["health"].isin(HEALTH_STATES[1:])]
    fields = [*analysis.axes, *analysis.results.seed_fields]
    runs = runs[["run_id", *fields, "health", "health_since", "health_why"]]
    head = ["run", *fields, "health", "since epoch", "reason"]
    return Table(head=head, rows=tabulate_frame(runs).rows, text_columns=len(head))


def tabulate_baseline_runs(baselines: pd.DataFrame) -> Table:
    """Return every baseline run with its state and its scores on the test images."""
    if baselines.empty:
        return Table(head=[], rows=[], text_columns=0)
    numbers = keep_scored(list_metrics("baseline_runs"), baselines)
    runs = baselines.assign(level=baselines.apply(name_baseline, axis=1), reason=baselines["reason"].fillna(""))
    runs.loc[runs["method"] == "pixels", "arch"] = None  # pixels pass through no network
    runs = runs.assign(**{name: runs[name].map(format_number) for name in numbers})
    fields = ["level", "dataset", "input_channels", "arch", "seed", "state", "reason", "health"]
    return tabulate_frame(runs[[*fields, *numbers, "run_id"]])
