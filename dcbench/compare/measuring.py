"""Two result sets compared run by run: which runs both have, and how every metric changed between their pairs.

In: the Results of OLD and of NEW. Out: a Comparison. Runs match by run_id, so by their whole spec, the seed included.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import numpy as np
import pandas as pd

from dcbench.analysis.results import Results
from dcbench.analysis.statistics import changes
from dcbench.analysis.statistics.cells import tallied
from dcbench.analysis.statistics.changes import SIDES
from dcbench.analysis.statistics.effects import Outcome
from dcbench.analysis.statistics.finals import GAIN, Rule, final_values
from dcbench.analysis.summary import describe_rule, joined, metric_spec
from dcbench.compare.result import NAMED, Comparison, MetricChange, MetricComparison, Runs, UnmatchedRun
from dcbench.core.columns import COLUMNS
from dcbench.core.spec import RunSpec, format_value
from dcbench.errors import ResultsError

CELL = [name for name in RunSpec.model_fields if name != "seed"]
FIGURES = [name for name, one in COLUMNS.items() if not one.cost]
TOLD = ["run_id", *RunSpec.model_fields, "backend", "health", "timing"]
"""What is kept of each run beside the metrics that are compared."""

Sets = tuple[Results, Results]
"""OLD and NEW."""


def compare(sets: Sets, outcomes: Sequence[Outcome], rules: Mapping[str, Rule]) -> Comparison:
    """Compare OLD and NEW; ResultsError where no run is in both, or none of these is done in OLD.

    Baselines are compared by their last row, whatever the rules, and stand in lines of their own.
    """
    states = _states(sets)
    frame = pairs(sets, [one.name for one in outcomes], rules)
    _expect_cells(frame, outcomes, rules)
    table = changes.changes_table(frame, _axes(sets[0], frame), outcomes)
    metrics = [_metric(one, frame, table, rules) for one in outcomes]
    return Comparison(
        _runs(states, int((frame["baseline"] & (frame["side"] == "new")).sum()), _identical(sets, {*frame["run_id"]})),
        tuple(metric for metric in metrics if metric.lines or metric.gone),
        _tallies(frame, "health"),
        _tallies(frame, "timing"),
    )


def _expect_cells(frame: pd.DataFrame, outcomes: Sequence[Outcome], rules: Mapping[str, Rule]) -> None:
    """Refuse a rule that leaves no run a number: nothing would be compared, and every gate pass."""
    cells = frame[~frame["baseline"]]
    for one in outcomes:
        name = "nmi_true" if one.name == GAIN else one.name
        if name in rules and len(cells) and cells[one.name].isna().all():
            raise ResultsError(f"--rule {name}={rules[name]}: gives no run a number; are there runs of so many epochs?")


def _metric(outcome: Outcome, frame: pd.DataFrame, table: pd.DataFrame, rules: Mapping[str, Rule]) -> MetricComparison:
    mine = table.loc[table["metric"] == outcome.name, [field.name for field in fields(MetricChange)]]
    return MetricComparison(
        outcome.name,
        metric_spec(outcome.name).label,
        outcome.better,
        outcome.margin,
        outcome.ratio,
        metric_spec(outcome.name).cost,
        describe_rule(rules, outcome.name),
        _gone(outcome.name, frame),
        tuple(MetricChange(*line) for line in mine.itertuples(index=False, name=None)),
    )


def _gone(name: str, frame: pd.DataFrame) -> int:
    """How many runs have the metric in OLD and not in NEW."""
    has = np.isfinite(frame[name].astype(float))
    old, new = ({*frame.loc[has & (frame["side"] == side), "run_id"]} for side in SIDES)
    return len(old - new)


def _tallies(frame: pd.DataFrame, name: str) -> tuple[str, str]:
    old, new = (tallied(frame.loc[frame["side"] == side, name].dropna()) for side in SIDES)
    return old, new


# --- which runs -----------------------------------------------------------------------------


def _states(sets: Sets) -> pd.DataFrame:
    """Every run that either set plans, with the columns of both sides; empty where a side does not plan it."""
    old, new = (_planned(found).add_suffix(f"_{side}") for found, side in zip(sets, SIDES, strict=True))
    states = old.join(new, how="outer", sort=False)
    both = states.dropna(subset=["state_old", "state_new"])
    if both.empty:
        raise ResultsError(f"OLD and NEW have no run in common, so nothing can be compared: {_apart(sets)}")
    if not (both["state_old"] == "done").any():
        raise ResultsError(f"of the {len(both)} runs that OLD and NEW have in common none is done in OLD")
    return states


def _planned(results: Results) -> pd.DataFrame:
    """A line for each planned run by run_id, baselines last."""
    parts = [part for part in (results.runs, results.baselines) if len(part)]
    return pd.concat([part.set_index("run_id")[["state", "kind", "reason"]] for part in parts])


def _apart(sets: Sets) -> str:
    """The fields that have no value in common, with their values: what keeps two matrices apart."""
    told = []
    for name in RunSpec.model_fields:
        old, new = (list(dict.fromkeys(_text(value) for value in found.runs[name])) for found in sets)
        if not {*old} & {*new}:
            told.append(f"{name} is {_few(old)} in OLD and {_few(new)} in NEW")
    return "; ".join(told) or "every field has values in common, but no run has all of them in both"


def _few(values: Sequence[str]) -> str:
    return ", ".join(values[:NAMED]) + (", ..." if len(values) > NAMED else "")


def _text(value: Any) -> str:
    return format_value(None if pd.isna(value) else value)


def _runs(states: pd.DataFrame, beside: int, identical: int) -> Runs:
    planned = [states[f"state_{side}"].notna() for side in SIDES]
    done = [states[f"state_{side}"] == "done" for side in SIDES]
    both = planned[0] & planned[1]
    return Runs(
        planned=(int(planned[0].sum()), int(planned[1].sum())),
        done=(int(done[0].sum()), int(done[1].sum())),
        both=int(both.sum()),
        compared=tuple(map(str, states.index[both & done[0] & done[1]])),
        beside=beside,
        identical=identical,
        gone=_told(states[both & done[0] & ~done[1]], "new"),
        come=_told(states[both & ~done[0] & done[1]], "old"),
        neither=_told(states[both & ~done[0] & ~done[1]], "new"),
    )


def _told(states: pd.DataFrame, side: str) -> tuple[UnmatchedRun, ...]:
    """These runs, with the reason that one side gives."""
    told = []
    for run, line in states.iterrows():
        old, new = (_state(line, one) for one in SIDES)
        told.append(UnmatchedRun(str(run), old, new, str(line[f"reason_{side}"])))
    return tuple(told)


def _state(line: pd.Series, side: str) -> str:
    kind = line[f"kind_{side}"]
    return str(line[f"state_{side}"]) + ("" if pd.isna(kind) else f" ({kind})")


# --- pairs ----------------------------------------------------------------------------------


def pairs(sets: Sets, metrics: Sequence[str], rules: Mapping[str, Rule]) -> pd.DataFrame:
    """The finals of the runs that are done in both, a line for each side, as `changes` takes them; axes are text."""
    told = [_finals(found, rules).reindex(columns=[*TOLD, "baseline", *metrics]) for found in sets]
    both = {*told[0]["run_id"]} & {*told[1]["run_id"]}
    old, new = (side[side["run_id"].isin(both)] for side in told)
    numbers = old.groupby(CELL, sort=False, dropna=False, observed=True).ngroup()
    cells = dict(zip(old["run_id"], numbers, strict=True))
    frame = pd.concat([old.assign(side="old"), new.assign(side="new")], ignore_index=True)
    names = {str(name): frame[name].astype(object) for name in frame.select_dtypes("category")}  # of one set, maybe
    frame = joined(frame.assign(**names, cell=frame["run_id"].astype(object).map(cells)), sets[0].groups)
    return frame.assign(**{name: frame[name].map(_text) for name in _names(sets[0])})


def _names(results: Results) -> list[str]:
    return [" + ".join(group) for group in results.groups]


def _axes(results: Results, frame: pd.DataFrame) -> list[str]:
    """The axes of OLD that vary among the pairs; a field that varies there varies in both plans."""
    cells = frame[~frame["baseline"]]
    return [name for name in _names(results) if cells[name].nunique() > 1]


def _finals(results: Results, rules: Mapping[str, Rule]) -> pd.DataFrame:
    """A line for each finished run; of baselines the last row, which is all that is read of them."""
    parts = [final_values(results.rows, rules).assign(baseline=False), _done_baselines(results).assign(baseline=True)]
    return pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)


def _done_baselines(results: Results) -> pd.DataFrame:
    return results.baselines[results.baselines["state"] == "done"] if len(results.baselines) else results.baselines


def _identical(sets: Sets, kept: set[str]) -> int:
    """How many pairs have every figure of every row in common; a column that only one side fills is left out."""
    told = [_figures(found, kept) for found in sets]
    names = [name for name in FIGURES if all(side[name].notna().any() for side in told)]
    old, new = (side[names].to_numpy(dtype=float) for side in told)
    equal = ((old == new) | (np.isnan(old) & np.isnan(new))).all(axis=1)
    return int(pd.Series(equal).groupby(told[0]["run_id"].to_numpy()).all().sum())


def _figures(results: Results, kept: set[str]) -> pd.DataFrame:
    """The figures of all rows that were read of these runs, in one order."""
    parts = [part.reindex(columns=["run_id", *FIGURES]) for part in (results.rows, _done_baselines(results))]
    rows = pd.concat([part for part in parts if len(part)] or parts, ignore_index=True)
    return rows[rows["run_id"].isin(kept)].sort_values(["run_id", "epoch"], kind="stable")
