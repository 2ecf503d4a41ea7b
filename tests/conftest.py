"""Fixtures that many tests share, and the markers of tests that need data or a GPU."""

from __future__ import annotations

import io
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import matplotlib
import pytest
from playwright.sync_api import Browser, sync_playwright
from rich.console import Console

from dcbench import registry
from dcbench.core import console, devices
from dcbench.core.store import status
from dcbench.core.store.run_dir import MatrixDir
from dcbench.core.worker_config import WorkerConfig
from dcbench.execution import scheduler
from tests.helpers.matrices import plan_of
from tests.helpers.result_folders import TEXT, fill

matplotlib.use("Agg")
hypothesis.settings.register_profile("gate", deadline=None, derandomize=True, database=None)
hypothesis.settings.load_profile("gate")  # the same examples everywhere, and no limit on the wall-clock time


FEW_FIGURES = ("coverage", "curves", "stage_times")


def pytest_configure() -> None:
    """Restore the handler of SIGINT for the tests of Ctrl-C: a shell ignores SIGINT in background jobs."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    no_data = None if os.environ.get("DCBENCH_DATA") else "set DCBENCH_DATA to a folder with the official files"
    no_gpu = None if devices.list_gpus() else "no GPU is visible to NVML"
    for item in items:
        for marker, reason in (("realdata", no_data), ("gpu", no_gpu)):
            if reason and item.get_closest_marker(marker):
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture
def data_dir() -> Path:
    return Path(os.environ["DCBENCH_DATA"])


@pytest.fixture
def run_here(tmp_path: Path) -> Callable[..., MatrixDir]:
    """Run a matrix given as text with the inline executor; return its results folder."""

    def run(text: str, data_dir: Path = tmp_path, redo: bool = False) -> MatrixDir:
        plan = plan_of(text)
        folder = MatrixDir(tmp_path / "results" / plan.name)
        status.store_plan(plan, folder)
        todo = scheduler.select_runs(status.read_planned_runs(plan, folder), redo)
        settings = scheduler.make_settings(WorkerConfig(data_dir=data_dir, redo=redo))
        list(scheduler.run(todo, "inline", settings))
        return folder

    return run


@pytest.fixture
def few_plots(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw only three figures in reports, because all of them take half a minute."""
    names = registry.plugin_names
    monkeypatch.setattr(registry, "plugin_names", lambda kind: [*FEW_FIGURES] if kind == "figures" else names(kind))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start a headless Chromium; skip the test where none is installed."""
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if program is None:
        pytest.skip("no Chromium is installed")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, chromium_sandbox=os.geteuid() != 0)
        yield chromium
        chromium.close()


@pytest.fixture
def folder(tmp_path):
    """Write the results of a small plan, in which all runs are done with made-up metrics."""
    matrix_dir, plan = MatrixDir(tmp_path / "m"), plan_of(TEXT)
    status.store_plan(plan, matrix_dir)
    for spec in plan.runs:
        fill(matrix_dir, spec.run_id, spec)
    return matrix_dir


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """Let the commands print to a terminal of 100 columns; return its text stream."""
    stdout = Console(file=io.StringIO(), force_terminal=True, width=100, color_system=None)
    monkeypatch.setattr(console, "stdout", stdout)
    return stdout.file


@pytest.fixture
def entries(tmp_path: Path) -> list[status.PlannedRun]:
    """Plan three runs and prepare their folders."""
    plan, folder = plan_of("name: m\naxes: {k: [5, 6, 7]}\n"), MatrixDir(tmp_path / "m")
    status.store_plan(plan, folder)
    for spec in plan.runs:
        folder.run_dir(spec.run_id).prepare(spec)
    return status.read_planned_runs(plan, folder)


@pytest.fixture(autouse=True)
def no_plugins_afterwards() -> Iterator[None]:
    """Forget the plug-ins that a test registered."""
    yield
    registry.set_state(((), {}))
