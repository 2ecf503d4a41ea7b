"""What the tests of the screens share: three planned runs, and a terminal to read from."""

import io

import pytest
from rich.console import Console

from dcbench.core import console
from dcbench.core.store import status
from dcbench.core.store.run_dir import MatrixDir
from tests.conftest import plan_of

TEXT = "name: m\naxes: {k: [5, 6, 7]}\n"


@pytest.fixture
def entries(tmp_path):
    plan, folder = plan_of(TEXT), MatrixDir(tmp_path / "m")
    status.store_plan(plan, folder)
    for spec in plan.runs:
        folder.run(spec.run_id).prepare(spec)
    return status.planned_runs(plan, folder)


@pytest.fixture
def terminal(monkeypatch):
    stdout = Console(file=io.StringIO(), force_terminal=True, width=100, color_system=None)
    monkeypatch.setattr(console, "stdout", stdout)
    return stdout.file
