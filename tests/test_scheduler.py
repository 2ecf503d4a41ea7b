import pytest

from dcbench import ledger, rooms, scheduler
from dcbench.executors import EXIT_CLAIMED, EXIT_STOPPED, Event, Options
from dcbench.rundir import STOPPED, MatrixDir, RunDir, State
from tests.conftest import TINY, plan_of

TEXT = f"name: m\naxes: {{optimizer: [sgd, adam]}}\nseeds: [0, 1]\nsettings: {TINY}\n"


@pytest.fixture
def folder(tmp_path):
    found = MatrixDir(tmp_path / "m")
    ledger.adopt(plan_of(TEXT), found)
    return found


DONE = State("done")


class Fake:
    """An executor whose workers leave what they are told to."""

    def __init__(self, leave):
        self.leave, self.seen, self.closed = leave, [], False

    def execute(self, runs, options):
        try:
            for run in runs:
                self.seen.append(run.name)
                yield Event(run)
                state, code = self.leave(run)
                if state is not None:
                    RunDir(run).set_state(state)
                if state == DONE:
                    RunDir(run).metrics_file.write_text("epoch\n0\n1\n")
                yield Event(run, code)
        finally:
            self.closed = True


def run(folder, monkeypatch, leave, **options):
    fake = Fake(leave)
    monkeypatch.setattr(rooms, "load", lambda room, name: fake)
    todo = scheduler.left(ledger.entries(plan_of(TEXT), folder), options.get("redo", False))
    outcomes = list(scheduler.run(todo, "fake", Options(folder.path, **options)))
    assert [outcome.state.name for outcome in outcomes if not outcome.ended] == ["running"] * len(fake.seen)
    return fake, [outcome for outcome in outcomes if outcome.ended]


def test_done_and_skipped_runs_are_not_done_again_and_failed_ones_are(folder, monkeypatch):
    states = iter([DONE, State("skipped"), State("failed", "error", "x"), State()])
    run(folder, monkeypatch, lambda path: (next(states), 0))
    again, _ = run(folder, monkeypatch, lambda path: (DONE, 0))
    assert again.seen == plan_of(TEXT).run_ids[2:]
    nothing, _ = run(folder, monkeypatch, lambda path: (DONE, 0))
    assert nothing.seen == []
    everything, _ = run(folder, monkeypatch, lambda path: (DONE, 0), redo=True)
    assert len(everything.seen) == 4


@pytest.mark.parametrize(
    ("state", "code", "expected"),
    [
        (DONE, 0, ("done", None)),
        (State("failed", "nan", "loss"), 1, ("failed", "nan")),
        (State("running", pid=1), -11, ("failed", "crash")),
        (State("running", pid=1), 3, ("failed", "crash")),
        (None, -9, ("failed", "crash")),
        (None, 1, ("failed", "crash")),
        (State(), EXIT_STOPPED, ("pending", None)),
    ],
)
def test_every_end_of_a_worker_is_one_state_on_disk(folder, monkeypatch, state, code, expected):
    _, ended = run(folder, monkeypatch, lambda path: (state, code))
    assert [(one.state.name, one.state.kind) for one in ended] == [expected] * 4
    on_disk = [entry.state for entry in ledger.entries(plan_of(TEXT), folder)]
    assert [(one.name, one.kind) for one in on_disk] == [expected] * 4


def test_a_crash_says_which_signal_and_where_the_log_is(folder, monkeypatch):
    _, ended = run(folder, monkeypatch, lambda path: (State("running"), -11))
    assert "SIGSEGV" in ended[0].state.reason and "log.txt" in ended[0].state.reason


def test_a_run_that_runs_elsewhere_is_left_alone(folder, monkeypatch):
    plan = plan_of(TEXT)
    busy = folder.run(plan.run_ids[0])
    busy.prepare(plan.runs[0])
    busy.set_state(State("running"))
    with busy.claim():
        fake, _ = run(folder, monkeypatch, lambda path: (DONE, 0), redo=True)
    assert plan.run_ids[0] not in fake.seen and len(fake.seen) == 3


