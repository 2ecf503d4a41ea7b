"""docs/measurements.md agrees with the committed results."""

import importlib.util
import subprocess
from pathlib import Path

import pandas as pd
import pytest

from dcbench.analysis import results
from dcbench.audit.axes import audit
from dcbench.core.matrix.expand import read_matrix
from dcbench.core.store import status
from dcbench.core.store.run_dir import MatrixDir

TOP = Path(__file__).parent.parent
WRITTEN = {
    "matrix.yaml", "spec.yaml", "metrics.csv", "state.json", "provenance.json", "audit.json",
    "assignments.npz", "mnist-10000.csv", "mnist-10000.json",
}  # fmt: skip
COMMITTED = sorted(path.parent for path in (TOP / "results").glob("*/matrix.yaml") if path.parent.name != "quickstart")


def test_the_page_agrees_with_the_committed_results():
    spec = importlib.util.spec_from_file_location("measurements", TOP / "benchmarks" / "measurements.py")
    measurements = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(measurements)
    assert measurements.PAGE.read_text(encoding="utf-8") == measurements.page()


def test_the_committed_results_are_complete_small_and_without_weights():
    assert {path.name for path in COMMITTED} >= {"mnist_cifar_cpu", "small_cpu"}
    for path in COMMITTED:
        folder = MatrixDir(path)
        plan = status.read_stored_plan(folder)
        assert status.count_states(status.read_planned_runs(plan, folder))["done"] == len(plan.planned)
        assert plan.run_ids == read_matrix(TOP / "matrices" / f"{path.name}.yaml", "float32").run_ids
        # null_cpu is only there for benchmarks/null_matrix.py, which reports matrices made of its runs.
        assert (TOP / "reports" / path.name / "index.html").exists() or path.name == "null_cpu"
    process = subprocess.run(["git", "ls-files", "results"], cwd=TOP, capture_output=True, text=True, check=True)
    files = [TOP / name for name in process.stdout.splitlines()]
    assert {path.name for path in files} == WRITTEN
    # The assignments of small_cpu and backends, from which anyone can compute their scores again, are half of it.
    assert {path.parent.parent.name for path in files if path.name == "assignments.npz"} == {"small_cpu", "backends"}
    assert sum(path.stat().st_size for path in files) < 10_000_000


def test_the_published_recipe_learns_its_pseudo_labels_but_not_the_digits():
    final = pd.read_csv(TOP / "reports" / "recipe_cpu" / "tables" / "runs.csv")
    assert len(final) == 5 and (final["pseudo_label_accuracy"] > 0.7).all()
    assert final["nmi_true"].between(0.3, 0.6).all()
    page = (TOP / "reports" / "recipe_cpu" / "index.html").read_text()
    assert "pseudo-label accuracy" in page and "NMI with the truth" in page


@pytest.mark.parametrize("path", COMMITTED, ids=lambda path: path.name)
def test_every_axis_of_the_committed_results_acts_and_every_check_passed(path):
    result = audit(MatrixDir(path))
    assert result.passed and result.failures == []
    assert all(axis.verdict == "acts" and axis.acted == axis.common == axis.pairs for axis in result.axes)


def test_all_six_axes_of_the_full_matrix_act():
    names = [axis.name for axis in audit(MatrixDir(TOP / "results" / "mnist_cifar_cpu")).axes]
    assert names == ["dataset", "arch", "input_channels", "optimizer", "top_optimizer", "backend"]


def last_rows(matrix, method):
    loaded = results.read_results(MatrixDir(TOP / "results" / matrix))
    return loaded.baselines[loaded.baselines["method"] == method]


@pytest.mark.parametrize(("dataset", "low", "high"), [("mnist", 0.48, 0.58), ("cifar10", 0.19, 0.23)])
def test_raw_pixels_have_the_published_accuracy(dataset, low, high):
    pixels = last_rows("pixels_cpu", "pixels")
    raw = pixels[(pixels["dataset"] == dataset) & pixels["pca_dim"].isna()]
    assert len(raw) == 5 and low <= raw["cluster_accuracy"].median() <= high


def test_the_supervised_accuracy_on_10_000_mnist_images():
    supervised = last_rows("recipe_cpu", "supervised")
    assert len(supervised) == 5 and (supervised["epochs"] == 10).all() and (supervised["limit"] == 10_000).all()
    assert supervised["test_head_accuracy"].median() > 0.95
    assert supervised["test_unwhitened_refit_cluster_accuracy"].median() > 0.90
