import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner

import dcbench
from dcbench import cli, devices, executors
from dcbench.errors import DataError, DcbenchError, DeviceError, MatrixError, ResultsError
from tests.conftest import TINY
from tests.test_worker import wait_for

MATRICES = Path(__file__).parent.parent / "matrices"
MATRIX = f"name: m\naxes: {{optimizer: [sgd, adam]}}\nseeds: [0, 1]\nsettings: {TINY}\n"


@pytest.fixture
def call(tmp_path, monkeypatch):
    """Call the command line in a folder of its own; returns the result."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")  # the same run ids on a machine with a GPU
    (tmp_path / "m.yaml").write_text(MATRIX)
    runner = CliRunner()
    return lambda *arguments: runner.invoke(cli.app, [*arguments])


RUN = ("run", "m.yaml", "--executor", "inline", "--device", "cpu")


def test_plan_says_96_cells_and_288_runs(call):
    told = json.loads(call("plan", str(MATRICES / "mnist_cifar.yaml"), "--json").stdout)
    steps = {"product": 96, "exclude": 96, "include": 96, "overrides": 96, "seeds": 288, "duplicates": 288}
    assert told == {"cells": 96, "runs": 288, "baselines": 66, "done": 0, "steps": steps}


def test_plan_prints_steps_axes_and_what_is_done(call):
    out = call("plan", "m.yaml").stdout
    for expected in ("2 cells, 4 runs", "product and zip", "duplicates dropped", "sgd, adam", "0 of 4 done"):
        assert expected in out
    call(*RUN)
    assert "4 of 4 done" in call("plan", "m.yaml").stdout
    assert json.loads(call("plan", "m.yaml", "--json").stdout)["done"] == 4


def test_run_then_run_again_then_redo(call, tmp_path):
    first = call(*RUN)
    assert first.exit_code == 0 and "4 planned: 4 done" in first.stdout and "[4/4] done" in first.stdout
    times = {path: path.stat().st_mtime_ns for path in tmp_path.glob("results/m/*/metrics.csv")}
    assert len(times) == 4
    again = call(*RUN)
    assert again.exit_code == 0 and "[1/" not in again.stdout
    assert all(path.stat().st_mtime_ns == at for path, at in times.items())
    assert "[4/4] done" in call(*RUN, "--redo").stdout
    assert all(path.stat().st_mtime_ns != at for path, at in times.items())


def test_a_matrix_edited_after_half_its_runs_keeps_them(call, tmp_path):
    call(*RUN)
    for path in tmp_path.glob("results/m/*-adam-*/state.json"):
        path.unlink()
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.glob("results/m/*-sgd-sgd-*/metrics.csv")}
    (tmp_path / "m.yaml").write_text(MATRIX.replace("seeds: [0, 1]", "seeds: [1, 2]"))
    out = call(*RUN).stdout
    assert "the matrix has changed: 2 runs kept, 2 new, 2 no longer planned" in out
    assert "[3/3] done" in out and "4 planned: 4 done" in out
    assert len(kept) == 2 and all(path.stat().st_mtime_ns == at for path, at in kept.items())
    assert len(list(tmp_path.glob("results/m/*/spec.yaml"))) == 6
    report = call("report", "results/m")
    assert "4 runs, 4 done" in report.stdout and "2 runs that the matrix no longer plans" in report.stderr


def test_a_failing_run_is_told_with_its_reason_and_the_others_go_on(call, tmp_path, monkeypatch):
    from dcbench import worker

    real = worker.execute

    def execute(spec, folder, at):
        if spec.optimizer == "adam":
            raise DataError("planted")
        real(spec, folder, at)

    monkeypatch.setattr(worker, "execute", execute)
    told = call(*RUN)
    assert told.exit_code == 1
    assert told.stdout.count("failed digits") == 2 and "(error) planted" in told.stdout
    assert "2 done, 2 failed" in told.stdout and "dcbench status results/m" in told.stdout
    status = call("status", "results")
    assert status.stdout.count("failed (error)") == 2 and "planted" in status.stdout
    assert json.loads(call("status", "results", "--json").stdout) == {
        "m": {"runs": 4, "pending": 0, "running": 0, "done": 2, "failed": 2, "skipped": 0}
    }
    monkeypatch.undo()
    os.chdir(tmp_path)
    assert "4 planned: 4 done" in call(*RUN).stdout


def test_status_of_one_run_says_what_its_identity_is_made_of(call, tmp_path):
    call(*RUN)
    folder = next(path for path in (tmp_path / "results" / "m").iterdir() if "adam" in path.name)
    out = call("status", str(folder)).stdout
    for expected in (folder.name, "done", "optimizer", "adam", "sgd", "pca_dim", "256", "log.txt"):
        assert expected in out
    assert "made on: cpu, " in out and "thread" in out and "torch 2" in out and "scikit-learn" in out
    told = json.loads(call("status", str(folder), "--json").stdout)
    assert told["state"] == "done" and told["provenance"]["device"] == "cpu" and told["provenance"]["torch"]
    (folder / "metrics.csv").unlink()
    assert json.loads(call("status", str(folder), "--json").stdout)["state"] == "failed", "as status of the matrix says"
    (folder / "provenance.json").write_text("{")
    torn = call("status", str(folder))
    assert "failed" in torn.stdout and "is torn" in str(torn.exception)
    (folder / "provenance.json").unlink()
    assert "made" not in call("status", str(folder)).stdout


def test_status_of_two_runs_says_what_they_differ_in(call, tmp_path):
    (tmp_path / "m.yaml").write_text(MATRIX.replace("seeds: [0, 1]", "seeds: [0]"))
    call(*RUN)
    sgd, adam = (str(next(tmp_path.glob(f"results/m/*-{name}-sgd-*"))) for name in ("sgd", "adam"))
    out = call("status", sgd, adam).stdout
    assert "identity: 2 differences" in out and "optimizer" in out and "lr" in out and "batch_size" not in out
    assert "made with: the same" in out
    assert "metrics: different from row 1 on" in out, "the same start: only the training differs"
    told = json.loads(call("status", sgd, adam, "--json").stdout)
    assert told["identity"] == {"optimizer": ["sgd", "adam"], "lr": [0.05, 0.001]}
    assert told["provenance"] == {} and told["metrics"]["first_row"] == 1
    same = call("status", sgd, sgd).stdout
    assert "identity: the same" in same and "metrics: identical" in same
    assert "is not the folder of a run" in str(call("status", sgd, "results").exception)


def test_status_of_a_matrix_that_has_not_run(call, tmp_path):
    call(*RUN)
    for path in tmp_path.glob("results/m/*-s1-*/state.json"):
        path.unlink()
    assert "2 done" in call("status", "results/m").stdout and "2 pending" in call("status").stdout


def test_report_of_the_root_writes_every_matrix(call, tmp_path):
    call(*RUN)
    (tmp_path / "n.yaml").write_text(MATRIX.replace("name: m", "name: n").replace("[0, 1]", "[0]"))
    call("run", "n.yaml", "--executor", "inline")
    told = call("report", "results")
    assert told.exit_code == 0
    assert (tmp_path / "reports" / "m" / "index.html").exists() and (tmp_path / "reports" / "n" / "index.html").exists()


@pytest.mark.parametrize(
    ("arguments", "error", "expected"),
    [
        (("plan", "none.yaml"), MatrixError, "no such file. There are: m.yaml"),
        (("plan", "."), MatrixError, "is a directory"),
        (("run", "m.yaml", "--device", "tpu"), Exception, "unknown device"),
        (("status", "nowhere"), ResultsError, "no such results folder"),
        (("report", "nowhere"), ResultsError, "no such results folder"),
        (("replay", "nowhere"), ResultsError, "is not the folder of a run"),
        (("replay", "."), ResultsError, "is not the folder of a run"),
    ],
)
def test_bad_input_is_an_error_of_ours(call, arguments, error, expected):
    told = call(*arguments)
    assert isinstance(told.exception, error) and expected in str(told.exception)


ON_CPU = os.environ | {"CUDA_VISIBLE_DEVICES": ""}


def shell(*arguments, cwd, environment=ON_CPU):
    command = [sys.executable, "-m", "dcbench", *arguments]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


def test_errors_go_to_stderr_without_a_traceback_and_exit_with_2(tmp_path):
    (tmp_path / "m.yaml").write_text(MATRIX.replace("adam", "adma").replace("sgd", "sdg"))
    told = shell("plan", "m.yaml", cwd=tmp_path)
    assert told.returncode == 2 and told.stdout == "" and "Traceback" not in told.stderr
    assert "m.yaml:2:20: axes.optimizer.0" in told.stderr and "m.yaml:2:25: axes.optimizer.1" in told.stderr
    assert "Traceback" in shell("--debug", "plan", "m.yaml", cwd=tmp_path).stderr


@contextmanager
def read_only(place):
    """The folder mounted read-only; the test is skipped where this user may not mount."""
    bound = subprocess.run(["mount", "--bind", str(place), str(place)], capture_output=True, text=True, check=False)
    if bound.returncode:
        pytest.skip(f"cannot mount a folder read-only here: {bound.stderr.strip()}")
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", str(place)], check=True)
        yield
    finally:
        subprocess.run(["umount", str(place)], check=True)


def test_a_results_folder_on_a_read_only_mount(call, tmp_path):
    call(*RUN)
    for path in tmp_path.glob("results/m/*-s1-*/state.json"):
        path.unlink()
    with read_only(tmp_path / "results"):
        told = {name: shell(*name.split(), cwd=tmp_path) for name in ("run m.yaml", "status results", "report results")}
    run = told["run m.yaml"]
    assert run.returncode == 2 and "Traceback" not in run.stderr
    assert "results/m" in run.stderr and "Read-only" in run.stderr and "--results" in run.stderr
    assert told["status results"].returncode == 0 and "2 done" in told["status results"].stdout
    assert told["report results"].returncode == 0 and "4 runs, 2 done" in told["report results"].stdout


HEAVY = ("torch", "torchvision", "faiss", "sklearn", "scipy", "pandas", "matplotlib")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["plan", str(MATRICES / "mnist_cifar.yaml")],
        ["plan", "--help"],
        ["status", "results"],
        ["status", "RUN"],
        ["status", "RUN", "RUN"],
        ["parity", "--help"],
    ],
)
def test_what_does_not_train_imports_nothing_heavy(call, tmp_path, arguments):
    call(*RUN)
    run = next(path.parent for path in tmp_path.glob("results/m/*/spec.yaml"))
    code = f"""
