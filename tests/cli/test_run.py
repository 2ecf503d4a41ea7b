import json
import os
import signal
import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest

from dcbench.cli import run as runs
from dcbench.errors import DataError
from tests.helpers.command_line import MATRIX, ON_CPU, RUN, shell
from tests.helpers.matrices import TINY
from tests.helpers.workers import wait_for


def test_running_again_does_nothing_and_redo_repeats_all_runs(call, tmp_path):
    first = call(*RUN)
    assert first.exit_code == 0 and "4 planned: 4 done" in first.stdout and "[4/4] done" in first.stdout
    times = {path: path.stat().st_mtime_ns for path in tmp_path.glob("results/m/*/metrics.csv")}
    assert len(times) == 4
    again = call(*RUN)
    assert again.exit_code == 0 and "[1/" not in again.stdout
    assert all(path.stat().st_mtime_ns == time for path, time in times.items())
    assert "[4/4] done" in call(*RUN, "--redo").stdout
    assert all(path.stat().st_mtime_ns != time for path, time in times.items())


def test_a_changed_matrix_keeps_the_runs_that_it_still_plans(call, tmp_path):
    call(*RUN)
    for path in tmp_path.glob("results/m/*-adam-*/state.json"):
        path.unlink()
    times = {path: path.stat().st_mtime_ns for path in tmp_path.glob("results/m/*-sgd-sgd-*/metrics.csv")}
    (tmp_path / "m.yaml").write_text(MATRIX.replace("seeds: [0, 1]", "seeds: [1, 2]"))
    out = call(*RUN).stdout
    assert "the matrix has changed: 2 runs kept, 2 new, 2 no longer planned" in out
    assert "[3/3] done" in out and "4 planned: 4 done" in out
    assert len(times) == 2 and all(path.stat().st_mtime_ns == time for path, time in times.items())
    assert len(list(tmp_path.glob("results/m/*/spec.yaml"))) == 6
    report = call("report", "results/m")
    assert "4 runs, 4 done" in report.stdout and "2 runs that the matrix no longer plans" in report.stderr


def test_a_failed_run_is_reported_with_its_reason_and_the_others_continue(call, tmp_path, monkeypatch):
    from dcbench.execution import worker

    real = worker.train_run

    def execute(spec, folder, config, **more):
        if spec.optimizer == "adam":
            raise DataError("planted")
        real(spec, folder, config, **more)

    monkeypatch.setattr(worker, "train_run", execute)
    result = call(*RUN)
    assert result.exit_code == 1
    assert result.stdout.count("failed digits") == 2 and "(error) planted" in result.stdout
    assert "2 done, 2 failed" in result.stdout and "dcbench status results/m" in result.stdout
    status = call("status", "results")
    assert status.stdout.count("failed (error)") == 2 and "planted" in status.stdout
    result = json.loads(call("status", "results", "--json").stdout)["m"]
    counts = {"pending": 0, "running": 0, "done": 2, "failed": 2, "skipped": 0}
    assert result["runs"] == sum(counts.values()) and {name: result[name] for name in counts} == counts
    monkeypatch.undo()
    os.chdir(tmp_path)
    assert "4 planned: 4 done" in call(*RUN).stdout


@contextmanager
def read_only(folder):
    """Mount the folder read-only; skip the test where this user may not mount."""
    bound = subprocess.run(["mount", "--bind", str(folder), str(folder)], capture_output=True, text=True, check=False)
    if bound.returncode:
        pytest.skip(f"cannot mount a folder read-only here: {bound.stderr.strip()}")
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", str(folder)], check=True)
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_read_only_results_folder_is_an_error_for_run_only(call, tmp_path):
    call(*RUN)
    for path in tmp_path.glob("results/m/*-s1-*/state.json"):
        path.unlink()
    with read_only(tmp_path / "results"):
        commands = ("run m.yaml", "status results", "report results")
        result = {name: shell(*name.split(), cwd=tmp_path) for name in commands}
    run = result["run m.yaml"]
    assert run.returncode == 2 and "Traceback" not in run.stderr
    assert "results/m" in run.stderr and "Read-only" in run.stderr and "--results" in run.stderr
    assert result["status results"].returncode == 0 and "2 done" in result["status results"].stdout
    assert result["report results"].returncode == 0 and "4 runs, 2 done" in result["report results"].stdout


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_or_sigterm_to_the_group_stops_the_workers_and_names_the_command_to_continue(started, tmp_path, number):
    (tmp_path / "m.yaml").write_text(MATRIX.replace("epochs: 1", "epochs: 100000"))
    process = started("run", "m.yaml", "--jobs", "2")
    rows = lambda: [path.read_text().count("\n") for path in tmp_path.glob("results/m/*/metrics.csv")]  # noqa: E731
    wait_for(lambda: len(rows()) == 2 and min(rows()) > 2)
    workers = [json.loads(path.read_text())["pid"] for path in tmp_path.glob("results/m/*/state.json")]
    os.killpg(process.pid, number)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (1, "")
    assert "stopping: running epochs finish and leave a checkpoint; Ctrl-C again ends them now" in out
    assert "4 planned: 4 pending" in out and "stopped; continue with: dcbench run m.yaml --jobs 2" in out
    assert len(workers) == 2 and not [pid for pid in workers if Path(f"/proc/{pid}").exists()]


