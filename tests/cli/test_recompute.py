"""`dcbench recompute`: exit codes, output and what it imports."""

import json
import shutil
import subprocess
import sys

import pytest

from dcbench.core.store.run_dir import MatrixDir, RunDir
from dcbench.core.store.status import store_plan
from tests.helpers.command_line import RUN
from tests.helpers.matrices import TINY, plan_of
from tests.helpers.recomputed_runs import change_value


@pytest.fixture
def first(call, tmp_path):
    """Run the small matrix; return the folder of its first run."""
    assert call(*RUN).exit_code == 0
    return RunDir(min(path.parent for path in tmp_path.glob("results/m/*/spec.yaml")))


def test_results_that_agree_exit_with_0(call, first):
    for path in ("results", "results/m", str(first.path)):
        result = call("recompute", path)
        assert result.exit_code == 0 and "none differs" in result.stdout and "true labels of" in result.stdout
        assert ("m: 1 run recomputed" if path == str(first.path) else "m: 4 runs recomputed") in result.stdout
        assert "Predictions tell nothing about" in result.stdout
    assert call("recompute").stdout == call("recompute", "results").stdout


def test_a_difference_exits_with_1_and_is_in_the_json(call, first):
    old = change_value(first, 1, "nmi_true", "0.75")
    result = call("recompute")
    assert result.exit_code == 1 and f"row 1: nmi_true is 0.75 in metrics.csv, recomputed {old}" in result.stdout
    result = call("recompute", "--json")
    (matrix,) = json.loads(result.stdout)
    (wrong,) = [run for run in matrix["runs"] if not run["passed"]]
    assert result.exit_code == 1 and wrong["run"] == first.path.name and matrix["differing"] == 1


def test_a_damaged_file_exits_with_1_and_is_named(call, first):
    data = first.assignments_file.read_bytes()
    first.assignments_file.write_bytes(data[: len(data) // 2])
    result = call("recompute", "results/m")
    assert result.exit_code == 1 and f"results/m/{first.path.name}/assignments.npz: is damaged" in result.stdout
    assert "3 runs recomputed" in result.stdout


def test_nothing_to_check_exits_with_1(call, first):
    first.assignments_file.unlink()
    assert call("recompute", str(first.path)).exit_code == 1
    result = call("recompute")
    assert result.exit_code == 0 and f"(no assignments.npz): 1 run\n    {first.path.name}" in result.stdout


def test_a_matrix_that_cannot_be_read_does_not_hide_the_others(call, first, tmp_path):
    shutil.copytree(tmp_path / "results" / "m", tmp_path / "results" / "other")
    result = call("recompute")
    assert result.exit_code == 2 and "m: 4 runs recomputed" in result.stdout and "is the plan of 'm'" in result.stderr


def test_torch_is_loaded_only_to_compare_labels_with_the_dataset(first, tmp_path):
    plan = plan_of(f"name: absent\naxes: {{dataset: [mnist]}}\nsettings: {TINY}\n")
    folder = MatrixDir(tmp_path / "absent")
    store_plan(plan, folder)
    run = folder.run_dir(plan.runs[0].run_id)
    run.prepare(plan.runs[0])
    for path in (first.metrics_file, first.assignments_file, first.state_file):
        shutil.copy(path, run.path)
    code = """
import sys
sys.argv = ["dcbench", "recompute", *sys.argv[1:]]
from dcbench.cli import main
try:
    main()
finally:
    print("heavy:", [name for name in ("torch", "faiss") if name in sys.modules])
"""
    command = [sys.executable, "-c", code, "absent", "--data-dir", "nowhere"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "absent: 1 run recomputed" in result.stdout and "none differs" in result.stdout, result.stderr
    assert f"assignments.npz: mnist is not in {tmp_path / 'nowhere'}; name its folder with --data-dir" in result.stdout
    assert result.stdout.endswith("heavy: []\n")
