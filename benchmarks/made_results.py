"""Write a results folder of made-up finished runs, to measure and test the code that reads one.

In: a folder and a number of runs. Out: every file that a finished run leaves, in the format of a real run: random
learning curves, and an audit.json that passes every check of the audit.
"""

from __future__ import annotations

import copy
import io
import itertools
import json
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.csv
from joblib import Parallel, delayed

from dcbench import registry
from dcbench.core.columns import COLUMNS, STAGES
from dcbench.core.matrix.expand import parse_matrix
from dcbench.core.spec import RunSpec
from dcbench.core.store import status
from dcbench.core.store.run_dir import MatrixDir, RunDir

TOP = Path(__file__).parent.parent
SEEDS = 5
AXES: dict[str, list[Any]] = {
    "dataset": ["mnist", "cifar10"],
    "optimizer": ["sgd", "adam"],
    "k": [5, 10, 20, 50, 100],
    "arch": ["alexnet", "vgg16"],
    "reassign_every": [1, 2, 5, 10, 20],
    "backend": ["faiss", "sklearn"],
    "pca_dim": [16, 32, 64, 128, 256],
}
"""A matrix uses the first axes whose product with the seeds is its number of runs: 100 runs three, 10,000 all seven."""

SIZES = list(itertools.accumulate(map(len, AXES.values()), int.__mul__, initial=SEEDS))
"""The possible numbers of runs: without an axis, with one axis, with two, ..."""


def matrix_text(runs: int, epochs: int = 100) -> str:
    """Return the matrix with this number of runs; ValueError for a number that the axes do not give."""
    if runs not in SIZES:
        raise ValueError(f"{runs} runs: choose one of {', '.join(map(str, SIZES))}")
    axes = dict(itertools.islice(AXES.items(), SIZES.index(runs)))
    settings = {"limit": 10_000, "width": 0.25, "epochs": epochs, "precision": "float32"}
    parts = {"name": f"made_{runs}", "axes": axes, "seeds": list(range(SEEDS)), "settings": settings}
    return "".join(f"{name}: {json.dumps(value)}\n" for name, value in (parts | {"baselines": ["pixels"]}).items())


def write(results: Path, runs: int, epochs: int = 100) -> MatrixDir:
    """Write results/made_<runs>, in which every run is done."""
    plan = parse_matrix(matrix_text(runs, epochs), "made.yaml", "float32")
    folder = MatrixDir(results / plan.name)
    status.store_plan(plan, folder)
    numbered = list(enumerate(plan.planned))
    batches = [numbered[start : start + 250] for start in range(0, len(numbered), 250)]
    Parallel(n_jobs=-1 if len(batches) > 2 else 1)(delayed(_write_runs)(folder, batch) for batch in batches)
    return folder


def _write_runs(folder: MatrixDir, numbered: list[tuple[int, RunSpec]]) -> None:
    for number, spec in numbered:
        template = _template(spec.method, spec.whiten)
        _write_run(folder.run_dir(spec.run_id), spec, template, np.random.default_rng(number))


