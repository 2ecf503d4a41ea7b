"""What all tests share: a tiny matrix, a way to run it here, and the markers that need data or a GPU."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import matplotlib
import pytest
from playwright.sync_api import Browser, sync_playwright

from dcbench import registry
from dcbench.core import devices
from dcbench.core.matrix.expand import Plan, parse_matrix
from dcbench.core.store import status
from dcbench.core.store.run_dir import MatrixDir
from dcbench.execution import scheduler
from dcbench.execution.executors import Options

matplotlib.use("Agg")
hypothesis.settings.register_profile("gate", deadline=None, derandomize=True, database=None)
hypothesis.settings.load_profile("gate")  # the same examples everywhere, and no wall-clock time asserted

TINY = "{limit: 60, width: 0.05, pca_dim: 8, epochs: 1, batch_size: 32, k: 4}"
"""Settings of a run that takes a fraction of a second."""


FEW_PLOTS = ("coverage", "curves", "stage_times")


def pytest_configure() -> None:
    """A shell starts background jobs with SIGINT ignored, which children inherit; tests of Ctrl-C need it heard."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    no_data = None if os.environ.get("DCBENCH_DATA") else "set DCBENCH_DATA to a folder with the official files"
    no_gpu = None if devices.gpus() else "no GPU is visible to NVML"
    for item in items:
        for marker, reason in (("realdata", no_data), ("gpu", no_gpu)):
            if reason and item.get_closest_marker(marker):
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture
def data_dir() -> Path:
    return Path(os.environ["DCBENCH_DATA"])


def plan_of(text: str) -> Plan:
    return parse_matrix(text, "m.yaml", "float32")


@pytest.fixture
def run_here(tmp_path: Path) -> Callable[..., MatrixDir]:
    """Run a matrix text with the inline executor; returns its results folder."""

    def run(text: str, data_dir: Path = tmp_path, redo: bool = False) -> MatrixDir:
        plan = plan_of(text)
        folder = MatrixDir(tmp_path / "results" / plan.name)
        status.store_plan(plan, folder)
        todo = scheduler.runs_left(status.planned_runs(plan, folder), redo)
        options = Options(data_dir)
        list(scheduler.run(todo, "inline", options, scheduler.scheduler_settings(options, redo=redo)))
        return folder

    return run


@pytest.fixture
def few_plots(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reports with three plots instead of all: for tests of what else a report does, since all take half a minute."""
    names = registry.plugin_names
    monkeypatch.setattr(registry, "plugin_names", lambda room: [*FEW_PLOTS] if room == "plots" else names(room))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A Chromium without a window; the test is skipped where none is installed."""
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if program is None:
        pytest.skip("no Chromium is installed")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, chromium_sandbox=os.geteuid() != 0)
        yield chromium
        chromium.close()
