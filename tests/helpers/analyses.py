"""Made-up results of any matrix in memory: every planned run is done, and its metrics follow from one score."""

import numpy as np
import pandas as pd

from dcbench.analysis.results import Results
from dcbench.core.columns import COLUMNS, STAGES
from tests.helpers.matrices import plan_of

SCORES = (
    "nmi_true",
    "ami_true",
    "cluster_accuracy",
    "refit_nmi_true",
    "test_refit_nmi_true",
    "test_refit_cluster_accuracy",
)

FULL = """name: full
axes:
  dataset: [mnist, cifar10]
  arch: [alexnet, vgg16]
  input_channels: [3, 2, 1]
  optimizer: [sgd, adam]
  top_optimizer: [sgd, adam]
  backend: [faiss, sklearn]
seeds: [0, 1, 2]
settings: {epochs: 5}
"""
"""96 cells, 288 runs."""

TWELVE = """name: twelve
axes:
  k: [2, 3, 5, 8, 10, 15, 20, 30, 50, 80, 100, 150]
  optimizer: [sgd, adam]
seeds: [0, 1, 2]
settings: {dataset: mnist, epochs: 5}
"""
"""An axis of twelve values."""


def score(spec, rng):
    """Return a score at the end of training; every axis of the matrices above and the seed change it."""
    level = 0.55 if spec.dataset == "mnist" else 0.15
    level -= 0.06 * (spec.arch == "vgg16") + 0.03 * (spec.optimizer == "adam") * (spec.input_channels == 3)
    return level + 0.01 * spec.seed + 0.03 * np.log10(spec.k / 10) + 0.005 * rng.normal()


def seconds(spec, rng):
    """Return the seconds of the run."""
    return (
        10 * (1 + (spec.arch == "vgg16")) * (0.7 if spec.kmeans_backend == "sklearn" else 1) * rng.uniform(0.95, 1.05)
    )


def make_results(text, score=score, seconds=seconds, **unfinished):
    """Return the results of a matrix; `unfinished` gives the indices of the runs in a state: `failed=[0, 7]`."""
    plan, rng = plan_of(text), np.random.default_rng(0)
    states = {index: state for state, places in unfinished.items() for index in places}
    run_rows, curve_frames = [], []
    for index, spec in enumerate(plan.runs):
        state, end, took = states.get(index, "done"), score(spec, rng), seconds(spec, rng)
        fields = spec.model_dump() | {"backend": spec.backend, "run_id": spec.run_id, "state": state}
        reason = "" if state == "done" else f"it {state}"
        row = fields | {"kind": "", "reason": reason, "last_lines": "", "seconds": took, "timing": "exclusive"}
        row |= {"health": "healthy" if state == "done" else None, "health_since": None, "health_why": None}
        run_rows.append(row)
        if state == "done":
            curve_frames.append(curves(spec, end, took, rng).assign(run_index=index))
    runs = pd.DataFrame(run_rows)
    rows = pd.DataFrame(columns=[*run_rows[0], *COLUMNS])
    if curve_frames:
        metrics = pd.concat(curve_frames, ignore_index=True)
        fields = runs.iloc[metrics.pop("run_index")].reset_index(drop=True)
        rows = pd.concat([metrics.reindex(columns=list(COLUMNS)), fields], axis=1)
    varied = {name: values for name, values in plan.axes.items() if len(values) > 1}
    return Results(name=plan.name, varied=varied, runs=runs, rows=rows, groups=plan.groups)


def curves(spec, end, took, rng):
    """Return the rows of a run whose scores start 0.1 below their final value."""
    epochs = np.arange(spec.epochs + 1)
    columns = {"epoch": epochs.astype(float), "reassigned": 1.0}
    for name in SCORES:
        columns[name] = end - 0.1 * np.exp(-epochs / 2) + (0.02 if "refit" in name else 0)
    columns["loss"] = np.where(epochs, 2 * np.exp(-epochs / 5), np.nan)
    columns["pseudo_label_accuracy"] = np.where(epochs, 1 - 0.5 * np.exp(-epochs / 3), np.nan)
    columns["nmi_previous"] = np.where(epochs, 1 - rng.uniform(0.2, 0.5) * np.exp(-epochs / rng.uniform(1, 4)), np.nan)
    columns["feature_rank"] = 40 + 100 * end + rng.normal()
    return pd.DataFrame(columns | {f"seconds_{stage}": took / len(epochs) / len(STAGES) for stage in STAGES})
