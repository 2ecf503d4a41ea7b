"""Analyse the results of one matrix: compute every frame that its figures, tables and sentences are made from.

This module knows what the columns mean; the statistics know how to compute.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import pandas as pd

from dcbench import registry
from dcbench.analysis.axis import Axis, add_axis_columns, find_axes
from dcbench.analysis.noise_floor import (
    NoiseFloor,
    choose_floor,
    estimate_floors,
    find_same_experiments,
    tabulate_noise_floor,
)
from dcbench.analysis.results import Results, select_first_repeats
from dcbench.analysis.rulers import TrainingComparison, choose_ruler, list_rulers, tabulate_gains, tabulate_over_pixels
from dcbench.analysis.stakes import find_margins
from dcbench.analysis.statistics import effects, finals, levels, ranks, stability
from dcbench.analysis.statistics.effects import Outcome
from dcbench.analysis.statistics.finals import CurveRule
from dcbench.analysis.statistics.matching import NONE, make_grid
from dcbench.analysis.statistics.ranks import Ranking
from dcbench.analysis.trajectories import number_trajectories
from dcbench.core.columns import (
    CLUSTERING,
    COLUMNS,
    METRICS,
    RULERS,
    SPACES,
    list_metrics,
    name_gain,
)
from dcbench.core.spec import STAGE_BACKENDS, RunSpec

OUTCOMES = tuple(
    Outcome(name=metric.name, better=metric.better, margin=metric.margin, ratio=metric.is_ratio)
    for metric in (METRICS[name] for name in list_metrics("effects"))
    if metric.margin is not None
)
"""Metrics that effects are estimated for, with the default margins."""

CURVE_METRICS = tuple(
    name for name, column in COLUMNS.items() if not column.cost and name not in ("epoch", "reassigned")
)
"""Columns whose curves a rule may reduce to a number."""

REFERENCE_METHODS = {"raw pixels": "pixels", "preprocessed pixels": "pixels", "supervised": "supervised"}
"""Level that scores are compared with -> the method of the baseline that gives it."""


@dataclass(frozen=True, kw_only=True)
class Analysis:
    """The results of a matrix and all that was computed from them.

    Attributes:
        results: The results, with a text column for each axis of several fields.
        ruler: The name of the ruler that choices are judged by.
        all_finals: A row for each finished run, with its curves reduced to numbers.
        finals: The rows of `all_finals` of repeat 0. Further repeats tell how far runs differ by chance, and nothing
            else: in a mean they would pass for further seeds.
        planned: The rows of `results.runs` of repeat 0.
        axes: The axes of the matrix by name, which is their column in `finals`.
        outcomes: The metrics that at least one run has.
        rules: Metric -> the rule that reduces its curve, when it is not the last row.
        effects: The table of `effects.tabulate_effects`, with the number of planned pairs and the rule. `same` needs
            the same verdict on every dataset.
        effects_by_dataset: The same effects within each dataset, with the margins that hold there: the table of
            `effects.tabulate_effects_by_group`, with the rule.
        interactions: The table of `effects.tabulate_interactions`, with the rule.
        levels: The table of `levels.tabulate_levels`, with the rule.
        stability: A row for each run in `finals`, with its axes, `epochs_watched` and `reached`.
        rankings: The ranking of each axis with three values or more, by each metric.
        references: The mean scores of the baselines that belong to each value, by dataset and level. Only scores of
            refits, for which all runs have as many clusters as classes.
    """

    results: Results
    ruler: str
    all_finals: pd.DataFrame
    finals: pd.DataFrame
    planned: pd.DataFrame
    axes: dict[str, Axis]
    outcomes: tuple[Outcome, ...]
    rules: dict[str, CurveRule]
    effects: pd.DataFrame
    effects_by_dataset: pd.DataFrame
    interactions: pd.DataFrame
    levels: pd.DataFrame
    stability: pd.DataFrame
    rankings: list[Ranking]
    references: pd.DataFrame

    @cached_property
    def axis_values(self) -> dict[str, tuple[object, ...]]:
        """The values of each axis by its name, as the statistics take them."""
        return {name: axis.values for name, axis in self.axes.items()}

    @cached_property
    def outcome_by_name(self) -> dict[str, Outcome]:
        """The outcomes by the name of their metric."""
        return {outcome.name: outcome for outcome in self.outcomes}

    @property
    def quality(self) -> str:
        """The metric that choices are judged by."""
        return self.choose_metric(self.ruler)

    def choose_metric(self, ruler: str) -> str:
        """Return the metric that a ruler judges by: AMI where the runs' own NMI would rise with a varied k."""
        return "ami_true" if ruler == "own" and "k" in self.results.varied else RULERS[ruler].column

    @cached_property
    def levels_by_dataset(self) -> pd.DataFrame:
        """The levels of each axis within each dataset, by the metric that judges choices."""
        outcomes = [outcome for outcome in self.outcomes if outcome.name == self.quality]
        dataset = next((name for name, axis in self.axes.items() if "dataset" in axis.fields), "dataset")
        choices = {name: values for name, values in self.axis_values.items() if name != dataset}
        tables = [
            levels.tabulate_levels(runs.reset_index(drop=True), choices, outcomes).assign(dataset=value)
            for value, runs in self.finals.groupby(dataset, sort=False, observed=True)
        ]
        return pd.concat(tables) if tables else self.levels.assign(dataset="").iloc[:0]

    @cached_property
    def gains(self) -> pd.DataFrame:
        """What training did under each ruler that has scored all rows: the table of `rulers.tabulate_gains`."""
        return tabulate_gains(self._comparison, self.results.rows)

    @cached_property
    def over_pixels(self) -> pd.DataFrame:
        """How far trained networks score above pixels: the table of `rulers.tabulate_over_pixels`."""
        return tabulate_over_pixels(self._comparison, self.results)

    @property
    def _comparison(self) -> TrainingComparison:
        return TrainingComparison(
            finals=self.finals, planned=self.planned, axes=list(self.axes), judge=self.ruler,
            find_margin=self.find_margin,
        )  # fmt: skip

    def find_margin(self, dataset: object, metric: str) -> float:
        """Return how far a score may differ on a dataset and still count as the same."""
        spec = METRICS[metric]
        assert spec.margin is not None, f"{metric} has a margin, as every score"
        outcome = Outcome(name=metric, better=spec.better, margin=spec.margin)
        outcome = self.outcome_by_name.get(metric, outcome)
        cells = [name for name, axis in self.axes.items() if "dataset" not in axis.fields]
        runs = self.finals[self.finals["dataset"] == dataset]
        margins = find_margins(runs, self.results.baselines, self.results.chance, "dataset", cells, [outcome])
        return margins[dataset][0].margin

    @cached_property
    def same_experiments(self) -> pd.DataFrame:
        """The finished runs that are the same experiment: the table of `find_same_experiments`."""
        return find_same_experiments(self.all_finals, self.results.rows)

    @cached_property
    def noise_floor(self) -> pd.DataFrame:
        """How far runs of the same experiment differ by each ruler: the table of `tabulate_noise_floor`."""
        metrics = {ruler: self.choose_metric(ruler) for ruler in list_rulers(self.results.rows)}
        return tabulate_noise_floor(self.all_finals, self.same_experiments, metrics)

    def get_noise_floor(self, metric: str, dataset: object = None) -> NoiseFloor | None:
        """Return how far two runs of the same experiment differ in a metric, on a dataset or at most on all of them.

        None where no two finished runs are the same experiment, and for times, which a busy machine changes.
        """
        if METRICS[metric].cost or metric not in self.all_finals:
            return None
        floors = estimate_floors(self.all_finals, self.same_experiments, metric)
        return choose_floor([floor for floor in floors if dataset is None or floor.dataset == str(dataset)])

    def find_floor(self, metric: str, dataset: object = None) -> float | None:
        """Return the size of `get_noise_floor`: 95 % of the differences between two such runs are smaller."""
        floor = self.get_noise_floor(metric, dataset)
        return floor.floor if floor else None

    def describe_rule(self, metric: str) -> str:
        """Describe how the curve of a metric became a number."""
        return describe_rule(self.rules, metric)


