"""The numbers behind the page's interactive curves: one block, rounded, compressed, small enough to stand in the page.

In: an Analysis. Out: base64 of gzip of JSON:

    {"every": 1, "epochs": [3, null, ...],                          # epochs of each planned run; null: not finished
     "metrics": [{"name", "label", "scale",
                  "curves": [[877, -165, null, ...], null, ...]}]}  # steps from the value before, times 1/scale

Values are those of epoch 0, `every`, 2 `every`, ... and the last one.
"""

from __future__ import annotations

import base64
import gzip
import json
import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from dcbench.analysis.summary import Analysis, metric_spec

Floats = npt.NDArray[np.float64]

METRICS = (
    "nmi_true", "ami_true", "cluster_accuracy", "test_refit_nmi_true", "pseudo_label_accuracy", "nmi_previous",
    "largest_cluster_share", "feature_rank",
)  # fmt: skip
"""Curves that can be chosen, those that the choices are judged by first."""

MOST = 600_000
"""Values that the block holds at most, about 1 MB: of more only every so manieth epoch."""


def metrics(analysis: Analysis) -> list[str]:
    """The curves that some run has; the metric that choices are judged by comes first, the other of AMI and NMI not."""
    judged = ("nmi_true", "ami_true")
    names = [analysis.quality, *(name for name in METRICS if name not in judged)]
    return [name for name in names if analysis.results.rows[name].notna().any()]


def every(analysis: Analysis) -> int:
    """Of how many epochs one is in the block."""
    return max(1, math.ceil(len(analysis.results.rows) * len(metrics(analysis)) / MOST))


def packed(analysis: Analysis) -> str:
    """The whole block as text that any element can hold."""
    names, step = metrics(analysis), every(analysis)
    rows = _thinned(analysis.results.rows[["run_id", "epoch", *names]], step)
    ids, starts = np.unique(rows["run_id"].to_numpy(dtype=str), return_index=True)
    places = {run_id: place for place, run_id in enumerate(ids.tolist())}
    order = [places.get(run_id) for run_id in analysis.results.runs["run_id"]]
    epochs = [run[-1:].tolist() for run in np.split(rows["epoch"].to_numpy(dtype=int), starts[1:])]
    content = {
        "every": step,
        "epochs": [None if place is None else epochs[place][0] for place in order],
        "metrics": [_metric(name, np.split(rows[name].to_numpy(dtype=float), starts[1:]), order) for name in names],
    }
    text = json.dumps(content, separators=(",", ":"))
    return base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()


def _thinned(rows: pd.DataFrame, step: int) -> pd.DataFrame:
    """Every so manieth epoch of each run and its last, by run and epoch."""
    last = rows.groupby("run_id", observed=True)["epoch"].transform("max")
    kept = rows[(rows["epoch"] % step == 0) | (rows["epoch"] == last)]
    return kept.assign(run_id=kept["run_id"].astype(str)).sort_values(["run_id", "epoch"], kind="stable")


def _metric(name: str, runs: list[Floats], order: list[int | None]) -> dict[str, Any]:
    """One metric's curves; shares and scores to a thousandth, other amounts to a hundredth."""
    scale = 0.001 if metric_spec(name).high == 1 else 0.01
    curves = [None if place is None else _steps(runs[place] / scale) for place in order]
    return {"name": name, "label": metric_spec(name).axis_label, "scale": scale, "curves": curves}


def _steps(values: Floats) -> list[int | None]:
    """Each value less the one before it that is there; None where there is none."""
    there = np.isfinite(values)
    steps = iter(np.diff(np.rint(values[there]), prepend=0).astype(int).tolist())
    return [next(steps) if one else None for one in there]
