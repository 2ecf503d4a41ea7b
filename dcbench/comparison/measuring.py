"""Compare two result sets run by run: which runs both have, and how each metric changed between their pairs.

In: the Results of OLD and of NEW. Out: a Comparison. Runs match by run_id, so by their whole spec and their seed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields

import numpy as np
import pandas as pd

from dcbench.analysis.axis import add_axis_columns, find_axes
from dcbench.analysis.results import Results, format_entry
from dcbench.analysis.statistics import changes
from dcbench.analysis.statistics.cells import count_values
from dcbench.analysis.statistics.changes import SIDES
from dcbench.analysis.statistics.effects import Outcome
from dcbench.analysis.statistics.finals import CurveRule, reduce_curves
from dcbench.analysis.summary import describe_rule
from dcbench.comparison.result import MAX_LISTED, Comparison, MetricChange, MetricComparison, RunOverlap, UnmatchedRun
from dcbench.core.columns import COLUMNS, GAIN, METRICS
from dcbench.core.spec import RunSpec
from dcbench.errors import ResultsError

CELL_FIELDS = [name for name in RunSpec.model_fields if name != "seed"]
"""Fields that have one value in a cell. Repeats count as further cells, so that each seed is averaged over them."""

REPEATABLE_COLUMNS = [name for name, column in COLUMNS.items() if not column.cost]
"""The columns of metrics.csv that an identical run repeats; time and memory differ whenever a run is repeated."""

RUN_COLUMNS = ["run_id", *RunSpec.model_fields, "backend", "health", "timing"]
"""What is kept of each run besides the metrics that are compared."""


def compare_results(
    old: Results, new: Results, outcomes: Sequence[Outcome], rules: Mapping[str, CurveRule]
) -> Comparison:
    """Compare two result sets; baselines by their last row, whatever the rules, and in parts of their own.

    Raises ResultsError if no run is planned in both sets, if none of these is done in OLD, or if a rule leaves every
    run without a number.
    """
    states = _join_states(old, new)
    frame = pair_runs(old, new, [outcome.name for outcome in outcomes], rules)
    cells = frame[~frame["baseline"]]
    for outcome in outcomes:
        # Such a rule would leave nothing to compare, and every gate would pass.
        name = "nmi_true" if outcome.name == GAIN else outcome.name
        if name in rules and len(cells) and cells[outcome.name].isna().all():
            raise ResultsError(f"--rule {name}={rules[name]}: gives no run a number; are the runs shorter than that?")
    # Only the axes of OLD: a field that varies among the pairs varies in both plans.
    axes = [name for name in find_axes(old) if cells[name].nunique() > 1]
    table = changes.tabulate_changes(frame, axes, outcomes)
    metrics = [_compare_metric(outcome, frame, table, rules) for outcome in outcomes]

    def tally(name: str) -> tuple[str, str]:
        old_tally, new_tally = (count_values(frame.loc[frame["side"] == side, name].dropna()) for side in SIDES)
        return old_tally, new_tally

    return Comparison(
        runs=_count_runs(states, frame, _count_identical(old, new, {*frame["run_id"]})),
        metrics=tuple(metric for metric in metrics if metric.changes or metric.lost_runs),
        health=tally("health"),
        timing=tally("timing"),
    )


def _compare_metric(
    outcome: Outcome, frame: pd.DataFrame, table: pd.DataFrame, rules: Mapping[str, CurveRule]
) -> MetricComparison:
    columns = [field.name for field in fields(MetricChange)]
    rows = table.loc[table["metric"] == outcome.name, columns]
    # A value that is not finite is lost as well: no mean can include it.
    has_value = np.isfinite(frame[outcome.name].astype(float))
    old, new = ({*frame.loc[has_value & (frame["side"] == side), "run_id"]} for side in SIDES)
    spec = METRICS[outcome.name]
    return MetricComparison(
        name=outcome.name,
        label=spec.label,
        better=outcome.better,
        margin=outcome.margin,
        ratio=outcome.ratio,
        cost=spec.cost,
        rule=describe_rule(rules, outcome.name),
        lost_runs=len(old - new),
        # itertuples, unlike to_numpy, gives Python's own numbers, which JSON can hold.
        changes=tuple(
            MetricChange(**dict(zip(columns, row, strict=True))) for row in rows.itertuples(index=False, name=None)
        ),
    )


# --- which runs -----------------------------------------------------------------------------


def _join_states(old: Results, new: Results) -> pd.DataFrame:
    """Return the states of all planned runs, with columns for both sides; empty where a side has no such run."""
    sides = []
    for side, results in zip(SIDES, (old, new), strict=True):
        parts = [part for part in (results.runs, results.baselines) if len(part)]
        planned = pd.concat([part.set_index("run_id")[["state", "kind", "reason"]] for part in parts])
        sides.append(planned.add_suffix(f"_{side}"))
    states = sides[0].join(sides[1], how="outer", sort=False)
    both = states.dropna(subset=["state_old", "state_new"])
    if both.empty:
        # The fields without a common value are what keeps two sets apart, so the message names them.
        obstacles = []
        for name in RunSpec.model_fields:
            old_values, new_values = (
                list(dict.fromkeys(map(format_entry, results.runs[name]))) for results in (old, new)
            )
            if not {*old_values} & {*new_values}:
                old_text, new_text = (
                    ", ".join(values[:MAX_LISTED]) + (", ..." if len(values) > MAX_LISTED else "")
                    for values in (old_values, new_values)
                )
                obstacles.append(f"{name} is {old_text} in OLD and {new_text} in NEW")
        obstacle = "; ".join(obstacles) or "every field has values in common, but no run has all of them in both"
        raise ResultsError(f"OLD and NEW have no run in common, so nothing can be compared: {obstacle}")
    if not (both["state_old"] == "done").any():
        raise ResultsError(f"of the {len(both)} runs that OLD and NEW have in common none is done in OLD")
    return states


def _count_runs(states: pd.DataFrame, frame: pd.DataFrame, identical: int) -> RunOverlap:
    planned_old, planned_new = (states[f"state_{side}"].notna() for side in SIDES)
    done_old, done_new = (states[f"state_{side}"] == "done" for side in SIDES)
    both = planned_old & planned_new

    def unmatched(selected: pd.Series, side: str) -> tuple[UnmatchedRun, ...]:
        """Return the selected runs, with the reason that one side gives for having no result."""
        runs = []
        for run_id, row in states[selected].iterrows():
            old, new = (
                f"{row[f'state_{name}']} ({row[f'kind_{name}']})"
                if pd.notna(row[f"kind_{name}"])
                else row[f"state_{name}"]
                for name in SIDES
            )
            runs.append(UnmatchedRun(run_id=str(run_id), old=old, new=new, reason=str(row[f"reason_{side}"])))
        return tuple(runs)

    return RunOverlap(
        planned=(int(planned_old.sum()), int(planned_new.sum())),
        done=(int(done_old.sum()), int(done_new.sum())),
        planned_in_both=int(both.sum()),
        compared=tuple(map(str, states.index[both & done_old & done_new])),
        compared_baselines=int((frame["baseline"] & (frame["side"] == "new")).sum()),
        identical=identical,
        done_only_in_old=unmatched(both & done_old & ~done_new, "new"),
        done_only_in_new=unmatched(both & ~done_old & done_new, "old"),
        done_in_neither=unmatched(both & ~done_old & ~done_new, "new"),
    )


# --- pairs ----------------------------------------------------------------------------------


def pair_runs(old: Results, new: Results, metrics: Sequence[str], rules: Mapping[str, CurveRule]) -> pd.DataFrame:
    """Return the final values of the runs that are done in both sets, a row for each side, as `changes` takes them.

    The axes are columns of text, since the two sets may read a field as different types.
    """
    sides = []
    for results in (old, new):
        parts = [
            reduce_curves(results.rows, rules).assign(baseline=False),
            _done_baselines(results).assign(baseline=True),
        ]
        # Empty parts go, unless both are: their columns would decide the types of the others.
        finals = pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)
        sides.append(finals.reindex(columns=[*RUN_COLUMNS, "baseline", *metrics]))
    both = {*sides[0]["run_id"]} & {*sides[1]["run_id"]}
    old_finals, new_finals = (finals[finals["run_id"].isin(both)] for finals in sides)
    # A cell has one number on both sides; its runs differ by the seed only.
    numbers = old_finals.groupby(CELL_FIELDS, sort=False, dropna=False, observed=True).ngroup()
    cells = dict(zip(old_finals["run_id"], numbers, strict=True))
    frame = pd.concat([old_finals.assign(side="old"), new_finals.assign(side="new")], ignore_index=True)
    # The categories may be those of one set only, and then the other set's values would be missing ones.
    texts = {str(name): frame[name].astype(object) for name in frame.select_dtypes("category")}
    axes = find_axes(old)
    frame = add_axis_columns(frame.assign(**texts, cell=frame["run_id"].astype(object).map(cells)), axes.values())
    return frame.assign(**{name: frame[name].map(format_entry) for name in axes})


def _done_baselines(results: Results) -> pd.DataFrame:
    return results.baselines[results.baselines["state"] == "done"] if len(results.baselines) else results.baselines


def _count_identical(old: Results, new: Results, run_ids: set[str]) -> int:
    """Return how many runs have the same value in every row and column that both sets fill."""
    sides = []
    for results in (old, new):
        frames = (results.rows, _done_baselines(results))
        parts = [frame.reindex(columns=["run_id", *REPEATABLE_COLUMNS]) for frame in frames]
        rows = pd.concat([part for part in parts if len(part)] or parts, ignore_index=True)
        sides.append(rows[rows["run_id"].isin(run_ids)].sort_values(["run_id", "epoch"], kind="stable"))
    # Another version of dcbench may write other columns; one that only one set fills says nothing of the runs.
    columns = [name for name in REPEATABLE_COLUMNS if all(rows[name].notna().any() for rows in sides)]
    old_values, new_values = (rows[columns].to_numpy(dtype=float) for rows in sides)
    equal = ((old_values == new_values) | (np.isnan(old_values) & np.isnan(new_values))).all(axis=1)
    return int(pd.Series(equal).groupby(sides[0]["run_id"].to_numpy()).all().sum())
