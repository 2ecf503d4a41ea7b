"""Fixtures: two real tiny runs on digits, copied for each test that damages their files."""

import shutil

import pytest

from dcbench.core.store import status
from dcbench.core.store.run_dir import MatrixDir
from dcbench.core.worker_config import WorkerConfig
from dcbench.execution import scheduler
from tests.helpers.matrices import plan_of
from tests.helpers.recomputed_runs import MATRIX


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """Run a cell and its supervised baseline once; return the folder of the matrix, which tests must not change."""
    folder = MatrixDir(tmp_path_factory.mktemp("recompute") / "m")
    plan = plan_of(MATRIX)
    status.store_plan(plan, folder)
    settings = scheduler.make_settings(WorkerConfig(data_dir=folder.path.parent))
    list(scheduler.run(scheduler.select_runs(status.read_planned_runs(plan, folder)), "inline", settings))
    return folder


@pytest.fixture
def matrix(finished, tmp_path):
    """Copy the folder of the matrix for a test that may change it."""
    shutil.copytree(finished.path, tmp_path / "results" / "m")
    return MatrixDir(tmp_path / "results" / "m")


@pytest.fixture
def run(matrix):
    """Return the run of the cell, which comes before the baseline."""
    return status.read_status(matrix).runs[0]
