"""Built-in plug-ins keep the contract of their kind, and a plug-in with a planted fault fails the right check."""

import importlib
import os
import signal
import threading

import pytest

from dcbench import contracts, registry
from tests.helpers.official_files import provide

BUILT_IN = [
    (kind, plugin, check)
    for kind in contracts.KINDS_WITH_CHECKS
    for plugin in registry.plugin_names(kind)
    for check in contracts.list_checks(kind)
    # The stand-in files hold fewer images than the official ones, whose numbers are the facts.
    if (kind, check.__name__) != ("datasets", "check_counts") or plugin == "digits"
]


@pytest.mark.parametrize(("kind", "plugin", "check"), BUILT_IN, ids=lambda plugin: getattr(plugin, "__name__", plugin))
def test_built_in_plugins_keep_the_contract(kind, plugin, check, tmp_path, monkeypatch):
    name = f"{plugin}:pictures" if plugin == "imagefolder" else plugin
    if kind == "datasets":
        provide(plugin, tmp_path, monkeypatch)
    check(name, tmp_path)


def test_every_kind_has_checks_with_distinct_sentences():
    for kind in contracts.KINDS_WITH_CHECKS:
        sentences = [contracts.sentence_of(check) for check in contracts.list_checks(kind)]
        assert len(sentences) == len(set(sentences)) >= 3 and all(sentence[0].isupper() for sentence in sentences)


# --- planted faults: (kind, file, the text of the plug-in, what the failing check says) -----------

ARCH = """from torch import nn
FACTS = {"features_32": 16, "features_224": 16, "smallest_image": 8}
def build(spec):
    features = 16 if spec.geometry == 32 else int(16 * spec.width)
    return nn.Sequential(
        nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(16 * spec.input_channels, 8), nn.ReLU(), nn.Linear(8, features)
    )
"""
DATASET = """import numpy as np
FACTS = {"train": 80, "test": 20, "classes": 2, "channels": 1, "side": 16}
def load(data_dir, spec, train):
    rng = np.random.default_rng(train)
    labels = np.arange(80 if train else 20) % 2
    return rng.integers(0, 255, (len(labels), 1, 16, 16), dtype=np.uint8), labels
"""
BACKEND = """from dcbench import registry
FACTS = {"library": "torch"}
torch_backend = registry.load("backends", "torch")
fit_pca, fit_whitening, kmeans = torch_backend.fit_pca, torch_backend.fit_whitening, torch_backend.kmeans
"""
METHOD = """from dcbench import registry
FACTS = {"network": True}
deepcluster = registry.load("methods", "deepcluster")
begin, relabel = deepcluster.begin, deepcluster.relabel
"""
EXECUTOR = """import subprocess, sys, time
from pathlib import Path
from dcbench.execution.executors import WorkerExit, inline
FACTS = {}
class Executor(inline.Executor):
    pass
"""
FIGURE = """from matplotlib.figure import Figure
FACTS = {"title": "Scores", "caption": "The last scores.", "per_axis": True}
def draw(analysis, axis):
    figure = Figure()
    panel = figure.subplots()
    panel.plot(analysis.finals["nmi_true"].to_numpy(), "o")
    panel.set(xlabel=axis or "run", ylabel="NMI")
    return figure
"""
VALID = {
    "archs": ARCH, "datasets": DATASET, "backends": BACKEND, "methods": METHOD, "executors": EXECUTOR,
    "figures": FIGURE,
}  # fmt: skip
FAULTS = [
    ("archs", ARCH.replace('"features_32": 16', '"features_32": 15'), "expected (2, 15)"),
    ("archs", ARCH.replace(", nn.Linear(8, features)", ", nn.Linear(8, features), nn.ReLU()"), "expected Linear"),
    ("archs", ARCH + "inner = build\ndef build(spec):\n    return inner(spec).requires_grad_(False)\n",
     "parameters without a gradient"),
    ("datasets", DATASET.replace("dtype=np.uint8", "dtype=np.int64"), "expected uint8"),
    ("datasets", DATASET.replace("default_rng(train)", "default_rng(0)"), "training images are test images"),
    ("datasets", DATASET.replace("default_rng(train)", "default_rng()"), "two loads give other images"),
    ("datasets", DATASET.replace('"train": 80', '"train": 81'), "FACTS says 81"),
    ("backends", BACKEND + "def kmeans(points, first, iterations):\n"
     "    return torch_backend.kmeans(points, first, iterations + 1)\n", "differ by"),
    ("backends", BACKEND + "def fit_whitening(reduced):\n    return lambda other: other\n",
     "differs from the identity"),
    ("methods", METHOD + "def relabel(learner, assignment, split, spec, epoch):\n"
     "    learner.labels = assignment\n    return True\n", "do not come together"),
    ("figures", FIGURE.replace("last scores.", "last scores"), "does not end with a full stop"),
    ("figures", FIGURE.replace("xlabel=axis or \"run\", ylabel=\"NMI\"", ""), "no panel has a label"),
    ("figures", FIGURE.replace("Figure()", "Figure(figsize=(40, 4))"), "40.0 inches wide, at most"),
    ("figures", FIGURE.replace("return figure", "return panel"), "draw returned a Axes"),
    ("figures", FIGURE.replace("last scores.\", \"per_axis\": True", "last scores.\", \"per_axis\": False")
     .replace("axis or \"run\"", "axis.upper()"), "AttributeError: 'NoneType' object has no attribute 'upper'"),
    ("figures", FIGURE.replace("    figure =", "    analysis.finals[\"new\"] = 1\n    figure ="),
     "analysis.finals; work on a copy"),
    ("figures", FIGURE.replace("    figure =", "    analysis.results.rows[\"loss\"] = 0.0\n    figure ="),
     "draw changed analysis.results.rows"),
    ("figures", FIGURE.replace("figure = Figure()", "import matplotlib.pyplot as plt; figure = plt.figure()"),
     "draw makes its figure with pyplot"),
    ("figures", FIGURE.replace("    figure =", "    assert len(analysis.finals) > 3, 'too few'\n    figure ="),
     "too few"),
    ("figures", FIGURE.replace("    figure =", "    int(analysis.finals[\"nmi_true\"].mean())\n    figure ="),
     "ValueError: cannot convert float NaN to integer"),
]  # fmt: skip


