"""What the statistics say of one matrix: every frame that its figures, tables and sentences are made from.

In: Results, rules, margins. Out: an Analysis. What the columns mean is known here, how to compute is not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import pandas as pd

from dcbench import registry
from dcbench.analysis.axis import Axis, add_axis_columns, find_axes
from dcbench.analysis.results import Results
from dcbench.analysis.statistics import effects, finals, levels, ranks, stability
from dcbench.analysis.statistics.effects import Outcome
from dcbench.analysis.statistics.finals import CLUSTERING, GAIN, CurveRule
from dcbench.analysis.statistics.matching import NONE, make_grid
from dcbench.analysis.statistics.ranks import Ranking
from dcbench.core.columns import COLUMNS, MetricSpec
from dcbench.core.spec import STAGE_BACKENDS, RunSpec

SCORE_MARGIN = 0.02

OUTCOMES = (
    *(
        Outcome(name, "higher", SCORE_MARGIN)
        for name in (
            "nmi_true", "ami_true", "cluster_accuracy", GAIN, "test_refit_nmi_true", "test_refit_cluster_accuracy",
        )
    ),
    Outcome(name="feature_rank", better=None, margin=1.0),
    Outcome(name="seconds", better="lower", margin=1.1, ratio=True),
    Outcome(CLUSTERING, "lower", 1.1, ratio=True),
)  # fmt: skip
"""Metrics whose effects are told, which way is better, and the margins unless the user says else."""

DERIVED_METRICS = {
    GAIN: MetricSpec(
        name=GAIN,
        label="gain over untrained",
        unit="",
        better="higher",
        low=-1,
        high=1,
        help="NMI with the truth less that of row 0",
    ),
    "seconds": MetricSpec(
        name="seconds",
        label="time of the run",
        unit="s",
        better="lower",
        low=0,
        high=None,
        help="from start to end",
        cost=True,
    ),
    CLUSTERING: MetricSpec(
        name=CLUSTERING,
        label="time of clustering",
        unit="s",
        better="lower",
        low=0,
        high=None,
        help="PCA, whitening, k-means",
        cost=True,
    ),
}
"""What the reporter computes of a run beside the columns of metrics.csv."""

CURVE_METRICS = tuple(
    name for name, column in COLUMNS.items() if not column.cost and name not in ("epoch", "reassigned")
)
"""Columns whose curves a rule makes into a number."""

REFERENCE_METHODS = {"raw pixels": "pixels", "preprocessed pixels": "pixels", "supervised": "supervised"}
"""Level that scores are compared with -> the baseline method that gives it."""


def metric_spec(name: str) -> MetricSpec:
    """The column of a metric, stored or made."""
    return DERIVED_METRICS[name] if name in DERIVED_METRICS else COLUMNS[name]


@dataclass(frozen=True)
class Analysis:
    """Results and what was computed from them, by `statistics`.

    `finals`: a line for each finished run, its curves made into numbers; `axes`: the columns of finals whose swaps are
    matched, with their values, fields that move together joined to one; `outcomes`: the metrics that some run has;
    `rules`: metric -> rule where it is not the last row. `effects`, `interactions`, `levels`: tables of those modules;
    `stability`: a line for each finished run, its axes, `epochs_watched`, `reached`. `rankings`: of axes with three
    values on.
    `references`: the baselines' mean scores that belong to each value's cells, by dataset and level of LEVELS; only of
    refits, where all have as many clusters as classes.
    """

    results: Results
    finals: pd.DataFrame
    axes: dict[str, Axis]
    outcomes: tuple[Outcome, ...]
    rules: dict[str, CurveRule]
    effects: pd.DataFrame
    interactions: pd.DataFrame
    levels: pd.DataFrame
    stability: pd.DataFrame
    rankings: list[Ranking]
    references: pd.DataFrame

    @cached_property
    def axis_values(self) -> dict[str, tuple[object, ...]]:
        """The values of each axis by its name, as the statistics take them."""
        return {name: axis.values for name, axis in self.axes.items()}

    @property
    def quality(self) -> str:
        """The metric that the first sentences speak of; where k varies AMI, since NMI rises with k by itself."""
        return "ami_true" if "k" in self.results.varied else "nmi_true"

    def rule(self, metric: str) -> str:
        """How a metric's curve became a number, in words."""
        return describe_rule(self.rules, metric)


