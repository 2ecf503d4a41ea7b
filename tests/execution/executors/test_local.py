"""The forkserver: one thread, nothing imported by its children, and no worker outlives its scheduler."""

import json
import multiprocessing
import os
import signal
import subprocess
import threading
from multiprocessing import forkserver
from pathlib import Path

import pytest

from dcbench.core.worker_config import WorkerConfig
from dcbench.execution.executors import local, worker_arguments
from tests.helpers import executors
from tests.helpers.processes import bound_python
from tests.helpers.workers import prepare_run, wait_for


@pytest.fixture
def server(tmp_path):
    """Start a new server as the executor does, with two threads for each worker."""
    forkserver._forkserver._stop()
    local.Executor(WorkerConfig(data_dir=tmp_path, threads=2))
    first = multiprocessing.get_context("forkserver").Process(target=executors.nothing)
    first.start()
    first.join()  # the server answers when it has imported everything
    yield forkserver._forkserver._forkserver_pid
    forkserver._forkserver._stop()


def count_threads(pid):
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("Threads:")))


def test_the_server_has_one_thread_and_all_three_libraries_compute_in_its_children(tmp_path, server):
    context = multiprocessing.get_context("forkserver")
    folders = [prepare_run(tmp_path, backend=name) for name in ("faiss", "sklearn", "torch")]
    for folder in folders:
        arguments = worker_arguments(folder.path, WorkerConfig(data_dir=tmp_path, threads=2))
        process = context.Process(target=executors.work, args=(arguments, str(folder.path / "report")))
        process.start()
        process.join(60)
        assert process.exitcode == 0, "a child hangs when the server has computed something"
        report = json.loads((folder.path / "report").read_text())
        assert report == {"code": 0, "new": []}
    assert count_threads(server) == 1


def test_the_server_does_not_touch_the_gpu(server):
    maps = Path(f"/proc/{server}/maps").read_text()
    assert "libtorch" in maps and "faiss" in maps
    assert not [fd for fd in Path(f"/proc/{server}/fd").iterdir() if "nvidia" in str(fd.readlink())]


def wait_for_exit_codes(executor, count):
    ended = []
    while len(ended) < count:
        ended += executor.wait(0.2)
    return {each.run_dir: each.exit_code for each in ended}


def test_a_worker_killed_by_a_signal_is_reported_and_its_neighbour_continues(tmp_path):
    long, short = prepare_run(tmp_path, epochs=100_000), prepare_run(tmp_path)
    executor = local.Executor(WorkerConfig(data_dir=tmp_path, jobs=2))
    executor.submit(long.path, WorkerConfig(data_dir=tmp_path))
    wait_for(lambda: long.count_epochs_done() > 1)
    executor.submit(short.path, WorkerConfig(data_dir=tmp_path))
    os.kill(long.read_state().pid, signal.SIGSEGV)
    assert wait_for_exit_codes(executor, 2) == {long.path: -signal.SIGSEGV, short.path: 0}
    assert "Fatal Python error: Segmentation fault" in long.log_file.read_text()


def test_wait_returns_after_its_time_when_no_run_ends(tmp_path):
    folder = prepare_run(tmp_path, epochs=100_000)
    executor = local.Executor(WorkerConfig(data_dir=tmp_path))
    executor.submit(folder.path, WorkerConfig(data_dir=tmp_path))
    assert executor.wait(0.05) == []
    executor.close()


def test_killing_ends_the_worker_and_the_processes_it_started(tmp_path, monkeypatch):
    monkeypatch.setattr(local, "_child", executors.start_a_child)
    run = tmp_path / "run"
    run.mkdir()
    executor = local.Executor(WorkerConfig(data_dir=tmp_path))
    executor.submit(run, WorkerConfig(data_dir=tmp_path))
    wait_for((run / "child").exists)
    executor.kill(run)
    assert wait_for_exit_codes(executor, 1) == {run: -signal.SIGKILL}
    child = int((run / "child").read_text())
    wait_for(lambda: not Path(f"/proc/{child}").exists() or "Z" in Path(f"/proc/{child}/stat").read_text().split()[2])