def test_ctrl_c_while_the_libraries_are_imported_leaves_the_runs_pending(started, tmp_path):
    (tmp_path / "m.yaml").write_text(MATRIX.replace("epochs: 1", "epochs: 100000"))
    process = started("run", "m.yaml", "--jobs", "2")
    assert "4 runs to do" in process.stdout.readline()
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (1, "")
    assert "4 planned: 4 pending" in out and "continue with" in out


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_or_sigterm_with_the_inline_executor_leaves_the_runs_pending(started, tmp_path, number):
    (tmp_path / "m.yaml").write_text(MATRIX.replace("epochs: 1", "epochs: 100000"))
    process = started("run", "m.yaml", "--executor", "inline")
    wait_for(lambda: any(path.read_text().count("\n") > 2 for path in tmp_path.glob("results/m/*/metrics.csv")))
    os.killpg(process.pid, number)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (1, "")
    assert "4 planned: 4 pending" in out and "stopped; continue with" in out


@pytest.mark.slow
def test_without_network_only_the_runs_of_a_missing_dataset_fail(tmp_path):
    (tmp_path / "m.yaml").write_text(f"name: m\naxes: {{dataset: [kmnist, digits]}}\nsettings: {TINY}\n")
    dead = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")
    result = shell("run", "m.yaml", "--data-dir", "data", cwd=tmp_path, environment=ON_CPU | dead)
    assert result.returncode == 1 and "Traceback" not in result.stderr
    assert "could not be downloaded" in result.stdout and "--data-dir" in result.stdout
    assert "2 planned: 1 done, 1 failed" in result.stdout


@pytest.mark.slow
def test_two_schedulers_at_the_same_time_do_each_run_once(started, tmp_path):
    (tmp_path / "m.yaml").write_text(MATRIX)
    both = [started("run", "m.yaml", "--jobs", "1") for _ in range(2)]
    outs = [process.communicate(timeout=120)[0] for process in both]
    logs = [path.read_text() for path in tmp_path.glob("results/m/*/log.txt")]
    assert len(logs) == 4 and [log.count("---") for log in logs] == [1] * 4, outs
    assert [process.returncode for process in both] == [0, 0] and all("4 planned: 4 done" in out for out in outs)
    assert shell("status", "results/m", "--json", cwd=tmp_path).stdout.count('"done": 4') == 1


def test_an_unknown_executor_is_an_error_that_lists_the_known_ones(call, tmp_path):
    message = str(call("run", "m.yaml", "--executor", "locale").exception)
    assert "unknown executor 'locale'. Did you mean 'local'? Known: inline, local" in message
    assert not (tmp_path / "results").exists()


def test_the_inline_executor_refuses_jobs_and_timeout(call):
    for option in (("--jobs", "2"), ("--timeout", "2h")):
        assert "one run after another" in str(call(*RUN, *option).exception)


def test_the_resume_command_leaves_out_redo_and_only():
    result = runs.make_resume_command("dcbench run 'my matrix.yaml' --only failed --redo --jobs 2")
    assert result == "dcbench run 'my matrix.yaml' --jobs 2"
    assert runs.make_resume_command("dcbench run m.yaml --only=failed") == "dcbench run m.yaml"


def test_only_selects_failed_or_pending_runs(call, tmp_path, monkeypatch):
    from dcbench.execution import worker

    def execute(*_, **__):
        raise DataError("planted")

    call(*RUN)
    paths = sorted(tmp_path.glob("results/m/*/state.json"))
    paths[0].unlink()
    real = worker.train_run
    monkeypatch.setattr(worker, "train_run", execute)
    call(*RUN)
    paths[1].unlink()
    monkeypatch.setattr(worker, "train_run", real)
    result = call(*RUN, "--only", "failed")
    assert result.exit_code == 1 and "1 run to do" in result.stdout and "4 planned: 1 pending, 3 done" in result.stdout
    assert "1 run to do" in call(*RUN, "--only", "pending").stdout


def test_first_runs_the_given_cells_first_and_refuses_unknown_ones(call, tmp_path):
    wrong = call(*RUN, "--first", "optimizer=sdg")
    assert "matches no planned run. The planned values are optimizer: sgd, adam" in str(wrong.exception)
    assert not (tmp_path / "results").exists()
    lines = call(*RUN, "--first", "optimizer=adam,seed=1", "--first", "optimizer=adam").stdout.splitlines()
    ended = [line for line in lines if line.startswith("[")]
    assert "-adam-sgd-" in ended[0] and "-adam-sgd-" in ended[1] and "-sgd-sgd-" in ended[2]


def test_gpu_options_without_a_gpu_are_refused(call):
    assert "no GPU is used here" in str(call(*RUN, "--runs-per-gpu", "2").exception)
    assert "give auto, or a number" in str(call(*RUN, "--runs-per-gpu", "many").exception)
    assert "visible here: none" in str(call("run", "m.yaml", "--gpus", "0").exception)