def describe_rule(rules: Mapping[str, CurveRule], metric: str) -> str:
    """Describe how the curve of a metric became a number; a gain follows the rule of what it is a gain in."""
    if metric in ("seconds", CLUSTERING):
        return "whole run"
    gains = {name_gain(ruler.column): ruler.column for ruler in RULERS.values()}
    return str(rules.get(gains.get(metric, metric), finals.LAST_ROW))


def set_margins(margins: Mapping[str, float]) -> tuple[Outcome, ...]:
    """Return the outcomes with the margins that the user chose."""
    return tuple(replace(outcome, margin=margins.get(outcome.name, outcome.margin)) for outcome in OUTCOMES)


def analyse(
    results: Results,
    outcomes: Sequence[Outcome] = OUTCOMES,
    rules: Mapping[str, CurveRule] | None = None,
    ruler: str | None = None,
) -> Analysis:
    """Analyse the results of a matrix; the frames are empty when no run is finished.

    `ruler` is the name of the one that judges choices; see `choose_ruler`.
    """
    rules = dict(rules or {})
    ruler = choose_ruler(results, ruler)
    axes = find_axes(results)
    values = {name: axis.values for name, axis in axes.items()}
    runs, rows = (add_axis_columns(frame, axes.values()) for frame in (results.runs, results.rows))
    all_finals = finals.reduce_curves(rows, rules, dict.fromkeys(["nmi_true", RULERS[ruler].column]))
    all_finals[effects.TRAJECTORY] = all_finals["run_id"].astype(object).map(number_trajectories(rows))
    run_finals, planned_runs = select_first_repeats(all_finals), select_first_repeats(runs)
    outcomes = tuple(
        outcome for outcome in outcomes if outcome.name in run_finals and run_finals[outcome.name].notna().any()
    )
    neutral = {
        (name, outcome.name) for name, axis in axes.items() for outcome in outcomes if axis.is_neutral(outcome.name)
    }
    # A swap may bring other fields along. The stages of an axis `backend` are the axis itself, so they are no news.
    varied = {name for axis in axes.values() for name in axis.fields}
    varied |= {"seed", "repeat", *(STAGE_BACKENDS if "backend" in varied else ())}
    other_fields = [name for name in RunSpec.model_fields if name not in varied and name in run_finals]
    conditions = {name for name, axis in axes.items() if axis.is_condition}
    swaps = effects.tabulate_effects(run_finals, values, outcomes, other_fields, neutral, conditions)
    # A dataset that moves together with other fields is one condition with them.
    dataset = next((name for name, axis in axes.items() if "dataset" in axis.fields), "dataset")
    choices = {name: axis_values for name, axis_values in values.items() if name != dataset}
    margins = find_margins(run_finals, results.baselines, results.chance, dataset, list(choices), outcomes)
    by_dataset = effects.tabulate_effects_by_group(run_finals, dataset, choices, margins, other_fields, neutral)
    swaps = effects.require_same_in_each_group(swaps, by_dataset, outcomes, neutral)
    # The planned pairs are counted as well, so that a reader sees how many are missing.
    grids = {axis: make_grid(planned_runs, [axis], [other for other in axes if other != axis]) for axis in axes}
    planned = [
        int((grids[axis].select(swap) != NONE).all(axis=0).sum())
        for axis, *swap in zip(swaps["axis"], swaps["before"], swaps["after"], strict=True)
    ]
    swaps.insert(list(swaps.columns).index("pairs") + 1, "planned", planned)

    def add_rule(table: pd.DataFrame) -> pd.DataFrame:
        return table.assign(rule=[describe_rule(rules, metric) for metric in table["metric"]])

    return Analysis(
        results=replace(results, runs=runs, rows=rows),
        ruler=ruler,
        all_finals=all_finals,
        finals=run_finals,
        planned=planned_runs,
        axes=axes,
        outcomes=outcomes,
        rules=rules,
        effects=add_rule(swaps),
        effects_by_dataset=add_rule(by_dataset.rename(columns={dataset: "dataset"})),
        interactions=add_rule(effects.tabulate_interactions(run_finals, values, outcomes)),
        levels=add_rule(levels.tabulate_levels(run_finals, values, outcomes)),
        stability=run_finals[["run_id", "seed", *axes]].merge(stability.find_settling_epochs(rows), on="run_id"),
        rankings=ranks.rank_axes(run_finals, values, outcomes, neutral),
        references=_tabulate_references(runs, results.baselines, list(axes)),
    )


