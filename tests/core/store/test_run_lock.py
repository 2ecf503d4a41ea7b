import multiprocessing

import pytest

from dcbench.core.store import run_lock
from dcbench.core.store.run_dir import RunDir
from dcbench.errors import ClaimedError, ResultsError
from tests.helpers.workers import prepare_run


@pytest.fixture
def run(tmp_path):
    return prepare_run(tmp_path)


def _hold(path, ready, done):
    with RunDir(path).claim():
        ready.set()
        done.wait(20)


def test_a_claim_has_one_process_and_is_released_when_it_dies(run):
    context = multiprocessing.get_context("spawn")
    ready, done = context.Event(), context.Event()
    other = context.Process(target=_hold, args=(run.path, ready, done))
    other.start()
    assert ready.wait(20)
    assert run.is_claimed()
    with pytest.raises(ClaimedError, match="another process"), run.claim(patience=0):
        pass
    other.kill()
    other.join()
    assert not run.is_claimed()
    with run.claim(patience=0):
        pass


def test_a_file_system_without_locks_is_an_error(run, monkeypatch):
    def no_locks(*_):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("dcbench.core.store.run_lock.fcntl.flock", no_locks)
    with pytest.raises(ResultsError, match="cannot lock files"), run.claim():
        pass


def test_a_worker_waits_for_a_short_look_of_a_reader(run, monkeypatch):
    answers = iter([False, False, True])
    monkeypatch.setattr(run_lock, "_try_lock", lambda descriptor, mode: next(answers))
    with run.claim():
        pass
    assert next(answers, "asked three times") == "asked three times"
