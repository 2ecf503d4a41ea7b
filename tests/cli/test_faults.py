"""One matrix of real runs with every fault: no run is lost, every state is correct, and no process is left behind.

The faults are an exception, a NaN loss, a hang, a segmentation fault, a killed worker, a read-only folder, a full disk,
a killed scheduler and a Ctrl-C. The same matrix without faults gives exactly the same values.
"""

import json
import os
import signal
import subprocess
import threading
from contextlib import ExitStack, contextmanager

import numpy as np
import pytest
from PIL import Image

from dcbench.core.columns import COLUMNS
from dcbench.core.matrix.expand import read_matrix
from dcbench.core.store import status
from dcbench.core.store.run_dir import MatrixDir
from tests.helpers.command_line import shell
from tests.helpers.workers import wait_for

GOOD = """name: faults
axes: {optimizer: [sgd, adam], k: [4, 5]}
settings: {limit: 60, width: 0.05, pca_dim: 8, batch_size: 32, epochs: 1}
include:
  - {k: 6, epochs: 40}      # is to meet a segmentation fault
  - {k: 7, epochs: 40}      # is to be killed
  - {k: 8}                  # its folder is mounted read-only
  - {k: 9, epochs: 3}       # its folder is a disk that is soon full
"""
BAD = """  - {lr: 1.0e+30}
  - {dataset: "imagefolder:broken", limit: null}
  - {dataset: "imagefolder:hanging", limit: null}
"""
RUN = ("run", "m.yaml", "--jobs", "2", "--timeout", "75s", "--data-dir", "data")


def image_folder(path, count=12):
    for number in range(count):
        folder = path / ("ab"[number % 2])
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((40, 40, 3), 20 * number, np.uint8)).save(folder / f"{number}.png")