@pytest.fixture
def write_plugin(tmp_path):
    """Return a function that writes a plug-in into an own folder and registers it."""

    def write(kind, text):
        folder = tmp_path / "parts" / kind
        folder.mkdir(parents=True)
        (folder / "own.py").write_text(text)
        registry.use_plugins([tmp_path / "parts"])

    return write


@pytest.mark.parametrize("kind", VALID)
def test_a_valid_plugin_passes_every_check(kind, write_plugin):
    write_plugin(kind, VALID[kind])
    results = list(contracts.run_checks(kind, "own"))
    assert results and not [(result.sentence, result.problem) for result in results if result.problem]


@pytest.mark.parametrize(("kind", "text", "expected"), FAULTS, ids=[fault[2] for fault in FAULTS])
def test_a_planted_fault_fails_a_check_with_its_reason(kind, text, expected, write_plugin):
    write_plugin(kind, text)
    problems = [result.problem for result in contracts.run_checks(kind, "own") if result.problem]
    assert [problem for problem in problems if expected in problem], problems


# --- executors: each fault with the check that must name it, since a wrong executor can hang every check --

OVERRIDE = EXECUTOR.replace("    pass\n", "")
SUBMIT, WAIT = "    def submit(self, run_dir, config):\n        ", "    def wait(self, seconds):\n        "
ALL_END_WITH = "return [WorkerExit(run_dir=each.run_dir, exit_code={}) for each in super().wait(seconds)]\n"
KEEP_CONFIG = "    def __init__(self, config):\n        super().__init__(config)\n        self.config = config\n"
EXECUTOR_FAULTS = [
    ("check_ends", WAIT + ALL_END_WITH.format(0), "exit codes [0, 0, 0], expected [0, 1, 0]"),
    ("check_ends", WAIT + "return super().wait(seconds) * 2\n", "twice"),
    ("check_ends", WAIT + "super().wait(seconds)\n", "wait returned None, expected a list"),
    ("check_ends", SUBMIT + "super().submit(run_dir.parent, config)\n", "no submitted run"),
    ("check_ends", WAIT + "time.sleep(0.1)\n        return []\n",
     "did not end within 0.5 s; wait has returned the end of 0 of 3 runs; it was in wait, "),
    ("check_ends", SUBMIT + "time.sleep(600)\n", "did not end within 0.5 s; it was in submit, "),
    ("check_ends", SUBMIT + "sys.exit(3)\n", "SystemExit: 3"),
    ("check_ends", "    def submit(self, run_dir):\n        pass\n", "TypeError: Executor.submit() takes 2 positional"),
    ("check_configuration", KEEP_CONFIG + SUBMIT + "super().submit(run_dir, self.config)\n",
     "the worker got command='', submitted was 'digits-"),
    ("check_idle", WAIT + "return [WorkerExit(run_dir=None, exit_code=0)]\n", "though nothing was submitted"),
    ("check_stop", "    def stop(self, run_dir):\n        pass\n", "within 0.5 s; wait has returned the end of 0"),
    ("check_stop", WAIT + ALL_END_WITH.format(0), "exit code 0, expected 143 or -15"),
    ("check_kill", WAIT + ALL_END_WITH.format(1), "exit code 1, expected -9"),
]  # fmt: skip


