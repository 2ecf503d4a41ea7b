import json
import os
import signal
import subprocess
from contextlib import contextmanager

import pytest
import torch

from dcbench import registry
from dcbench.core.spec import make_spec
from dcbench.core.store.run_dir import RunDir
from dcbench.core.store.run_state import RunState
from dcbench.core.worker_config import WorkerConfig
from dcbench.errors import DataError, NotFiniteError
from dcbench.execution import worker
from dcbench.execution.executors import EXIT_CLAIMED, EXIT_DONE, EXIT_FAILED, EXIT_STOPPED, worker_command
from tests.helpers.processes import bound_python
from tests.helpers.workers import TINY, prepare_run, wait_for


def work(folder, **more):
    return worker.work_on_run(folder.path, WorkerConfig(data_dir=folder.path.parent, **more))


def test_a_done_run_has_all_its_files(tmp_path):
    folder = prepare_run(tmp_path)
    assert work(folder) == EXIT_DONE
    state = folder.read_state()
    assert state.name == "done" and state.seconds > 0 and state.pid == os.getpid()
    files = {path.name for path in folder.path.iterdir()}
    written = {"metrics.csv", "state.json", "provenance.json", "audit.json", "assignments.npz"}
    assert files == written | {"spec.yaml", "log.txt", "claim"}


def test_done_is_written_last(tmp_path, monkeypatch):
    folder = prepare_run(tmp_path)
    states = []
    real = RunDir.write_state

    def set_state(self, state):
        states.append((state.name, {path.name for path in self.path.iterdir()}))
        real(self, state)

    monkeypatch.setattr(RunDir, "write_state", set_state)
    work(folder)
    assert [name for name, _ in states] == ["running", "done"]
    assert {"metrics.csv", "provenance.json", "assignments.npz"} <= states[1][1]


def test_a_done_run_is_repeated_only_with_redo(tmp_path):
    folder = prepare_run(tmp_path)
    work(folder)
    before = folder.metrics_file.stat().st_mtime_ns
    assert work(folder) == EXIT_DONE and folder.metrics_file.stat().st_mtime_ns == before
    assert work(folder, redo=True) == EXIT_DONE and folder.metrics_file.stat().st_mtime_ns != before


def test_a_claimed_run_is_not_touched(tmp_path, monkeypatch):
    folder = prepare_run(tmp_path)
    real = RunDir.claim
    monkeypatch.setattr(RunDir, "claim", lambda self: real(self, patience=0))
    with folder.claim():
        assert work(folder) == EXIT_CLAIMED
    assert not folder.metrics_file.exists()


@pytest.mark.parametrize(
    ("error", "kind", "reason"),
    [
        (ValueError("bad\nthing"), "error", "ValueError: bad thing"),
        (DataError("mnist is not here"), "error", "mnist is not here"),
        (NotFiniteError("loss"), "nan", "loss"),
        (MemoryError(), "out_of_memory", "MemoryError"),
        (torch.cuda.OutOfMemoryError("CUDA out of memory"), "out_of_memory", "CUDA out of memory"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "out_of_memory", "DefaultCPUAllocator"),
        (RuntimeError("StandardGpuResources: cudaMalloc error out of memory"), "out_of_memory", "cudaMalloc"),
    ],
)
def test_a_failure_has_a_kind_a_reason_and_a_traceback(tmp_path, monkeypatch, error, kind, reason):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(worker, "train_run", fail)
    folder = prepare_run(tmp_path)
    assert work(folder) == EXIT_FAILED
    state = folder.read_state()
    assert (state.name, state.kind) == ("failed", kind) and reason in state.reason
    assert "Traceback" in folder.log_file.read_text() and "in fail" in folder.log_file.read_text()


def test_a_failed_run_starts_again_and_keeps_its_log(tmp_path):
    folder = prepare_run(tmp_path)
    folder.append_metrics({"epoch": 0})
    folder.append_metrics({"epoch": 1})
    folder.append_log("earlier")
    folder.write_state(RunState(name="failed", kind="error", reason="x"))
    assert work(folder) == EXIT_DONE
    assert folder.read_metrics_text()[0].count("\n") == 3
    assert "earlier" in folder.log_file.read_text()


def test_the_spec_of_another_run_is_refused_and_nothing_is_deleted(tmp_path, capsys):
    folder = prepare_run(tmp_path)
    folder.append_metrics({"epoch": 0})
    folder.spec_file.write_text(make_spec(TINY | {"seed": 9}).to_text())
    assert work(folder) == EXIT_FAILED
    assert folder.metrics_file.exists() and not folder.state_file.exists()
    assert "describes run" in capsys.readouterr().err


def test_a_plugin_may_skip_a_run_with_a_reason(tmp_path, monkeypatch):
    monkeypatch.setattr(registry.load("backends", "faiss"), "skip", lambda spec: f"no k of {spec.k}", raising=False)
    folder = prepare_run(tmp_path)
    assert work(folder) == EXIT_DONE
    assert (folder.read_state().name, folder.read_state().reason) == ("skipped", "no k of 4")
    other = prepare_run(tmp_path, backend="torch")
    assert work(other) == EXIT_DONE and other.read_state().name == "done"


def command(folder):
    return bound_python(*worker_command(folder.path, WorkerConfig(data_dir=folder.path.parent))[1:])


