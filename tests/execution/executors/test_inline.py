import os
import signal

import pytest

from dcbench.core.spec import make_spec
from dcbench.core.store.run_dir import RunDir
from dcbench.core.worker_config import WorkerConfig
from dcbench.execution import worker
from dcbench.execution.executors import EXIT_STOPPED, WorkerExit, inline
from dcbench.execution.scheduler.settings import InterruptCounter
from tests.helpers.workers import TINY


@pytest.fixture
def folder(tmp_path):
    spec = make_spec(TINY)
    run_dir = RunDir(tmp_path / spec.run_id)
    run_dir.prepare(spec)
    return run_dir


def test_runs_are_done_in_this_process_when_they_are_waited_for(folder, tmp_path):
    config = WorkerConfig(data_dir=tmp_path)
    executor = inline.Executor(config)
    executor.submit(folder.path, config)
    assert not folder.state_file.exists()
    assert executor.wait(0) == [WorkerExit(run_dir=folder.path, exit_code=0)]
    assert folder.read_state().pid == os.getpid()


def test_ctrl_c_ends_the_run_and_reaches_the_scheduler(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(worker, "train_run", lambda *_, **__: signal.raise_signal(signal.SIGINT))
    config, interrupts = WorkerConfig(data_dir=tmp_path), InterruptCounter()
    executor = inline.Executor(config)
    executor.submit(folder.path, config)
    with interrupts.counting():
        assert executor.wait(0) == [WorkerExit(run_dir=folder.path, exit_code=EXIT_STOPPED)]
    assert interrupts.count == 1 and folder.read_state().name == "pending"
