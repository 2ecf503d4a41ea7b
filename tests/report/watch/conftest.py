"""Fixtures of the tests of the watch: results of small matrices, and a server of their reports."""

from functools import partial

import pytest

from dcbench.core.store import status
from dcbench.core.store.run_dir import MatrixDir
from dcbench.report.watch.reports import Reports
from dcbench.report.watch.server import serve_reports
from dcbench.report.writing import write_report
from tests.helpers.matrices import plan_of
from tests.helpers.result_folders import fill
from tests.helpers.watched import FEW, SMALL


@pytest.fixture
def matrix(tmp_path, few_plots):
    """Write a small matrix, in which all runs are done, to results/."""

    def make(name):
        plan = plan_of(SMALL.format(name))
        folder = MatrixDir(tmp_path / "results" / name)
        status.store_plan(plan, folder)
        for spec in plan.runs:
            fill(folder, spec.run_id, spec)
        return folder

    return make


@pytest.fixture
def out(tmp_path):
    return tmp_path / "reports"


@pytest.fixture
def reports(tmp_path, out):
    """Reports as the command makes them, in few formats."""
    return Reports(tmp_path / "results", out, partial(write_report, out=out, settings=FEW))


@pytest.fixture
def url(reports):
    """Serve the reports, and return the address of the server."""
    with serve_reports(reports, 0) as address:
        yield address
