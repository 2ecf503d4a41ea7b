"""What all tests share: a tiny matrix, a way to run it here, and the markers that need data or a GPU."""

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
hypothesis.settings.load_profile("gate")  # the same examples everywhere, and no wall-clock time asserted


FEW_PLOTS = ("coverage", "curves", "stage_times")


def pytest_configure() -> None:
    """A shell starts background jobs with SIGINT ignored, which children inherit; tests of Ctrl-C need it heard."""
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
    """Run a matrix text with the inline executor; returns its results folder."""

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
    """Reports with three plots instead of all: for tests of what else a report does, since all take half a minute."""
    names = registry.plugin_names
    monkeypatch.setattr(registry, "plugin_names", lambda room: [*FEW_PLOTS] if room == "figures" else names(room))


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


@pytest.fixture
def folder(tmp_path):
    """All runs of a small plan done, with made-up metrics."""
    found, plan = MatrixDir(tmp_path / "m"), plan_of(TEXT)
    status.store_plan(plan, found)
    for spec in plan.runs:
        fill(found, spec.run_id, spec)
    return found


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What the commands print, as a terminal of 100 columns shows it."""
    stdout = Console(file=io.StringIO(), force_terminal=True, width=100, color_system=None)
    monkeypatch.setattr(console, "stdout", stdout)
    return stdout.file


@pytest.fixture
def entries(tmp_path: Path) -> list[status.PlannedRun]:
    """Three planned runs that have not begun."""
    plan, folder = plan_of("name: m\naxes: {k: [5, 6, 7]}\n"), MatrixDir(tmp_path / "m")
    status.store_plan(plan, folder)
    for spec in plan.runs:
        folder.run_dir(spec.run_id).prepare(spec)
    return status.read_planned_runs(plan, folder)


@pytest.fixture(autouse=True)
def no_plugins_afterwards() -> Iterator[None]:
    """Forget the plug-ins that a test made known."""
    yield
    registry.set_state(((), {}))