@cache
def _template(method: str, whiten: bool) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return audit.json and provenance.json of a committed run with this method and whitening."""
    for path in sorted((TOP / "results" / "recipe_cpu").glob("*/spec.yaml")):
        run = RunDir(path.parent)
        spec = run.read_spec()
        if (spec.method, spec.whiten) == (method, whiten):
            return run.read_audit() or {}, run.read_provenance()
    raise LookupError(method)


def _write_run(run: RunDir, spec: RunSpec, template: tuple[dict[str, Any], dict[str, Any]], rng: Any) -> None:
    """Write all files of one run, without fsync, which would take too long for a million rows."""
    facts, provenance = template
    run.path.mkdir()
    run.spec_file.write_text(spec.to_text())
    run.metrics_file.write_bytes(_metrics(spec, rng))
    run.audit_file.write_text(json.dumps(_facts(spec, facts), indent=1) + "\n")
    run.provenance_file.write_text(
        json.dumps(provenance | {"spec": spec.model_dump(), "shared_with": []}, indent=1) + "\n"
    )
    assignments = {"assignment": np.zeros(100, int), "indices": np.arange(100), "labels": np.zeros(100, int)}
    with run.assignments_file.open("wb") as file:
        np.savez_compressed(file, **assignments)  # type: ignore[arg-type]
    run.log_file.write_text("")
    run.claim_file.write_text("")
    state = {"name": "done", "kind": None, "reason": "", "seconds": 277.67, "started": "2026-01-01T00:00:00+00:00"}
    run.state_file.write_text(json.dumps(state | {"host": "made", "pid": 1, "last_lines": []}, indent=1) + "\n")


# --- curves ---------------------------------------------------------------------------------


def _metrics(spec: RunSpec, rng: Any) -> bytes:
    """Return metrics.csv: every column that the method fills, with the digits that a run writes."""
    values = _columns(spec, np.arange(spec.epochs + 1), rng)
    columns = [_column(values.get(name), spec.epochs + 1) for name in COLUMNS]
    text = io.BytesIO()
    options = pyarrow.csv.WriteOptions(include_header=False)
    pyarrow.csv.write_csv(pyarrow.table(columns, names=list(COLUMNS)), text, options)
    return (",".join(COLUMNS) + "\n").encode() + text.getvalue()


def _column(values: Any, rows: int) -> pyarrow.Array:
    return pyarrow.nulls(rows) if values is None else pyarrow.array(values, from_pandas=True)


def _columns(spec: RunSpec, epoch: Any, rng: Any) -> dict[str, Any]:
    rows, network = len(epoch), spec.method == "deepcluster"
    curve = rng.uniform(0.35, 0.55) + rng.uniform(-0.15, 0.3) * (1 - np.exp(-epoch / rng.uniform(5, 40)))
    scored = [name for name in COLUMNS if name.endswith(("_true", "_geometric", "accuracy", "purity"))]
    wanted = [name for name in scored if name.startswith(("test_head", "pseudo")) or network == ("unwhite" not in name)]
    values = {name: np.round(curve * rng.uniform(0.8, 1.1) + rng.normal(0, 0.01, rows), 16) for name in wanted}
    values |= {name: np.round(values[name], 4) for name in wanted if name.endswith(("accuracy", "purity"))}
    values.pop("test_head_accuracy")
    values |= {
        "epoch": epoch,
        "reassigned": (epoch % spec.reassign_every == 0).astype(int),
        "loss": np.where(epoch > 0, rng.uniform(1, 2) + np.exp(-epoch / 20) + rng.normal(0, 0.01, rows), np.nan),
        "pseudo_label_accuracy": np.where(epoch > 0, values["pseudo_label_accuracy"], np.nan),
        "nmi_previous": np.where(epoch > 0, 1 - 0.5 * np.exp(-epoch / 15) + rng.normal(0, 0.003, rows), np.nan),
        "active_clusters": np.full(rows, spec.k),
        "largest_cluster_share": np.round(rng.uniform(0.15, 0.45) + rng.normal(0, 0.01, rows), 4),
        "cluster_entropy": rng.uniform(0.85, 0.97) + rng.normal(0, 0.005, rows),
        "refilled_clusters": np.zeros(rows, int),
        "feature_rank": np.maximum(1.2, rng.uniform(1, 40) + 10 * np.exp(-epoch / 10) + rng.normal(0, 0.1, rows)),
        "images_per_second_train": np.where(epoch > 0, np.round(rng.normal(980, 20, rows), 1), np.nan),
        "peak_memory_mb": np.round(1063.5 + 0.1 * epoch, 1),
    }
    return values | {
        f"seconds_{stage}": np.round(rng.uniform(0.03, 5) + rng.uniform(0, 0.02, rows), 4) for stage in STAGES
    }


# --- facts ----------------------------------------------------------------------------------


def _digest(*parts: object) -> str:
    return blake2b(json.dumps(parts).encode(), digest_size=8).hexdigest()


def _facts(spec: RunSpec, template: dict[str, Any]) -> dict[str, Any]:
    """Return audit.json: the template with the evidence that this spec would leave."""
    facts = copy.deepcopy(template)
    facts["stages"].get("pca", {})["dim"] = spec.pca_dim
    images = [spec.dataset, spec.input_channels, spec.seed]
    network = [*images, spec.arch, spec.width]
    clustered = [*network, spec.k, spec.pca_dim, spec.backend]
    facts["epochs"], facts["reassigned"] = spec.epochs, list(range(0, spec.epochs, spec.reassign_every))
    facts["data"]["training"] |= {"sha256": _digest(spec.dataset) * 4, "indices": _digest(images)}
    if spec.method == "pixels":
        facts["probe"]["input_shape"][0] = spec.input_channels
        return facts
    last_pass = facts["passes"][-1]
    facts["passes"] = [
        last_pass | {"epoch": epoch, "drawn": _digest(clustered, epoch)} for epoch in range(1, spec.epochs + 1)
    ]
    facts["network"] |= {"initial": _digest(network)}
    facts["network"]["layers"] += ["ReLU"] * (spec.arch != "alexnet")
    facts["probe"] |= {"input": _digest(images), "input_shape": [spec.input_channels, spec.image_size, spec.image_size]}
    for stage, stage_facts in facts["stages"].items():
        library = registry.facts("backends", spec.backend).get("library", spec.backend)
        stage_facts |= {"library": library, "function": f"{library}.{stage}", "output": _digest(clustered, stage)}
    facts["stages"]["kmeans"]["k"] = spec.k
    facts["first"] = {
        "centroids": _digest(images, spec.k), "assignment": _digest(clustered), "batch": _digest(clustered, "batch"),
    }  # fmt: skip
    facts["optimizers"]["trunk"] = {"class": spec.optimizer, "lr": spec.lr, "weight_decay": spec.weight_decay}
    return facts