def test_a_folder_of_another_run_is_refused_and_the_others_go_on(folder, monkeypatch):
    plan = plan_of(TEXT)
    foreign = folder.run(plan.run_ids[1])
    foreign.prepare(plan.runs[1])
    other = replace_seed(plan.runs[1], 77).to_text()
    foreign.spec_file.write_text(other)
    fake, ended = run(folder, monkeypatch, lambda path: (DONE, 0))
    assert len(fake.seen) == 3
    assert [one.state.name for one in ended].count("failed") == 1
    assert foreign.spec_file.read_text() == other and not foreign.state_file.exists()


def replace_seed(spec, seed):
    return spec.model_copy(update={"seed": seed})


def test_a_dataset_that_cannot_be_had_fails_its_runs_only(folder, monkeypatch):
    text = TEXT.replace("axes: {", "axes: {dataset: [digits, kmnist], ")
    monkeypatch.setattr(scheduler, "fetch", lambda name, where: "no network" if name == "kmnist" else None)
    fake = Fake(lambda path: (DONE, 0))
    monkeypatch.setattr(rooms, "load", lambda room, name: fake)
    todo = ledger.entries(plan_of(text), folder)
    ended = [one for one in scheduler.run(todo, "f", Options(folder.path)) if one.ended]
    assert [one.state.reason for one in ended if one.state.name == "failed"] == ["no network"] * 4
    assert len(fake.seen) == 4


def test_closing_the_iterator_closes_the_executor(folder, monkeypatch):
    fake = Fake(lambda path: (DONE, 0))
    monkeypatch.setattr(rooms, "load", lambda room, name: fake)
    outcomes = scheduler.run(ledger.entries(plan_of(TEXT), folder), "fake", Options(folder.path))
    next(outcomes)
    outcomes.close()
    assert fake.closed


def test_fetch_says_why_a_download_failed(tmp_path):
    (tmp_path / "file").write_text("")
    problem = scheduler.fetch("mnist", tmp_path / "file")
    assert "mnist is not in" in problem and "--data-dir" in problem
    assert scheduler.fetch("digits", tmp_path) is None


def test_a_failed_download_never_overwrites_a_finished_run(folder, monkeypatch):
    run(folder, monkeypatch, lambda path: (DONE, 0))
    monkeypatch.setattr(scheduler, "fetch", lambda name, where: "no network")
    _, ended = run(folder, monkeypatch, lambda path: (DONE, 0), redo=True)
    assert [one.state.reason for one in ended] == ["no network"] * 4
    assert {entry.state.name for entry in ledger.entries(plan_of(TEXT), folder)} == {"done"}


def test_an_old_failure_is_not_told_as_this_attempts(folder, monkeypatch):
    run(folder, monkeypatch, lambda path: (State("failed", "nan", "last week"), 1))
    _, ended = run(folder, monkeypatch, lambda path: (None, 1))
    assert all(one.state.kind == "crash" and "last week" not in one.state.reason for one in ended)


def test_a_worker_killed_while_it_was_stopped_leaves_its_run_pending(folder, monkeypatch):
    fake = Fake(lambda path: (DONE, 0))
    monkeypatch.setattr(rooms, "load", lambda room, name: fake)
    outcomes = scheduler.run(ledger.entries(plan_of(TEXT), folder), "fake", Options(folder.path))
    started = next(outcomes).folder
    started.set_state(State("running"))
    assert started.state().kind == "lost"
    outcomes.close()
    assert started.state() == STOPPED


def test_a_run_claimed_elsewhere_ends_for_this_scheduler(folder, monkeypatch):
    _, ended = run(folder, monkeypatch, lambda path: (None, EXIT_CLAIMED))
    assert [one.state.name for one in ended] == ["pending"] * 4
    assert not list(folder.path.glob("*/state.json")), "it is the other scheduler's to write"


def test_with_nothing_to_do_no_executor_is_started(monkeypatch, tmp_path):
    monkeypatch.setattr(rooms, "load", lambda room, name: pytest.fail("started"))
    assert list(scheduler.run([], "local", Options(tmp_path))) == []
