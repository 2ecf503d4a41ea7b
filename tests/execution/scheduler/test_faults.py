import fcntl
import signal
import threading

import pytest

from dcbench.core.spec import make_spec
from dcbench.core.store.run_dir import RunDir
from dcbench.core.store.run_state import STOPPED, RunState
from dcbench.core.store.status import PlannedRun
from dcbench.execution.scheduler.faults import (
    FaultPolicy,
    WorkerEnd,
    choose_next_step,
    fail_before_start,
    has_shared_device,
    record_state,
    settle,
)

OOM, CRASH = (
    RunState(name="failed", kind="out_of_memory", reason="CUDA out of memory"),
    RunState(name="failed", kind="crash", reason="SIGSEGV"),
)
CUDA = RunState(
    name="failed", kind="error", reason="RuntimeError: CUDA error: an illegal memory access was encountered"
)
ERROR, NAN = (
    RunState(name="failed", kind="error", reason="ValueError: x"),
    RunState(name="failed", kind="nan", reason="loss"),
)


@pytest.fixture
def folder(tmp_path):
    spec = make_spec({"k": 5})
    run_dir = RunDir(tmp_path / spec.run_id)
    run_dir.prepare(spec)
    return run_dir


@pytest.mark.parametrize(
    ("state", "company", "gpu", "expected"),
    [
        (OOM, True, True, "retry_alone"), (OOM, True, False, "retry_alone"), (OOM, False, True, "end"),
        (CRASH, True, True, "retry_alone"), (CRASH, True, False, "end"), (CRASH, False, True, "end"),
        (CUDA, True, True, "retry_alone"), (CUDA, False, True, "end"), (ERROR, True, True, "end"),
        (NAN, True, True, "end"),
        (RunState(name="done"), True, True, "end"), (RunState(name="skipped"), True, True, "end"),
    ],
)  # fmt: skip
def test_a_failure_that_a_neighbour_may_have_caused_is_retried_alone(state, company, gpu, expected):
    assert choose_next_step(state, company, gpu, 0, FaultPolicy()) == expected


@pytest.mark.parametrize(
    "state", [ERROR, CRASH, OOM, RunState(name="failed", kind="timeout"), RunState(name="failed", kind="lost")]
)
def test_retries_are_counted_and_nan_is_never_retried(state):
    steps = [choose_next_step(state, False, True, tries, FaultPolicy(retries=2)) for tries in range(3)]
    assert steps == ["retry", "retry", "end"]
    assert choose_next_step(NAN, False, True, 0, FaultPolicy(retries=2)) == "end"


@pytest.mark.parametrize(
    ("end", "kind", "message"),
    [
        (WorkerEnd(exit_code=-signal.SIGSEGV), "crash", "killed by SIGSEGV"),
        (WorkerEnd(exit_code=-(signal.SIGRTMIN + 1)), "crash", f"killed by signal {signal.SIGRTMIN + 1}"),
        (WorkerEnd(exit_code=3), "crash", "ended with code 3"),
        (WorkerEnd(exit_code=-signal.SIGKILL), "crash", "killed by SIGKILL"),
        (WorkerEnd(exit_code=-signal.SIGKILL, oom_killed=True), "out_of_memory", "ran out of memory"),
        (WorkerEnd(exit_code=-signal.SIGSEGV, oom_killed=True), "crash", "SIGSEGV"),
        (WorkerEnd(exit_code=-signal.SIGKILL, timeout=90), "timeout", "longer than 90 s"),
        (WorkerEnd(exit_code=143, timeout=90), "timeout", "longer than 90 s"),
        (WorkerEnd(exit_code=143), "crash", "another program sent the worker SIGTERM"),
    ],
)
def test_an_unrecorded_end_gets_a_kind_and_the_last_lines_of_the_log(folder, end, kind, message):
    folder.append_log("one\n\ntwo")
    folder.write_state(STOPPED if end.exit_code == 143 else RunState(name="running"))
    state = settle(folder, end, RunState())
    assert (state.name, state.kind, state.last_lines) == ("failed", kind, ("one", "two")) and message in state.reason
    assert folder.read_state() == state


def test_a_run_that_finished_at_its_timeout_is_done(folder):
    folder.write_state(RunState(name="done"))
    assert settle(folder, WorkerEnd(exit_code=0, timeout=5), RunState()).name == "done"


def test_the_state_that_the_worker_recorded_is_kept(folder):
    folder.write_state(NAN)
    assert settle(folder, WorkerEnd(exit_code=1), RunState()) == NAN
    assert settle(folder, WorkerEnd(exit_code=1), NAN).kind == "crash", (
        "the failure of an earlier attempt does not count"
    )


def test_a_finished_state_needs_exit_code_0_and_is_not_overwritten(folder):
    for name in ("done", "skipped"):
        folder.write_state(RunState(name=name))
        assert settle(folder, WorkerEnd(exit_code=0), RunState(name=name)).name == name, "done again"
        assert settle(folder, WorkerEnd(exit_code=1), RunState(name=name)).kind == "crash"
        assert folder.read_state().name == name, "a finished state is not overwritten"
    folder.state_file.unlink()
    assert settle(folder, WorkerEnd(exit_code=1), RunState(name="failed", kind="nan")).kind == "crash"


def test_a_state_is_recorded_while_a_reader_tests_the_lock(folder):
    folder.write_state(RunState(name="running"))
    with folder.claim_file.open("a"):
        pass
    reader = folder.claim_file.open("rb")
    fcntl.flock(reader, fcntl.LOCK_SH)
    threading.Timer(0.1, reader.close).start()
    assert record_state(folder, CRASH) == CRASH == folder.read_state()


def test_a_shared_device_is_read_from_the_provenance_of_the_run(folder):
    assert not has_shared_device(folder)
    folder.write_provenance({"shared_with": []})
    assert not has_shared_device(folder)
    folder.write_provenance({"shared_with": ["a run of another scheduler"]})
    assert has_shared_device(folder)


def test_a_failure_before_the_start_is_recorded_unless_the_folder_is_of_another_run(tmp_path):
    """A missing dataset is recorded as the reason in the folder of the run, but not in that of another run."""
    spec, other = make_spec({"k": 5}), make_spec({"k": 6})
    folder = RunDir(tmp_path / spec.run_id)
    entry = PlannedRun(spec=spec, folder=folder, state=RunState())
    assert (
        fail_before_start(entry, "no network")
        == RunState(name="failed", kind="error", reason="no network")
        == folder.read_state()
    )
    folder.spec_file.write_text(other.to_text())
    folder.state_file.unlink()
    state = fail_before_start(entry, "no network")
    assert state.name == "failed" and "not the run its folder is named after" in state.reason
    assert not folder.state_file.exists() and folder.spec_file.read_text() == other.to_text()