def test_closing_stops_the_workers_and_leaves_their_runs_pending(tmp_path):
    folder = prepare_run(tmp_path, epochs=100_000)
    executor = local.Executor(WorkerConfig(data_dir=tmp_path))
    executor.submit(folder.path, WorkerConfig(data_dir=tmp_path))
    wait_for(lambda: folder.count_epochs_done() > 1)
    pid = folder.read_state().pid
    executor.close()
    assert folder.read_state().name == "pending"
    assert not Path(f"/proc/{pid}").exists()


def test_a_worker_has_its_own_session_and_ends_when_its_scheduler_is_killed(tmp_path):
    folder = prepare_run(tmp_path, epochs=100_000)
    code = (
        "from pathlib import Path; from dcbench.core.worker_config import WorkerConfig\n"
        "from dcbench.execution.executors import local\n"
        f"config = WorkerConfig(data_dir=Path({str(tmp_path)!r}))\nexecutor = local.Executor(config)\n"
        f"executor.submit(Path({str(folder.path)!r}), config)\nexecutor.wait(1000)"
    )
    scheduler = subprocess.Popen(bound_python("-c", code))
    try:
        wait_for(lambda: folder.count_epochs_done() > 1)
        pid = folder.read_state().pid
        assert os.getsid(pid) == pid
    finally:
        scheduler.kill()
        scheduler.wait()
    wait_for(lambda: not folder.is_claimed(), 30)
    assert folder.read_state().name == "pending"


def test_the_environment_of_the_server_is_restored_afterwards(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    with local._server_environment(3):
        assert (os.environ["OMP_NUM_THREADS"], os.environ["OPENBLAS_NUM_THREADS"]) == ("3", "1")
    assert os.environ["OMP_NUM_THREADS"] == "7" and "MKL_NUM_THREADS" not in os.environ


def test_a_worker_sees_only_its_gpu(tmp_path, monkeypatch):
    monkeypatch.setattr(local, "_child", executors.write_gpu)
    executor = local.Executor(WorkerConfig(data_dir=tmp_path))
    for name in ("GPU-a", "GPU-b", ""):
        (tmp_path / f"run{name}").mkdir()
        executor.submit(tmp_path / f"run{name}", WorkerConfig(data_dir=tmp_path, gpu=name))
    wait_for_exit_codes(executor, 3)
    assert [(tmp_path / f"run{name}" / "gpu").read_text().split() for name in ("GPU-a", "GPU-b")] == [
        ["GPU-a"],
        ["GPU-b"],
    ]
    assert (tmp_path / "run" / "gpu").read_text() == ""


@pytest.mark.gpu
def test_a_run_on_the_gpu_is_done(tmp_path):
    from dcbench.core import devices

    folder = prepare_run(tmp_path, precision="bfloat16")
    card = devices.list_gpus()[0]
    executor = local.Executor(WorkerConfig(data_dir=tmp_path, device="cuda"))
    executor.submit(folder.path, WorkerConfig(data_dir=tmp_path, device="cuda", gpu=card.uuid, memory_mb=8000.0))
    wait_for_exit_codes(executor, 1)
    assert folder.read_state().name == "done", folder.log_file.read_text()
    assert json.loads(folder.provenance_file.read_text())["device"] != "cpu"


def test_ctrl_c_while_the_server_starts_is_raised_once_it_has_started(tmp_path, monkeypatch):
    started = []

    def start():
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        started.append(True)

    monkeypatch.setattr(forkserver, "ensure_running", start)
    with pytest.raises(KeyboardInterrupt):
        local.Executor(WorkerConfig(data_dir=tmp_path))
    assert started and signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])


@pytest.mark.parametrize(("ignored", "code"), [(0, 3), (1, 3), (5, -signal.SIGKILL)])
def test_a_worker_is_sent_sigterm_twice_before_it_is_killed(tmp_path, monkeypatch, ignored, code):
    monkeypatch.setattr(local, "GRACE", 0.3)
    monkeypatch.setattr(local, "LAST_WORDS", 0.3)
    context = multiprocessing.get_context("fork")
    process = context.Process(target=executors.ignore_signals, args=(ignored, tmp_path / "ready"))
    process.start()
    wait_for((tmp_path / "ready").exists)
    executor = local.Executor(WorkerConfig(data_dir=tmp_path))
    executor._processes[tmp_path] = process
    executor.close()
    assert process.exitcode == code