import sys
sys.argv = ["dcbench", *{[str(run) if word == "RUN" else word for word in arguments]!r}]
from dcbench.cli import main
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
print("heavy:", [name for name in {HEAVY!r} if name in sys.modules])
"""
    told = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert told.stdout.endswith("heavy: []\n")


def test_every_command_has_help_and_stands_in_the_readme():
    readme = (MATRICES.parent / "README.md").read_text()
    for command in cli.app.registered_commands:
        name = command.name or command.callback.__name__
        assert command.callback.__doc__ and f"dcbench {name}" in readme


PARITY = ("parity", "--dataset", "digits", "--limit", "120", "--k", "4", "--pca-dim", "8", "--starts", "2")


def test_parity_prints_one_table_and_writes_it_with_what_it_was_made_with(call, tmp_path):
    told = call(*PARITY, "--backends", "torch,sklearn", "--threads", "1", "--results", "out")
    assert told.exit_code == 0, told.exception
    for expected in (
        "digits, 120 images",
        "torch / sklearn",
        "adjusted Rand index",
        "table: out/parity/digits-120.csv",
    ):
        assert expected in told.stdout
    table = (tmp_path / "out" / "parity" / "digits-120.csv").read_text()
    assert table.startswith("dataset,limit,k,stage,measure,") and "digits,120,4,kmeans,ari,torch,sklearn," in table
    facts = json.loads((tmp_path / "out" / "parity" / "digits-120.json").read_text())
    assert (facts["threads"], facts["device"], facts["starts"]) == (1, "cpu", 2) and "torch" in facts["libraries"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--dataset", "mnits"), "unknown dataset 'mnits'. Did you mean 'mnist'?"),
        (("--backends", "faiss,scikit"), "unknown backend 'scikit'"),
        (("--k", "10,many"), "--k 10,many: expected whole numbers"),
        (("--k", "121"), "k 121 is more than the 120 training images"),
        (("--device", "tpu"), "unknown device"),
        (("--results", "m.yaml"), "m.yaml"),
    ],
)
def test_parity_explains_bad_input(call, arguments, expected):
    told = call(*PARITY, *arguments)
    assert isinstance(told.exception, DcbenchError) and expected in str(told.exception)


def test_parity_exits_with_2_and_no_traceback(tmp_path):
    dead = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")
    told = shell("parity", "--dataset", "kmnist", "--data-dir", "data", cwd=tmp_path, environment=ON_CPU | dead)
    assert told.returncode == 2 and told.stdout == "" and "Traceback" not in told.stderr
    assert "could not be downloaded" in told.stderr and "--data-dir" in told.stderr


def test_version(call):
    assert call("--version").stdout.strip() == f"dcbench {dcbench.__version__}"


def test_the_data_folder_defaults_to_the_environment_then_the_cache(monkeypatch):
    monkeypatch.setenv("DCBENCH_DATA", "/somewhere")
    assert executors.default_data_dir() == Path("/somewhere")
    monkeypatch.delenv("DCBENCH_DATA")
    monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
    assert executors.default_data_dir() == Path("/cache/dcbench")


@pytest.fixture
def started(tmp_path):
    """Start the command line as a terminal does, a process group of its own; nothing outlives the test."""
    processes = []

    def start(*arguments):
        command = [sys.executable, "-m", "dcbench", *arguments]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        processes.append(subprocess.Popen(command, cwd=tmp_path, env=ON_CPU, start_new_session=True, **pipes))
        return processes[-1]

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def test_ctrl_c_stops_the_workers_and_says_how_to_go_on(started, tmp_path):
    (tmp_path / "m.yaml").write_text(MATRIX.replace("epochs: 1", "epochs: 100000"))
    process = started("run", "m.yaml", "--jobs", "2")
    rows = lambda: [path.read_text().count("\n") for path in tmp_path.glob("results/m/*/metrics.csv")]  # noqa: E731
    wait_for(lambda: len(rows()) == 2 and min(rows()) > 2)
    workers = [json.loads(path.read_text())["pid"] for path in tmp_path.glob("results/m/*/state.json")]
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (1, "")
    assert "stopping the workers" in out
    assert "4 planned: 4 pending" in out and "stopped; go on with: dcbench run m.yaml --jobs 2" in out
    assert len(workers) == 2 and not [pid for pid in workers if Path(f"/proc/{pid}").exists()]


def test_ctrl_c_while_the_libraries_are_imported(started, tmp_path):
    (tmp_path / "m.yaml").write_text(MATRIX.replace("epochs: 1", "epochs: 100000"))
    process = started("run", "m.yaml", "--jobs", "2")
    wait_for(lambda: len(list(tmp_path.glob("results/m/*/spec.yaml"))) == 4)
    assert "4 runs to do" in process.stdout.readline()
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (1, "")
    assert "4 planned: 4 pending" in out and "go on with" in out


def test_ctrl_c_with_the_inline_executor(started, tmp_path):
    (tmp_path / "m.yaml").write_text(MATRIX.replace("epochs: 1", "epochs: 100000"))
    process = started("run", "m.yaml", "--executor", "inline")
    wait_for(lambda: any(path.read_text().count("\n") > 2 for path in tmp_path.glob("results/m/*/metrics.csv")))
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (1, "")
    assert "4 planned: 4 pending" in out


def test_no_network_fails_the_runs_of_that_dataset_only(tmp_path):
    (tmp_path / "m.yaml").write_text(f"name: m\naxes: {{dataset: [kmnist, digits]}}\nsettings: {TINY}\n")
    dead = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")
    told = shell("run", "m.yaml", "--data-dir", "data", cwd=tmp_path, environment=ON_CPU | dead)
    assert told.returncode == 1 and "Traceback" not in told.stderr
    assert "could not be downloaded" in told.stdout and "--data-dir" in told.stdout
    assert "2 planned: 1 done, 1 failed" in told.stdout


def test_two_schedulers_at_once_do_each_run_once(started, tmp_path):
    (tmp_path / "m.yaml").write_text(MATRIX)
    both = [started("run", "m.yaml", "--jobs", "1") for _ in range(2)]
    outs = [process.communicate(timeout=120)[0] for process in both]
    logs = [path.read_text() for path in tmp_path.glob("results/m/*/log.txt")]
    assert len(logs) == 4 and [log.count("---") for log in logs] == [1] * 4, outs
    assert shell("status", "results/m", "--json", cwd=tmp_path).stdout.count('"done": 4') == 1


def test_jobs_never_exceed_cores_or_runs(monkeypatch):
    monkeypatch.setattr(devices, "cores", lambda: 4)
    assert cli.jobs_at_once(None, 0, 9) == 4
    assert cli.jobs_at_once(None, 0, 3) == 3
    assert cli.jobs_at_once(None, 2, 9) == 2
    assert cli.jobs_at_once(None, 8, 9) == 4
    assert cli.jobs_at_once(3, 8, 9) == 3
    assert cli.jobs_at_once(None, 0, 0) == 1
    with pytest.raises(DeviceError, match="--jobs 5: this machine has 4 cores"):
        cli.jobs_at_once(5, 0, 9)


def test_one_broken_matrix_folder_does_not_hide_the_others(call, tmp_path):
    call(*RUN)
    (tmp_path / "results" / "broken").mkdir()
    (tmp_path / "results" / "broken" / "matrix.yaml").write_text("name: [")
    for command in ("status", "report"):
        told = call(command, "results")
        assert told.exit_code == 2 and "broken" in told.stderr and "4" in told.stdout
    assert (tmp_path / "reports" / "m" / "index.html").exists()


def test_jobs_mean_nothing_to_the_inline_executor(call):
    assert "one run after another" in str(call(*RUN, "--jobs", "2").exception)
