"""Findings about training: what it did to the scores, compared with the same networks untrained and with pixels."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from dcbench.analysis.rulers import choose_pixel_metric
from dcbench.analysis.statistics.matching import MIN_SEEDS
from dcbench.analysis.summary import Analysis
from dcbench.core.columns import DEFAULT_RULER, METRICS, RULERS
from dcbench.report.findings.finding import Finding, Tone

TONES: dict[str, Tone] = {
    "raised": "same", "above": "same", "lowered": "bad", "below": "bad", "too few seeds": "plain"
}  # fmt: skip
"""Verdict -> tone; the others are open."""


def find_learning(analysis: Analysis) -> Iterator[Finding]:
    """Yield for each dataset whether training raised the score, and whether trained networks score above pixels."""
    trained = analysis.finals[analysis.finals["epoch"] > 0]
    if analysis.finals.empty:
        yield _say_nothing("nothing_finished", {}, "nothing yet")
    elif trained.empty:
        yield _say_nothing("nothing_trained", {}, "nothing trained")
    for dataset in dict.fromkeys(trained["dataset"].astype(str)):
        gains, leads = (
            table[table["dataset"] == dataset].reset_index(drop=True)
            for table in (analysis.gains, analysis.over_pixels)
        )
        if analysis.ruler not in set(gains["ruler"]):
            yield _say_nothing("nothing_scored", {"dataset": dataset, "judge": analysis.ruler}, "no scores", dataset)
            continue
        yield describe_gain(analysis, dataset, gains)
        if analysis.ruler in set(leads["ruler"]):
            yield describe_lead(analysis, dataset, leads)


def _say_nothing(sentence: str, values: dict[str, Any], verdict: str, about: str = "") -> Finding:
    """Return the finding that there is nothing to compare."""
    return Finding(
        kind="learned", sentence=sentence, values=values, evidence="coverage", about=about, verdict=verdict, tone="open"
    )


def describe_gain(analysis: Analysis, dataset: str, gains: pd.DataFrame) -> Finding:
    """Return what training did to the scores of a dataset, by the ruler that judges first."""
    values = _sort_rulers(analysis.ruler, gains, "raised", "lowered")
    is_measured = bool(gains["seeds"].min() >= MIN_SEEDS)
    values |= {
        "dataset": dataset,
        "missing": len(RULERS) - len(gains),
        "floor": None if is_measured else analysis.find_floor(values["judging"]["metric"], dataset),
        "whitened": _count_whitened_dimensions(analysis, dataset),
    }
    verdict = judge_rulers(gains, analysis.ruler)
    return Finding(
        kind="learned", sentence="gain", values=values, evidence="rulers", about=dataset, verdict=verdict,
        tone=TONES.get(verdict, "open"),
    )  # fmt: skip


def describe_lead(analysis: Analysis, dataset: str, leads: pd.DataFrame) -> Finding:
    """Return how far the trained networks of a dataset score above pixels, by the ruler that judges first."""
    values = _sort_rulers(analysis.ruler, leads.rename(columns={"over_pixels": "gain"}), "above", "below")
    # The ruler `own` compares with pixels by another score than its own.
    score = METRICS[choose_pixel_metric("own")].label if analysis.ruler == "own" else ""
    verdict = judge_rulers(leads, analysis.ruler)
    return Finding(
        kind="learned", sentence="lead", values=values | {"dataset": dataset, "score": score}, evidence="rulers",
        about=f"{dataset}, pixels", verdict=verdict, tone=TONES.get(verdict, "open"),
    )  # fmt: skip


def judge_rulers(table: pd.DataFrame, judge: str) -> str:
    """Return the verdict on a dataset: that of the ruler that judges, unless another one says the opposite.

    Without the scores of the ruler that is trusted, there is none.
    """
    verdict = str(table.loc[table["ruler"] == judge, "verdict"].item())
    if verdict == "too few seeds":
        return verdict
    if DEFAULT_RULER not in set(table["ruler"]):
        return "cannot tell"
    decided = set(table["verdict"]) - {"cannot tell", "same"}
    return "depends" if len(decided) > 1 else verdict


def _sort_rulers(judge: str, table: pd.DataFrame, up: str, down: str) -> dict[str, Any]:
    """Return the row of the ruler that judges, and those of the others by their verdict."""
    judging, others = table[table["ruler"] == judge], table[table["ruler"] != judge]
    return {
        "judging": judging.to_dict("records")[0],
        "up": others[others["verdict"] == up].to_dict("records"),
        "down": others[others["verdict"] == down].to_dict("records"),
        "same": others[others["verdict"] == "same"].to_dict("records"),
        "unclear": others[~others["verdict"].isin([up, down, "same"])].to_dict("records"),
        "trusted": "" if DEFAULT_RULER in set(table["ruler"]) else DEFAULT_RULER,
    }


def _count_whitened_dimensions(analysis: Analysis, dataset: str) -> int | None:
    """Return how many dimensions the trained runs of a dataset whiten, where all of them whiten as many."""
    finals = analysis.finals
    runs = finals[(finals["dataset"] == dataset) & (finals["epoch"] > 0)]
    dimensions = runs["pca_dim"].unique()
    is_known = len(dimensions) == 1 and not pd.isna(dimensions[0]) and bool(runs["whiten"].astype(bool).all())
    return int(dimensions[0]) if is_known else None


def find_false_ceilings(analysis: Analysis) -> list[dict[str, Any]]:
    """Return the datasets on which supervised networks score no higher than the best cell or the untrained networks.

    Networks that were trained with the true labels are a ceiling only where they score above all others. Each entry
    has the `name` of the dataset, the mean score `supervised`, and the `best` mean score of a cell or untrained.
    """
    metric, baselines = choose_pixel_metric(analysis.ruler), analysis.results.baselines
    if baselines.empty:
        return []
    done = baselines[(baselines["state"] == "done") & (baselines["method"] == "supervised")]
    supervised = pd.to_numeric(done[metric]).groupby(done["dataset"].astype(str)).mean().dropna()
    rows = analysis.results.rows
    ceilings = []
    for dataset, score in supervised.items():
        cells = analysis.finals[analysis.finals["dataset"] == dataset]
        names = [name for name in analysis.axes if name != "dataset"]
        groups = cells.groupby(names, observed=True, dropna=False) if names else [((), cells)]
        untrained = rows.loc[(rows["dataset"] == dataset) & (rows["epoch"] == 0), metric].mean()
        best = float(np.nanmax([untrained, *(cell[metric].mean() for _, cell in groups)]))
        if score <= best:
            ceilings.append({"name": dataset, "supervised": score, "best": best})
    return ceilings
