import fcntl
import signal
import threading

import pytest

from dcbench.core.spec import make_spec
from dcbench.core.store.run_dir import RunDir
from dcbench.core.store.run_state import STOPPED, RunState
from dcbench.execution.scheduler.faults import FaultPolicy, WorkerEnd, next_step, record_state, settle, shared_device

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
    found = RunDir(tmp_path / spec.run_id)
    found.prepare(spec)
    return found


@pytest.mark.parametrize(
    ("state", "company", "gpu", "expected"),
    [
        (OOM, True, True, "alone"), (OOM, True, False, "alone"), (OOM, False, True, "ended"),
        (CRASH, True, True, "alone"), (CRASH, True, False, "ended"), (CRASH, False, True, "ended"),
        (CUDA, True, True, "alone"), (CUDA, False, True, "ended"), (ERROR, True, True, "ended"),
        (NAN, True, True, "ended"), (RunState(name="done"), True, True, "ended"), (RunState(name="skipped"), True, True, "ended"),
    ],
)  # fmt: skip
def test_what_may_be_a_neighbours_doing_is_tried_again_alone(state, company, gpu, expected):
    assert next_step(state, company, gpu, 0, FaultPolicy()) == expected


@pytest.mark.parametrize(
    "state", [ERROR, CRASH, OOM, RunState(name="failed", kind="timeout"), RunState(name="failed", kind="lost")]
)
def test_retries_are_counted_and_nan_is_never_retried(state):
    told = [next_step(state, False, True, tries, FaultPolicy(retries=2)) for tries in range(3)]
    assert told == ["again", "again", "ended"]
    assert next_step(NAN, False, True, 0, FaultPolicy(retries=2)) == "ended"


@pytest.mark.parametrize(
    ("end", "kind", "told"),
    [
        (WorkerEnd(-signal.SIGSEGV), "crash", "killed by SIGSEGV"),
        (WorkerEnd(3), "crash", "ended with code 3"),
        (WorkerEnd(-signal.SIGKILL), "crash", "killed by SIGKILL"),
        (WorkerEnd(-signal.SIGKILL, starved=True), "out_of_memory", "run out of memory"),
        (WorkerEnd(-signal.SIGSEGV, starved=True), "crash", "SIGSEGV"),
        (WorkerEnd(-signal.SIGKILL, overdue=90), "timeout", "longer than 90 s"),
        (WorkerEnd(143, overdue=90), "timeout", "longer than 90 s"),
        (WorkerEnd(143), "crash", "somebody else sent its process SIGTERM"),
    ],
)
def test_an_end_that_the_worker_did_not_record_gets_its_kind_and_the_logs_last_lines(folder, end, kind, told):
    folder.append_log("one\n\ntwo")
    folder.write_state(STOPPED if end.exit_code == 143 else RunState(name="running"))
    state = settle(folder, end, RunState())
    assert (state.name, state.kind, state.last_lines) == ("failed", kind, ("one", "two")) and told in state.reason
    assert folder.read_state() == state


def test_a_run_that_got_done_when_its_time_was_over_is_done(folder):
    folder.write_state(RunState(name="done"))
    assert settle(folder, WorkerEnd(0, overdue=5), RunState()).name == "done"


def test_what_the_worker_recorded_stands(folder):
    folder.write_state(NAN)
    assert settle(folder, WorkerEnd(1), RunState()) == NAN
    assert settle(folder, WorkerEnd(1), NAN).kind == "crash", "an earlier try's failure is not this one's"


def test_only_an_end_that_says_so_is_done_or_skipped_and_pending_is_no_end(folder):
    for name in ("done", "skipped"):
        folder.write_state(RunState(name=name))
        assert settle(folder, WorkerEnd(0), RunState(name=name)).name == name, "done again"
        assert settle(folder, WorkerEnd(1), RunState(name=name)).kind == "crash"
        assert folder.read_state().name == name, "what was finished is not overwritten"
    folder.state_file.unlink()
    assert settle(folder, WorkerEnd(1), RunState(name="failed", kind="nan")).kind == "crash"


def test_a_state_is_recorded_although_a_reader_tests_the_lock(folder):
    folder.write_state(RunState(name="running"))
    with folder.claim_file.open("a"):
        pass
    reader = folder.claim_file.open("rb")
    fcntl.flock(reader, fcntl.LOCK_SH)
    threading.Timer(0.1, reader.close).start()
    assert record_state(folder, CRASH) == CRASH == folder.read_state()


def test_company_is_also_what_the_run_itself_saw(folder):
    assert not shared_device(folder)
    folder.write_provenance({"shared_with": []})
    assert not shared_device(folder)
    folder.write_provenance({"shared_with": ["a run of another scheduler"]})
    assert shared_device(folder)
