"""Rulers of the analysis: which one judges choices, and what training did under each of them.

Training is compared with two levels: the same network untrained, and the best pixels. The verdict of a dataset is that
of the ruler that judges; the other rulers show whether it depends on the ruler. The tests are corrected accordingly:

- The verdicts of the ruler that judges are one question for each dataset, corrected over the datasets (Holm 1979).
- Those of the other rulers are a sensitivity analysis: "at least one of them says so" is a claim about many tests, so
  those of a dataset are corrected over these rulers (Holm 1979).
- A change that two one-sided tests place within the margin of its dataset is "same", whatever its direction, as in the
  verdicts on choices. These tests are not corrected.
- "Under every ruler" is an intersection-union test (Berger 1982): its p value is the largest of theirs, without a
  correction over the rulers, but over the datasets (Holm 1979).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from dcbench.analysis.results import Results, join_entries
from dcbench.analysis.statistics.intervals import ALPHA, holm, infer_means
from dcbench.analysis.statistics.matching import MIN_SEEDS, Floats, make_grid, match_runs
from dcbench.core.columns import DEFAULT_RULER, RULERS
from dcbench.errors import ResultsError

GAIN_COLUMNS = [
    "dataset", "ruler", "metric", "runs", "seeds", "untrained", "trained", "gain", "low", "high", "low_90", "high_90",
    "cells", "planned", "p", "p_holm", "p_same", "margin", "verdict", "every_ruler",
]  # fmt: skip
"""Columns of what training did: `gain` with its 95 % interval, which is not corrected; `planned` counts the planned
runs that train; `p_holm` is corrected as above. `verdict` is `same` where `p_same` is below 5 %, so that the 90 %
interval lies within `margin`; otherwise it follows from `p_holm`. `every_ruler` is the verdict under every ruler, empty
where they do not all lead to it."""

PIXEL_COLUMNS = [{"untrained": "pixels", "gain": "over_pixels"}.get(name, name) for name in GAIN_COLUMNS]
"""Columns of the comparison with pixels."""

SAME_IMAGES = ["dataset", "limit", "test_limit"]
"""Fields in which a run and its pixel baselines agree."""

FindLevels = Callable[[pd.DataFrame, str], Floats]
"""Runs and a metric -> the score that each run is compared with, NaN where there is none."""


@dataclass(frozen=True, kw_only=True)
class TrainingComparison:
    """What trained networks are compared by, whatever they are compared with.

    Attributes:
        finals: A row for each finished run.
        planned: A row for each planned run.
        axes: The columns that name a cell and its dataset.
        judge: The ruler that judges.
        find_margin: A dataset and a metric -> how far scores may differ there and still count as the same.
    """

    finals: pd.DataFrame
    planned: pd.DataFrame
    axes: Sequence[str]
    judge: str
    find_margin: Callable[[object, str], float]


def list_rulers(rows: pd.DataFrame) -> list[str]:
    """Return the rulers that have scored every one of these rows."""
    return [name for name, ruler in RULERS.items() if ruler.column in rows and rows[ruler.column].notna().all()]


def choose_ruler(results: Results, ruler: str | None) -> str:
    """Return the ruler that judges choices: the one asked for, else the default one, else the runs' own clustering.

    Raises ResultsError where some row lacks the ruler that is asked for.
    """
    present = list_rulers(results.rows)
    if ruler is None:
        # Results from before a ruler existed, and those with some runs from before it, are judged by what all have.
        return DEFAULT_RULER if DEFAULT_RULER in present else "own"
    if ruler not in present and len(results.rows):
        raise ResultsError(
            f"{results.name}: not all rows were scored by the ruler {ruler!r}; all rows have "
            f"{', '.join(present) or 'none'}. `dcbench run --redo` runs the matrix again and scores by every ruler"
        )
    return ruler


def choose_pixel_metric(ruler: str) -> str:
    """Return the score by which a ruler compares runs with pixels: its own, if it has as many clusters as classes."""
    return "test_refit_nmi_true" if ruler == "own" else RULERS[ruler].column


def tabulate_gains(comparison: TrainingComparison, rows: pd.DataFrame) -> pd.DataFrame:
    """Return what training did to the scores: a row for each dataset and ruler, with the columns GAIN_COLUMNS.

    `rows` has a row for each epoch of each run. `untrained` and `trained` are the mean scores of row 0 and of the final
    row of the same runs, those with at least one training pass. The interval and the test are Student's t over the
    seeds, each averaged over the cells first; they are NaN with fewer than three seeds. Runs that not every seed has
    are left out.
    """
    untrained = rows[rows["epoch"] == 0].set_index("run_id")

    def find_levels(runs: pd.DataFrame, metric: str) -> Floats:
        return untrained[metric].reindex(runs["run_id"]).to_numpy(dtype=float)

    metrics = {ruler: RULERS[ruler].column for ruler in list_rulers(rows)}
    return _judge(_compare(comparison, metrics, find_levels), comparison.judge, "raised", "lowered")


def tabulate_over_pixels(comparison: TrainingComparison, results: Results) -> pd.DataFrame:
    """Return how far trained networks score above pixels: a row for each dataset and ruler, with PIXEL_COLUMNS.

    A run is compared with the best pixel baseline of its images and seed, raw or preprocessed and of any number of
    channels, by the same score; otherwise as in `tabulate_gains`. The run's own clustering may have another number of
    clusters than that of the pixels, so `own` has a row only where it judges, for its refit on test images.
    """
    judge = comparison.judge
    metrics = {
        ruler: choose_pixel_metric(ruler) for ruler in list_rulers(results.rows) if ruler != "own" or judge == "own"
    }

    def find_levels(runs: pd.DataFrame, metric: str) -> Floats:
        best = find_best_pixels(results.baselines, metric)
        images = join_entries(runs, SAME_IMAGES)
        return np.array([best.get(key, np.nan) for key in zip(images, runs["seed"], strict=True)], dtype=float)

    table = _judge(_compare(comparison, metrics, find_levels), judge, "above", "below")
    return table.set_axis(PIXEL_COLUMNS, axis="columns")


def find_best_pixels(baselines: pd.DataFrame, metric: str) -> dict[tuple[str, int], float]:
    """Return the highest score of the pixel baselines for each set of images, named as text, and seed.

    It is NaN where one of them is not finished or lacks the score: the best of the others may not be the best.
    """
    if baselines.empty:
        return {}
    pixels = baselines[(baselines["method"] == "pixels") & (baselines["state"] != "skipped")]
    scores = pd.to_numeric(pixels[metric]).where(pixels["state"] == "done")
    best: dict[tuple[str, int], float] = {}
    for images, seed, score in zip(join_entries(pixels, SAME_IMAGES), pixels["seed"], scores, strict=True):
        # np.maximum gives NaN where one of the two is NaN.
        best[images, int(seed)] = float(np.maximum(score, best.get((images, int(seed)), -np.inf)))
    return best


def _compare(
    comparison: TrainingComparison, metrics: Mapping[str, str], find_levels: FindLevels
) -> list[dict[str, Any]]:
    """Return the difference between the final scores and their levels for each dataset and ruler of `metrics`."""
    finals, planned = comparison.finals, comparison.planned
    cells = [name for name in comparison.axes if name != "dataset"]
    planned_counts = planned.loc[planned["epochs"] > 0, "dataset"].value_counts()
    table = []
    for dataset, runs in finals[finals["epoch"] > 0].groupby("dataset", sort=False, observed=True):
        grid = make_grid(runs, [], cells)
        for ruler, metric in metrics.items():
            levels, scores = find_levels(runs, metric), runs[metric].to_numpy(dtype=float)
            matched = match_runs(grid, scores - levels, [()])
            if not matched.metric.size:
                continue
            used = matched.lines.ravel()
            margin = comparison.find_margin(dataset, metric)
            inference = infer_means([matched.metric[0]], margin)[0]
            table.append(
                {
                    "dataset": dataset, "ruler": ruler, "metric": metric, "runs": len(used),
                    "seeds": matched.seeds, "untrained": levels[used].mean(), "trained": scores[used].mean(),
                    "gain": inference.interval.mean, "low": inference.interval.low, "high": inference.interval.high,
                    "low_90": inference.interval_90.low, "high_90": inference.interval_90.high,
                    "cells": matched.cells, "planned": int(planned_counts[dataset]), "p": inference.p,
                    "p_same": inference.p_same, "margin": margin,
                }
            )  # fmt: skip
    return table


def _judge(table: Sequence[Mapping[str, Any]], judge: str, up: str, down: str) -> pd.DataFrame:
    """Return the rows with their corrected p values and verdicts, as the docstring of this module says."""
    frame = pd.DataFrame(table, columns=GAIN_COLUMNS).astype({"verdict": object, "every_ruler": object})
    judging = frame["ruler"] == judge
    for _, family in frame.groupby(frame["dataset"].astype(str).mask(judging, "")):
        frame.loc[family.index, "p_holm"] = holm(family["p"].tolist())
    directions = np.where(frame["gain"] > 0, up, down)
    is_same = frame["p_same"] < ALPHA
    # A change can be certain and still too small to matter.
    frame["verdict"] = np.where(is_same, "same", np.where(frame["p_holm"] < ALPHA, directions, "cannot tell"))
    frame.loc[frame["seeds"] < MIN_SEEDS, "verdict"] = "too few seeds"

    frame["every_ruler"] = ""
    groups = [rows for _, rows in frame.groupby("dataset", sort=False, observed=True)]
    # A single ruler agrees with nobody, and rulers that point to both sides, or to none, do not agree.
    agreeing = [
        len(rows) > 1 and len(set(directions[rows.index])) == 1 and not is_same[rows.index].any() for rows in groups
    ]
    largest = [rows["p"].max(skipna=False) if agree else 1.0 for rows, agree in zip(groups, agreeing, strict=True)]
    for rows, p in zip(groups, holm(largest), strict=True):
        if p < ALPHA:
            frame.loc[rows.index, "every_ruler"] = directions[rows.index[0]]
    return frame
