"""The noise floor: how far two runs of the same experiment differ by chance.

A matrix can hold the same experiment more than once, in three ways, the SOURCES. Each gives groups of runs:

- repeats: runs that differ only in `repeat`, which draws all random numbers anew but the subset of images.
- channels: twins, which are runs on images of one channel that differ only in whether the network gets it once or three
  times. Their weights differ. Only SGD's steps do not depend on how often the channel is repeated; Adam's do, so its
  runs have no twins.
- rounding: runs that differ only in their backends, and whose first clustering, before any training, has the same
  scores to the last digit. The libraries round sums differently, and training makes a large difference of it. Runs
  whose whole trajectories coincide are copies: they count once. A library that treated only later clusterings in
  another way would count as noise here, which makes the floor larger and so claims less.

Every source is noise that two runs of the same experiment can differ by, so a difference counts as more than noise only
if it is above the floors of all of them: the floor of a dataset is the largest. Choosing the largest of several
estimates errs on the side of claiming less. An estimate of few degrees of freedom would win by being inexact, so one
below MIN_FREEDOM is used only where there is no better one.

The floor pools all settings of a dataset. It is about single runs: the mean of many pairs can be certain below it. The
cells of a seed share weights and first batches, so their pairs are less independent than the degrees of freedom say: of
many cells and one seed, the floor is known less well than its t allows for. More seeds mend that.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd
from scipy import stats

from dcbench import registry
from dcbench.analysis.statistics.effects import TRAJECTORY
from dcbench.core.columns import OWN_SPACE, SCORES
from dcbench.core.spec import STAGE_BACKENDS, TWIN_CHANNELS, RunSpec

SOURCES = ("repeats", "channels", "rounding")
"""How the same experiment comes about more than once; the first draws most random numbers anew."""

FLOOR_COLUMNS = ["dataset", "ruler", "metric", "source", "pairs", "degrees_of_freedom", "rms", "floor", "used"]

COVERED = 0.95
"""Share of the differences of two runs of the same experiment that are below the floor."""

MIN_FREEDOM = 3
"""Degrees of freedom from which on a source is preferred to those with fewer."""


@dataclass(frozen=True, kw_only=True)
class NoiseFloor:
    """How far two runs of the same experiment differ in a metric.

    Attributes:
        dataset: The dataset of the runs.
        source: One of SOURCES.
        pairs: The number of pairs of runs that are the same experiment.
        degrees_of_freedom: What the pairs are worth; fewer than pairs, where three runs or more are the same.
        rms: The root mean square of the difference.
        floor: The size that COVERED of the differences are below.
    """

    dataset: str
    source: str
    pairs: int
    degrees_of_freedom: int
    rms: float
    floor: float


def find_same_experiments(finals: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """Return the runs that are the same experiment, with the columns `dataset`, `source`, `group` and `run_id`.

    `finals` has a row for each finished run with its TRAJECTORY, `rows` all of its epochs. Runs with one `source` and
    `group` are the same experiment. Runs without a training pass do not count: their features are often the same.
    """
    runs = finals[finals["epoch"] > 0]
    rows = rows[rows["run_id"].isin(runs["run_id"])]
    first = rows[rows["epoch"] == 0].set_index("run_id")
    own_scores = [OWN_SPACE.prefix + score.name for score in SCORES if OWN_SPACE.prefix + score.name in first]
    runs = runs[["run_id", TRAJECTORY, *(name for name in RunSpec.model_fields if name in runs)]]
    runs = runs.assign(start=_number(first[own_scores]).reindex(runs["run_id"]).to_numpy())
    parts = [
        _group(runs, {"repeat"}).assign(source="repeats"),
        _group(_select_twins(runs), {"input_channels"}).assign(source="channels"),
        _group(runs, set(STAGE_BACKENDS), ["start"], drop_copies=True).assign(source="rounding"),
    ]
    return pd.concat(parts, ignore_index=True)[["dataset", "source", "group", "run_id"]]


def _select_twins(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the runs that have a twin wherever its number of channels is planned too."""
    if not {"input_channels", "optimizer"} <= set(runs):
        return runs.iloc[:0]
    # Without both numbers of channels there are no twins, and the datasets need not be known: a plug-in may be gone.
    if not set(TWIN_CHANNELS) <= set(runs["input_channels"]):
        return runs.iloc[:0]
    names = runs["dataset"].astype(str)
    grey = {name: registry.facts("datasets", name).get("channels") == 1 for name in names.unique()}
    is_twin = names.map(grey).astype(bool) & (runs["optimizer"] == "sgd") & runs["input_channels"].isin(TWIN_CHANNELS)
    return runs[is_twin]


