"""Pack the numbers behind the page's interactive curves into one block that is small enough to stand in the page.

In: an Analysis. Out: base64 of gzip of JSON:

    {"every": 1, "epochs": [3, null, ...],                          # epochs of each planned run; null: not finished
     "metrics": [{"name", "label", "scale",
                  "curves": [[877, -165, null, ...], null, ...]}]}  # steps from the value before, times 1/scale

Values are those of epoch 0, `every`, 2 `every`, ... and of the last one.
"""

from __future__ import annotations

import base64
import gzip
import json
import math

import numpy as np
import numpy.typing as npt

from dcbench.analysis.summary import Analysis
from dcbench.core.columns import METRICS, list_metrics

MAX_CURVE_VALUES = 600_000
"""Values that the block holds at most, about 1 MB; with more of them it has only every n-th epoch."""


def choose_metrics(analysis: Analysis) -> list[str]:
    """Return the curves that some run has, first the metric that judges choices."""
    names = [analysis.quality, *list_metrics("curves")]
    return [name for name in names if analysis.results.rows[name].notna().any()]


def choose_epoch_step(analysis: Analysis) -> int:
    """Return n, where the block has every n-th epoch."""
    return max(1, math.ceil(len(analysis.results.rows) * len(choose_metrics(analysis)) / MAX_CURVE_VALUES))


def pack_curves(analysis: Analysis) -> str:
    """Return the whole block as text that any element can hold."""
    metrics, step = choose_metrics(analysis), choose_epoch_step(analysis)
    rows = analysis.results.rows[["run_id", "epoch", *metrics]]
    last = rows.groupby("run_id", observed=True)["epoch"].transform("max")
    rows = rows[(rows["epoch"] % step == 0) | (rows["epoch"] == last)]
    rows = rows.assign(run_id=rows["run_id"].astype(str)).sort_values(["run_id", "epoch"], kind="stable")
    # The rows of each run, sorted, are one slice; the block lists the runs in the order of the plan.
    ids, starts = np.unique(rows["run_id"].to_numpy(dtype=str), return_index=True)
    slices = {run_id: place for place, run_id in enumerate(ids.tolist())}
    planned = [slices.get(run_id) for run_id in analysis.results.runs["run_id"]]
    epochs = [run[-1:].tolist() for run in np.split(rows["epoch"].to_numpy(dtype=int), starts[1:])]
    curves_by_metric = []
    for name in metrics:
        # Shares and scores are rounded to a thousandth, other amounts to a hundredth.
        scale = 0.001 if METRICS[name].high == 1 else 0.01
        runs = np.split(rows[name].to_numpy(dtype=float) / scale, starts[1:])
        curves = [None if place is None else encode_steps(runs[place]) for place in planned]
        curves_by_metric.append({"name": name, "label": METRICS[name].axis_label, "scale": scale, "curves": curves})
    content = {
        "every": step,
        "epochs": [None if place is None else epochs[place][0] for place in planned],
        "metrics": curves_by_metric,
    }
    text = json.dumps(content, separators=(",", ":"))
    # Without a time the same results give the same page.
    return base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()


def encode_steps(values: npt.NDArray[np.float64]) -> list[int | None]:
    """Return each value, rounded, less the value before it; None where there is no finite value."""
    finite = np.isfinite(values)
    # Steps compress better than values, since curves are smooth.
    steps = iter(np.diff(np.rint(values[finite]), prepend=0).astype(int).tolist())
    return [next(steps) if is_finite else None for is_finite in finite]
