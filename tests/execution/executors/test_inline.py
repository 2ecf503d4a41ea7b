import os
import signal

import pytest

from dcbench.core.spec import make_spec
from dcbench.core.store.run_dir import RunDir
from dcbench.execution import worker
from dcbench.execution.executors import EXIT_STOPPED, Options, Place, WorkerExit, inline
from dcbench.execution.scheduler.stop import StopFlag
from tests.helpers.workers import TINY


@pytest.fixture
def folder(tmp_path):
    spec = make_spec(TINY)
    found = RunDir(tmp_path / spec.run_id)
    found.prepare(spec)
    return found


def test_runs_are_done_in_this_process_when_they_are_waited_for(folder, tmp_path):
    workers = inline.Workers(Options(tmp_path))
    workers.start(folder.path, Place())
    assert not folder.state_file.exists()
    assert workers.wait(0) == [WorkerExit(folder.path, 0)]
    assert folder.read_state().pid == os.getpid()


def test_ctrl_c_ends_the_run_and_reaches_the_scheduler(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(worker, "train_run", lambda *_: signal.raise_signal(signal.SIGINT))
    workers, stop = inline.Workers(Options(tmp_path)), StopFlag()
    workers.start(folder.path, Place())
    with stop.listening():
        assert workers.wait(0) == [WorkerExit(folder.path, EXIT_STOPPED)]
    assert stop.presses == 1 and folder.read_state().name == "pending"
