"""docs/measurements.md is what the committed results say."""

import importlib.util
import subprocess
from pathlib import Path

import pandas as pd

from dcbench import ledger
from dcbench.matrix import read_matrix
from dcbench.rundir import MatrixDir

TOP = Path(__file__).parent.parent
COMMITTED = sorted(path.parent for path in (TOP / "results").glob("*/matrix.yaml") if path.parent.name != "quickstart")


def test_the_page_is_what_the_committed_results_give():
    spec = importlib.util.spec_from_file_location("measurements", TOP / "benchmarks" / "measurements.py")
    measurements = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(measurements)
    assert measurements.PAGE.read_text(encoding="utf-8") == measurements.page()


def test_the_committed_results_are_whole_small_and_hold_no_weights():
    assert {path.name for path in COMMITTED} >= {"mnist_cifar_cpu", "small_cpu"}
    for path in COMMITTED:
        folder = MatrixDir(path)
        plan = ledger.stored_plan(folder)
        assert ledger.counts(ledger.entries(plan, folder))["done"] == len(plan.runs)
        assert plan.run_ids == read_matrix(TOP / "matrices" / f"{path.name}.yaml", "float32").run_ids
        assert (TOP / "reports" / path.name / "index.html").exists()
    told = subprocess.run(["git", "ls-files", "results"], cwd=TOP, capture_output=True, text=True, check=True)
    files = [TOP / name for name in told.stdout.splitlines()]
    assert {path.name for path in files} == {"matrix.yaml", "spec.yaml", "metrics.csv", "state.json", "provenance.json"}
    assert sum(path.stat().st_size for path in files) < 5_000_000


def test_the_published_recipe_on_mnist_learns_its_pseudo_labels_and_not_the_digits():
    final = pd.read_csv(TOP / "reports" / "recipe_cpu" / "tables" / "runs.csv")
    assert len(final) == 5 and (final["pseudo_label_accuracy"] > 0.7).all()
    assert final["nmi_true"].between(0.3, 0.6).all()
    page = (TOP / "reports" / "recipe_cpu" / "index.html").read_text()
    assert "pseudo-label accuracy" in page and "NMI with the truth" in page