def _group(
    runs: pd.DataFrame, free: set[str], more: list[str] | None = None, drop_copies: bool = False
) -> pd.DataFrame:
    """Return the runs that agree with another run in all fields but the `free` ones, numbered by `group`.

    Groups of the same trajectories are copies of each other, of which the first one stays.
    """
    fields = [name for name in RunSpec.model_fields if name in runs and name not in free] + (more or [])
    runs = runs.assign(group=_number(runs[fields]))
    if drop_copies:
        runs = runs.drop_duplicates(["group", TRAJECTORY])
    runs = runs[runs.groupby("group")["run_id"].transform("size") > 1]
    if runs.empty:
        return runs
    alike = runs.groupby(["dataset", "group"], observed=True)[TRAJECTORY].agg(lambda group: str(sorted(group)))
    kept = alike.reset_index().drop_duplicates(["dataset", TRAJECTORY])["group"]
    return runs[runs["group"].isin(kept)]


def _number(frame: pd.DataFrame) -> pd.Series:
    """Number the rows by their values; rows with the same values have the same number."""
    return frame.groupby(list(frame.columns), sort=False, dropna=False, observed=True).ngroup()


def estimate_floors(finals: pd.DataFrame, same: pd.DataFrame, metric: str) -> list[NoiseFloor]:
    """Return the floor of a metric by each dataset and source; runs without the metric do not count.

    The variance s^2 within the groups is pooled over them, with nu = runs - groups degrees of freedom. The difference
    of two runs has the variance 2 s^2 (`rms` is its root) and the mean 0, since they are the same experiment. So 95 %
    of the differences of two further runs are below

        floor = t(0.975, nu) * sqrt(2) * s,

    the repeatability limit of ISO 5725-6 (2014), with Student's t in place of the normal quantile, as in a prediction
    interval (Hahn and Meeker, Statistical Intervals, 1991, section 4.7). Of groups of two, `rms` is the root mean
    square of the differences of the pairs, and nu is the number of pairs.
    """
    scores = finals.set_index("run_id")[metric].astype(float)
    known = same.assign(score=same["run_id"].map(scores).astype(float)).dropna(subset="score")
    floors = []
    for (dataset, source), runs in known.groupby(["dataset", "source"], sort=False, observed=True):
        groups = runs.groupby("group")["score"]
        sizes = groups.size()
        freedom = int((sizes - 1).sum())
        if not freedom:
            continue
        squares = float(((runs["score"] - groups.transform("mean")) ** 2).sum())
        rms = math.sqrt(2 * squares / freedom)
        floors.append(
            NoiseFloor(
                dataset=str(dataset),
                source=str(source),
                pairs=int((sizes * (sizes - 1) // 2).sum()),
                degrees_of_freedom=freedom,
                rms=rms,
                floor=float(stats.t.ppf((1 + COVERED) / 2, freedom)) * rms,
            )
        )
    return floors


def choose_floor(floors: list[NoiseFloor]) -> NoiseFloor | None:
    """Return the largest floor, of those with at least MIN_FREEDOM degrees of freedom if there are any.

    The floors are those of one dataset; of several datasets, the largest of what this chooses holds for all of them.
    """
    chosen = []
    for dataset in dict.fromkeys(floor.dataset for floor in floors):
        candidates = [floor for floor in floors if floor.dataset == dataset]
        enough = min(MIN_FREEDOM, max(floor.degrees_of_freedom for floor in candidates))
        exact = [floor for floor in candidates if floor.degrees_of_freedom >= enough]
        chosen.append(max(exact, key=lambda floor: floor.floor))
    return max(chosen, key=lambda floor: floor.floor, default=None)


def tabulate_noise_floor(finals: pd.DataFrame, same: pd.DataFrame, metrics: Mapping[str, str]) -> pd.DataFrame:
    """Return the noise floor by dataset, ruler and source: a table with the columns FLOOR_COLUMNS.

    `metrics` maps each ruler to the metric that it judges by. `used` marks the source whose floor counts.
    """
    table = []
    for ruler, metric in metrics.items():
        floors = estimate_floors(finals, same, metric)
        for floor in floors:
            used = floor == choose_floor([other for other in floors if other.dataset == floor.dataset])
            table.append({"ruler": ruler, "metric": metric, "used": used} | vars(floor))
    frame = pd.DataFrame(table, columns=FLOOR_COLUMNS)
    datasets = list(dict.fromkeys(finals["dataset"].astype(str)))
    order = {name: place for place, name in enumerate(datasets)}
    return frame.sort_values("dataset", key=lambda names: names.map(order), kind="stable", ignore_index=True)
