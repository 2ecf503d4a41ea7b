"""A dataset, a backend and a figure are added by writing one file each, without changes to other files."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import dcbench

HOUSE = Path(dcbench.__file__).parent

DATASET = '''"""Stripes: two classes of made-up images."""
import numpy as np
FACTS = {"train": 80, "test": 20, "classes": 2, "channels": 1, "side": 16}
def load(data_dir, spec, train):
    rng = np.random.default_rng(train)
    labels = np.arange(80 if train else 20) % 2
    pixels = rng.integers(0, 50, (len(labels), 1, 16, 16), dtype=np.uint8)
    pixels[labels == 1, :, ::2] += 200
    pixels[labels == 0, :, :, ::2] += 200
    return pixels, labels
'''
BACKEND = '''"""Mirror: the torch backend under another name."""
from dcbench import registry
FACTS = {"library": "torch"}
def fit_pca(features, dim):
    return registry.load("backends", "torch").fit_pca(features, dim)
def fit_whitening(reduced):
    return registry.load("backends", "torch").fit_whitening(reduced)
def kmeans(points, first, iterations):
    return registry.load("backends", "torch").kmeans(points, first, iterations)
'''
PLOT = '''"""Losses: the last loss of each run."""
from matplotlib.figure import Figure
FACTS = {"title": "Losses", "caption": "The last loss of each run.", "per_axis": False}
def draw(analysis, axis):
    figure = Figure()
    panel = figure.subplots()
    panel.plot(analysis.results.rows.groupby("run_id")["loss"].last().to_numpy())
    panel.set(xlabel="run", ylabel="loss (nats)")
    return figure
'''
MATRIX = """name: added
axes: {backend: [mirror, torch]}
settings: {dataset: stripes, width: 0.05, pca_dim: 8, k: 2, epochs: 1}
"""


@pytest.mark.slow
def test_a_dataset_a_backend_and_a_figure_are_added_by_one_file_each(tmp_path):
    house = tmp_path / "dcbench"
    shutil.copytree(HOUSE, house, ignore=shutil.ignore_patterns("__pycache__"))
    (house / "training" / "datasets" / "stripes.py").write_text(DATASET)
    (house / "training" / "backends" / "mirror.py").write_text(BACKEND)
    (house / "figures" / "losses.py").write_text(PLOT)
    (tmp_path / "m.yaml").write_text(MATRIX)

    def python(*arguments, code=0):
        completed = subprocess.run(
            [sys.executable, "-m", *arguments], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert completed.returncode == code, completed.stdout + completed.stderr
        return completed.stdout

    assert "2 done" in python("dcbench", "run", "m.yaml", "--executor", "inline")
    audited = python("dcbench", "audit", "results/added", code=1)
    assert "does nothing" in audited and "every check of every run passed" in audited, "both backends call torch"
    python("dcbench", "report", "results/added")
    page = (tmp_path / "reports" / "added" / "index.html").read_text()
    assert "<h3>Losses</h3>" in page and (tmp_path / "reports" / "added" / "figures" / "losses.svg").exists()

    shutil.copytree(Path(__file__).parent, tmp_path / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(HOUSE.parent / "pyproject.toml", tmp_path)
    contracts = [
        f"tests/{package}/test_contract.py" for package in ("training/datasets", "training/backends", "figures")
    ]
    completed = python("pytest", "-p", "no:cacheprovider", "-k", "stripes or mirror or losses", *contracts)
    assert "failed" not in completed and int(completed.split(" passed")[0].split()[-1]) >= 18