@contextmanager
def running(folder):
    """The worker's process once it trains; killed at the end."""
    folder.metrics_file.unlink(missing_ok=True)
    process = subprocess.Popen(command(folder))
    try:
        wait_for(lambda: folder.count_epochs_done() > 1)
        yield process
    finally:
        process.kill()
        process.wait(60)


def test_the_worker_can_be_started_as_a_command(tmp_path):
    folder = prepare_run(tmp_path)
    process = subprocess.run(command(folder), capture_output=True, timeout=120, check=False)
    assert (process.returncode, process.stdout, process.stderr) == (0, b"", b"")
    assert folder.read_state().name == "done"


@pytest.mark.slow
def test_a_stopped_worker_leaves_its_run_pending_and_a_killed_one_leaves_it_lost(tmp_path):
    folder = prepare_run(tmp_path, epochs=100_000)
    with running(folder) as process:
        assert folder.read_state().name == "running"
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == EXIT_STOPPED
    assert folder.read_state().name == "pending"
    with running(folder):
        pass
    assert (folder.read_state().name, folder.read_state().kind) == ("failed", "lost")


def test_a_failure_is_recorded_even_when_the_disk_is_full(tmp_path, monkeypatch):
    def fail(*_, **__):
        raise ValueError("first")

    def full(self, text):
        if "Traceback" in text:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(worker, "train_run", fail)
    monkeypatch.setattr(RunDir, "append_log", full)
    folder = prepare_run(tmp_path)
    assert work(folder) == EXIT_FAILED
    assert folder.read_state().reason == "ValueError: first"


def test_an_unwritable_folder_is_a_failure_without_a_traceback(tmp_path, monkeypatch, capsys):
    def read_only(self):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(RunDir, "claim", read_only)
    assert work(prepare_run(tmp_path)) == EXIT_FAILED
    assert "Read-only file system" in capsys.readouterr().err


def test_the_first_signal_requests_a_stop_the_second_raises_and_a_third_is_ignored(monkeypatch):
    before = signal.getsignal(signal.SIGTERM)
    stop = worker.StopFlag()
    try:
        stop.handle_signal(signal.SIGTERM, None)
        assert stop.requested
        with pytest.raises(worker.Stopped):
            stop.handle_signal(signal.SIGTERM, None)
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_stop_after_the_last_row_does_not_undo_a_finished_run(tmp_path, monkeypatch):
    folder = prepare_run(tmp_path)
    stop = worker.StopFlag(requested=True)  # asked once before, in the last row
    real = RunDir.write_state

    def set_state(self, state):
        real(self, state)
        if state.name == "done":
            stop.handle_signal(signal.SIGTERM, None)  # and again now

    monkeypatch.setattr(RunDir, "write_state", set_state)
    monkeypatch.setattr(worker, "train_run", lambda *_, **__: None)
    assert worker.work_on_run(folder.path, WorkerConfig(data_dir=tmp_path), stop) == EXIT_DONE
    assert json.loads(folder.state_file.read_text())["name"] == "done"


def test_a_failure_keeps_the_last_lines_of_its_traceback(tmp_path, monkeypatch):
    def fail(*_, **__):
        raise ValueError("planted")

    monkeypatch.setattr(worker, "train_run", fail)
    folder = prepare_run(tmp_path)
    work(folder)
    assert folder.read_state().last_lines[-1] == "ValueError: planted" and len(folder.read_state().last_lines) > 3


def test_the_worker_needs_only_the_run_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("DCBENCH_DATA", str(tmp_path))
    assert worker.parse_arguments([str(tmp_path)]) == (tmp_path, WorkerConfig(data_dir=tmp_path))


def test_a_config_that_cannot_be_read_leaves_its_reason_in_the_log(tmp_path, capsys):
    folder = prepare_run(tmp_path)
    with pytest.raises(SystemExit, match="2"):
        worker.main([str(folder.path), "--config", "{}"])
    assert "--config: missing key 'data_dir'" in folder.log_file.read_text()
    assert "--config: missing key 'data_dir'" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="2"):  # a folder that is not there has no log
        worker.main([str(tmp_path / "missing"), "--config", "{}"])


POOLS = """
import json
import scipy.linalg
import sklearn.cluster
import threadpoolctl
from dcbench.errors import DataError

FACTS = {"train": 60, "test": 20, "classes": 2, "channels": 1, "side": 8}


def load(data_dir, spec, train):
    (data_dir / "pools.json").write_text(json.dumps(threadpoolctl.threadpool_info()))
    raise DataError("that was all")
"""


def test_every_library_uses_the_given_threads_in_a_worker_without_a_forkserver(tmp_path):
    (tmp_path / "datasets").mkdir()
    (tmp_path / "datasets" / "pools.py").write_text(POOLS)
    folder = prepare_run(tmp_path, dataset="pools")
    config = WorkerConfig(data_dir=tmp_path, plugins=(tmp_path,), threads=1)
    environment = os.environ | dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "2")
    subprocess.run(worker_command(folder.path, config), env=environment, timeout=120, check=False)
    assert folder.read_state().reason == "that was all"
    pools = json.loads((tmp_path / "pools.json").read_text())
    assert {pool["user_api"] for pool in pools} == {"blas", "openmp"}
    assert any("scipy" in pool["filepath"] for pool in pools) and {pool["num_threads"] for pool in pools} == {1}, pools