def _planned(swaps: pd.DataFrame, runs: pd.DataFrame, axes: Mapping[str, Sequence[object]]) -> pd.DataFrame:
    """The table of effects with how many pairs the matrix plans, so that what is not there is seen beside `pairs`."""
    laid = {axis: make_grid(runs, [axis], [name for name in axes if name != axis]) for axis in axes}
    swapped = zip(swaps["axis"], swaps["before"], swaps["after"], strict=True)
    counts = [int((laid[axis].select(pair) != NONE).all(axis=0).sum()) for axis, *pair in swapped]
    swaps.insert(list(swaps.columns).index("pairs") + 1, "planned", counts)
    return swaps


def _ruled(table: pd.DataFrame, rules: Mapping[str, CurveRule]) -> pd.DataFrame:
    return table.assign(rule=[describe_rule(rules, metric) for metric in table["metric"]])


def describe_rule(rules: Mapping[str, CurveRule], metric: str) -> str:
    """How a metric's curve became a number, in words; the gain goes by the rule of what it is the gain in."""
    if metric in ("seconds", CLUSTERING):
        return "whole run"
    return str(rules.get("nmi_true" if metric == GAIN else metric, finals.LAST_ROW))


def set_margins(margins: Mapping[str, float]) -> tuple[Outcome, ...]:
    """The outcomes with the user's margins."""
    return tuple(replace(one, margin=margins.get(one.name, one.margin)) for one in OUTCOMES)


def analyse(
    results: Results, outcomes: Sequence[Outcome] = OUTCOMES, rules: Mapping[str, CurveRule] | None = None
) -> Analysis:
    """Compute everything; without a finished run the frames are empty."""
    rules = dict(rules or {})
    matrix_axes = find_axes(results)
    axes = {name: axis.values for name, axis in matrix_axes.items()}
    runs, rows = (add_axis_columns(frame, matrix_axes.values()) for frame in (results.runs, results.rows))
    results = replace(results, runs=runs, rows=rows)
    lines = finals.reduce_curves(results.rows, rules)
    told = tuple(one for one in outcomes if one.name in lines and lines[one.name].notna().any())
    neutral = {(name, one.name) for name, axis in matrix_axes.items() for one in told if axis.is_neutral(one.name)}
    swaps = effects.tabulate_effects(
        lines, axes, told, [name for name in _beside(results.groups) if name in lines], neutral
    )
    known = stability.find_settling_epochs(results.rows)
    return Analysis(
        results,
        lines,
        matrix_axes,
        told,
        rules,
        _ruled(_planned(swaps, results.runs, axes), rules),
        _ruled(effects.tabulate_interactions(lines, axes, told), rules),
        _ruled(levels.tabulate_levels(lines, axes, told), rules),
        lines[["run_id", "seed", *axes]].merge(known, on="run_id"),
        ranks.rank_axes(lines, axes, told, neutral),
        _references(results, axes),
    )


def _references(results: Results, axes: Mapping[str, object]) -> pd.DataFrame:
    """The scores of the finished baselines, for each value of an axis over the baselines that its cells have."""
    if results.baselines.empty:
        return pd.DataFrame(columns=levels.REFERENCE_COLUMNS)
    done = results.baselines[results.baselines["state"] == "done"]
    done = done.assign(level=[name_baseline(run) for _, run in done.iterrows()], seen_channels=done["input_channels"])
    metrics = [name for name in COLUMNS if "refit" in name and "unwhitened" not in name]
    fields = {level: _told_apart_by(method) for level, method in REFERENCE_METHODS.items()}
    return levels.tabulate_references(
        results.runs.assign(seen_channels=_seen_channels(results.runs)), done, fields, axes, metrics
    )


def name_baseline(run: pd.Series) -> str:
    """What a baseline run is called."""
    if run["method"] != "pixels":
        return str(run["method"])
    raw = pd.isna(run["pca_dim"]) and not run["whiten"] and not run["l2_normalize"]
    return "raw pixels" if raw else "preprocessed pixels"


def _told_apart_by(method: str) -> list[str]:
    """The fields of a cell that decide which baseline of the method is its own."""
    facts = registry.facts("methods", method)
    seen = {} if facts["network"] else {"input_channels": "seen_channels"}
    return [seen.get(name, name) for name in facts["baseline"]["each"]]


def _seen_channels(runs: pd.DataFrame) -> pd.Series:
    """The channels that a baseline without a network has: grey images are not repeated into colours."""
    grey = runs["dataset"].map(lambda name: registry.facts("datasets", name).get("channels") == 1)
    return runs["input_channels"].mask(grey & (runs["input_channels"] == 3), 1)


def _beside(groups: Sequence[Sequence[str]]) -> list[str]:
    """The spec's fields that are no axis, and no stage of an axis `backend`."""
    axes = {name for group in groups for name in group}
    mine = axes | ({*STAGE_BACKENDS} if "backend" in axes else set()) | {"seed"}
    return [name for name in RunSpec.model_fields if name not in mine]