def name_baseline(run: pd.Series) -> str:
    """Return the level that a baseline run gives."""
    if run["method"] != "pixels":
        return str(run["method"])
    raw = pd.isna(run["pca_dim"]) and not run["whiten"] and not run["l2_normalize"]
    return "raw pixels" if raw else "preprocessed pixels"


def _tabulate_references(runs: pd.DataFrame, baselines: pd.DataFrame, axes: Sequence[str]) -> pd.DataFrame:
    """Return the scores of the finished baselines, averaged over those that belong to the cells of each value."""
    if baselines.empty:
        return pd.DataFrame(columns=levels.REFERENCE_COLUMNS)
    done = baselines[baselines["state"] == "done"]
    done = done.assign(level=[name_baseline(run) for _, run in done.iterrows()], seen_channels=done["input_channels"])
    # A method without a network sees grey images as they are, while a network gets their one channel three times. So
    # the pixels of such a cell are those of the baseline with one channel.
    is_grey = runs["dataset"].map(lambda name: registry.facts("datasets", name).get("channels") == 1)
    runs = runs.assign(seen_channels=runs["input_channels"].mask(is_grey & (runs["input_channels"] == 3), 1))
    fields = {}
    for level, method in REFERENCE_METHODS.items():
        facts = registry.facts("methods", method)
        channels = "input_channels" if facts["network"] else "seen_channels"
        fields[level] = [channels if name == "input_channels" else name for name in facts["baseline"]["each"]]
    # Runs and baselines can be compared where all of them have as many clusters as classes.
    spaces = [space for space in SPACES if not space.has_run_k and not space.baselines_only]
    metrics = [name for name, column in COLUMNS.items() if column.space in spaces]
    metrics += [ruler.column for ruler in RULERS.values() if COLUMNS[ruler.column].space is None]
    return levels.tabulate_references(runs, done, fields, axes, metrics)