@pytest.mark.parametrize(("check", "methods", "expected"), EXECUTOR_FAULTS, ids=[fault[2] for fault in EXECUTOR_FAULTS])
def test_a_wrong_executor_fails_its_check_within_the_deadline(check, methods, expected, write_plugin, monkeypatch):
    module = importlib.import_module("dcbench.contracts.executors")
    monkeypatch.setattr(contracts, "list_checks", lambda kind: [getattr(module, check)])
    write_plugin("executors", OVERRIDE + methods)
    # Where nothing hangs a worker needs the time; where something does, half a second shows it.
    deadline = 0.5 if "0.5 s" in expected else 300
    (result,) = contracts.run_checks("executors", "own", deadline=deadline)
    assert result.problem is not None and expected in result.problem, result.problem


@pytest.mark.parametrize(("check", "expected"), [("check_close", "after close"), ("check_kill", "after kill")])
def test_processes_left_behind_by_a_wrong_executor_are_reported_and_killed(
    check, expected, write_plugin, monkeypatch, tmp_path
):
    module = importlib.import_module("dcbench.contracts.executors")
    monkeypatch.setattr(contracts, "list_checks", lambda kind: [getattr(module, check)])
    methods = f"""    def submit(self, run_dir, config):
        process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)", str(run_dir)])
        process.returncode = -9  # as if it had been waited for: else Popen would complain
        Path({str(tmp_path / "pid")!r}).write_text(str(process.pid))
        self.runs = [WorkerExit(run_dir=run_dir, exit_code=-9)]
    def wait(self, seconds):
        return self.runs
"""
    write_plugin("executors", OVERRIDE + methods)
    (result,) = contracts.run_checks("executors", "own")
    pid = int((tmp_path / "pid").read_text())
    assert result.problem is not None and f"process {pid} still work" in result.problem and expected in result.problem
    assert os.waitpid(pid, 0)[1] == signal.SIGKILL


def test_a_plugin_that_hangs_in_close_is_interrupted(write_plugin, monkeypatch):
    module = importlib.import_module("dcbench.contracts.executors")
    monkeypatch.setattr(contracts, "list_checks", lambda kind: [module.check_idle])
    monkeypatch.setattr(contracts, "CLOSING_TIME", 1.0)
    # Each of the two hangs until its own interruption; a bare except would hide an Exception.
    write_plugin(
        "executors",
        OVERRIDE
        + """    def wait(self, seconds):
        while True:
            try:
                time.sleep(600)
            except Exception:
                pass
    def close(self):
        time.sleep(600)
""",
    )
    (result,) = contracts.run_checks("executors", "own", deadline=0.2)
    assert result.problem is not None and "did not end within 0.2 s; it was in close" in result.problem


def test_checks_in_other_threads_have_no_deadline(write_plugin):
    write_plugin("figures", FIGURE)
    results = []
    thread = threading.Thread(target=lambda: results.extend(contracts.run_checks("figures", "own", deadline=1e-9)))
    thread.start()
    thread.join()
    assert results and not any(result.problem for result in results)


@pytest.mark.parametrize("kind", ["archs", "datasets"])
def test_a_plugin_that_calls_sys_exit_fails_its_checks(kind, write_plugin):
    write_plugin(kind, VALID[kind] + "import sys\nsys.exit(0)\n")
    results = list(contracts.run_checks(kind, "own"))
    assert len(results) == len(contracts.list_checks(kind))
    assert all("own.py: cannot be imported: SystemExit: 0" in str(result.problem) for result in results)


def test_ctrl_c_ends_the_checks(write_plugin):
    write_plugin("figures", FIGURE + "raise KeyboardInterrupt\n")
    with pytest.raises(KeyboardInterrupt):
        list(contracts.run_checks("figures", "own"))


def test_a_dataset_is_loaded_once_for_all_checks_and_once_to_compare(write_plugin, tmp_path):
    log = tmp_path / "loads"
    count = f"    with open({str(log)!r}, 'a') as file:\n        print('test training'.split()[train], file=file)\n"
    write_plugin("datasets", DATASET.replace("    rng =", count + "    rng ="))
    assert not [result.problem for result in contracts.run_checks("datasets", "own") if result.problem]
    assert sorted(log.read_text().split()) == ["test", "training", "training"]