@contextmanager
def mounted(path, *options):
    path.mkdir(parents=True, exist_ok=True)
    output = subprocess.run(["mount", *options, str(path)], capture_output=True, text=True, check=False)
    if output.returncode:
        pytest.skip(f"cannot mount anything here: {output.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(path)], capture_output=True, check=False)  # a test may have done it


@pytest.fixture
def matrix(tmp_path):
    (tmp_path / "m.yaml").write_text(GOOD + BAD)
    image_folder(tmp_path / "data" / "broken")
    (tmp_path / "data" / "broken" / "a" / "0.png").write_bytes(b"this is no image")
    image_folder(tmp_path / "data" / "hanging")
    (tmp_path / "data" / "hanging" / "a" / "0.png").unlink()
    os.mkfifo(tmp_path / "data" / "hanging" / "a" / "0.png")  # opening it never returns
    return read_matrix(tmp_path / "m.yaml", "float32")


def run_dirs_by_label(plan, root):
    """Return the run folders by a label: optimizer and k of the good runs, the fault of the others."""
    matrix_dir = MatrixDir(root / "results" / plan.name)
    names = {"imagefolder:broken": "broken", "imagefolder:hanging": "hanging"}
    return {
        names.get(spec.dataset) or ("nan" if spec.lr > 1 else f"{spec.optimizer} {spec.k}"): matrix_dir.run_dir(
            spec.run_id
        )
        for spec in plan.runs
    }


def send_signal_after(folder, number, after):
    """Send the run's worker a signal as soon as the run has this many rows."""

    def wait_and_kill():
        wait_for(
            lambda: folder.read_metrics_text()[0].count("\n") > after and folder.read_state().name == "running", 120
        )
        os.kill(folder.read_state().pid, number)

    thread = threading.Thread(target=wait_and_kill, daemon=True)
    thread.start()
    return thread


def count_states(root):
    """Return the number of runs in each state from `dcbench status`; they always sum to the plan."""
    output = json.loads(shell("status", "results", "--json", cwd=root).stdout)["faults"]
    states = {name: output[name] for name in ("pending", "running", "done", "failed", "skipped")}
    assert sum(states.values()) == output["runs"] == 11
    return states


def read_values(folder):
    """Return every value that is not a cost, and the last assignment."""
    columns = [number for number, column in enumerate(COLUMNS.values()) if not column.cost]
    rows = [row.split(",") for row in folder.metrics_file.read_text().splitlines()]
    with np.load(folder.assignments_file) as archive:
        return [[row[number] for number in columns] for row in rows], archive["assignment"].tolist()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_after_every_fault_the_runs_give_the_results_of_an_undisturbed_matrix(matrix, started, tmp_path):
    runs = run_dirs_by_label(matrix, tmp_path)
    with ExitStack() as mounts:
        mounts.enter_context(mounted(runs["sgd 8"].path, "-t", "tmpfs", "-o", "ro", "tmpfs"))
        mounts.enter_context(
            mounted(runs["sgd 9"].path, "-t", "tmpfs", "-o", f"size={7 * os.sysconf('SC_PAGE_SIZE')}", "tmpfs")
        )

        first = started(*RUN)
        victims = [
            send_signal_after(runs["sgd 6"], signal.SIGSEGV, 5),
            send_signal_after(runs["sgd 7"], signal.SIGKILL, 5),
        ]
        for victim in victims:
            victim.join(120)
        wait_for(lambda: [runs[f"sgd {k}"].read_state().kind for k in (6, 7)] == ["crash", "crash"], 30)
        first.kill()  # the scheduler itself
        first.wait()
        before = count_states(tmp_path)["done"]
        assert "killed by SIGSEGV" in runs["sgd 6"].read_state().reason and runs["sgd 6"].read_state().last_lines
        assert "killed by SIGKILL" in runs["sgd 7"].read_state().reason

        second = started(*RUN)  # workers of the first may not have noticed its end yet
        assert "runs to do" in second.stdout.readline()
        wait_for(lambda: count_states(tmp_path)["done"] > before, 120)
        os.killpg(second.pid, signal.SIGINT)
        out, err = second.communicate(timeout=120)
        assert second.returncode == 1 and "Traceback" not in err and "stopped; continue with: dcbench run m.yaml" in out
        after = count_states(tmp_path)
        assert after["running"] == 0

        third = shell(*RUN, cwd=tmp_path)
        assert third.returncode == 1
        assert count_states(tmp_path) == {"pending": 0, "running": 0, "done": 6, "failed": 5, "skipped": 0}
        states = {
            name: folder.read_planned_state(spec)
            for (name, folder), spec in zip(runs.items(), matrix.runs, strict=True)
        }
        kinds = {name: state.kind for name, state in states.items() if state.name == "failed"}
        expected = {"sgd 8": "error", "sgd 9": "error", "nan": "nan", "broken": "error", "hanging": "timeout"}
        assert kinds == expected
        reasons = {name: states[name].reason for name in expected}
        assert "read-only file system" in reasons["sgd 8"].lower() and "no space left" in reasons["sgd 9"].lower()
        assert "loss became" in reasons["nan"] and "unreadable images" in reasons["broken"]
        assert "took longer than 75 s (--timeout)" in reasons["hanging"]

        subprocess.run(["umount", runs["sgd 8"].path], check=True)
        subprocess.run(["mount", "-o", "remount,size=10m", runs["sgd 9"].path], check=True)
        fourth = shell(*RUN, "--only", "failed", "--timeout", "45s", cwd=tmp_path)
        assert "4 runs to do" in fourth.stdout and fourth.returncode == 1
        fifth = shell(*RUN, "--only", "pending", cwd=tmp_path)
        assert "1 run to do" in fifth.stdout
        assert count_states(tmp_path) == {"pending": 0, "running": 0, "done": 8, "failed": 3, "skipped": 0}
        compared = {name: read_values(folder) for name, folder in runs.items() if folder.read_state().name == "done"}
    assert not [name for name, folder in runs.items() if folder.is_claimed()], "no worker is still running"

    calm = tmp_path / "calm"
    calm.mkdir()
    (calm / "m.yaml").write_text(GOOD)
    plan = read_matrix(calm / "m.yaml", "float32")
    assert shell("run", "m.yaml", "--jobs", "2", cwd=calm).returncode == 0
    undisturbed = run_dirs_by_label(plan, calm)
    assert len(undisturbed) == 8
    for name, folder in undisturbed.items():
        assert compared[name] == read_values(folder), name
    assert status.count_states(status.read_planned_runs(plan, MatrixDir(calm / "results" / "faults")))["done"] == 8
