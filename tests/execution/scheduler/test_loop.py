from types import SimpleNamespace

import pytest

from dcbench import registry
from dcbench.core import devices
from dcbench.core.store import status
from dcbench.core.store.run_dir import MatrixDir, RunDir
from dcbench.core.store.run_state import STOPPED, RunState
from dcbench.core.worker_config import WorkerConfig
from dcbench.errors import ResultsError
from dcbench.execution import downloads, scheduler
from dcbench.execution.executors import EXIT_CLAIMED, EXIT_STOPPED, WorkerExit
from dcbench.execution.scheduler import Notice, loop
from dcbench.execution.scheduler.faults import FaultPolicy
from dcbench.execution.scheduler.history import History, Machine, MeasuredCost, get_cost_class, get_cost_key
from dcbench.execution.scheduler.loop import Loop
from dcbench.execution.scheduler.settings import SchedulerSettings
from tests.helpers.fake_cluster import Cluster, Script
from tests.helpers.matrices import TINY, plan_of

TEXT = f"name: m\naxes: {{optimizer: [sgd, adam]}}\nseeds: [0, 1]\nsettings: {TINY}\n"


@pytest.fixture
def folder(tmp_path):
    matrix_dir = MatrixDir(tmp_path / "m")
    status.store_plan(plan_of(TEXT), matrix_dir)
    return matrix_dir


DONE = RunState(name="done")


class FakeExecutor:
    """An executor whose workers end one after another, with the state and the exit code that `outcome_of` gives."""

    def __init__(self, outcome_of):
        self.outcome_of, self.submitted, self.live, self.closed = outcome_of, [], [], False

    def submit(self, run, config):
        self.submitted.append(run.name)
        self.live.append(run)

    def wait(self, seconds):
        run = self.live.pop(0)
        state, code = self.outcome_of(run)
        if state is not None:
            RunDir(run).write_state(state)
        if state == DONE:
            RunDir(run).metrics_file.write_text("epoch\n0\n1\n")
        return [WorkerExit(run_dir=run, exit_code=code)]

    def close(self):
        self.closed = True


def use(monkeypatch, executor):
    monkeypatch.setattr(registry, "load", lambda kind, name: SimpleNamespace(Executor=lambda config: executor))


def make_settings(folder, **config):
    return scheduler.make_settings(WorkerConfig(data_dir=folder.path, **config))


def run(folder, monkeypatch, leave, redo=False):
    fake = FakeExecutor(leave)
    use(monkeypatch, fake)
    todo = scheduler.select_runs(status.read_planned_runs(plan_of(TEXT), folder), redo)
    outcomes = list(scheduler.run(todo, "fake", make_settings(folder, redo=redo)))
    assert [outcome.state.name for outcome in outcomes if not outcome.ended] == ["running"] * len(fake.submitted)
    return fake, [outcome for outcome in outcomes if outcome.ended]


def test_failed_runs_are_repeated_and_done_and_skipped_ones_are_not(folder, monkeypatch):
    states = iter([DONE, RunState(name="skipped"), RunState(name="failed", kind="error", reason="x"), RunState()])
    run(folder, monkeypatch, lambda path: (next(states), 0))
    again, _ = run(folder, monkeypatch, lambda path: (DONE, 0))
    assert again.submitted == plan_of(TEXT).run_ids[2:]
    nothing, _ = run(folder, monkeypatch, lambda path: (DONE, 0))
    assert nothing.submitted == []
    everything, _ = run(folder, monkeypatch, lambda path: (DONE, 0), redo=True)
    assert len(everything.submitted) == 4


@pytest.mark.parametrize(
    ("state", "code", "expected"),
    [
        (DONE, 0, ("done", None)),
        (RunState(name="failed", kind="nan", reason="loss"), 1, ("failed", "nan")),
        (RunState(name="running", pid=1), -11, ("failed", "crash")),
        (RunState(name="running", pid=1), 3, ("failed", "crash")),
        (None, -9, ("failed", "crash")),
        (None, 1, ("failed", "crash")),
        (RunState(), EXIT_STOPPED, ("failed", "crash")),  # it was not asked to stop
    ],
)
def test_every_end_of_a_worker_gives_a_state_on_disk(folder, monkeypatch, state, code, expected):
    _, ended = run(folder, monkeypatch, lambda path: (state, code))
    assert [(event.state.name, event.state.kind) for event in ended] == [expected] * 4
    on_disk = [entry.state for entry in status.read_planned_runs(plan_of(TEXT), folder)]
    assert [(state.name, state.kind) for state in on_disk] == [expected] * 4


def test_the_reason_of_a_crash_names_the_signal_and_the_log(folder, monkeypatch):
    _, ended = run(folder, monkeypatch, lambda path: (RunState(name="running"), -11))
    assert "SIGSEGV" in ended[0].state.reason and "log.txt" in ended[0].state.reason


def test_a_folder_of_another_run_is_refused_and_the_other_runs_continue(folder, monkeypatch):
    plan = plan_of(TEXT)
    foreign = folder.run_dir(plan.run_ids[1])
    foreign.prepare(plan.runs[1])
    other = replace_seed(plan.runs[1], 77).to_text()
    foreign.spec_file.write_text(other)
    fake, ended = run(folder, monkeypatch, lambda path: (DONE, 0))
    assert len(fake.submitted) == 3
    assert [event.state.name for event in ended].count("failed") == 1
    assert foreign.spec_file.read_text() == other and not foreign.state_file.exists()


def replace_seed(spec, seed):
    return spec.model_copy(update={"seed": seed})


def test_a_dataset_that_cannot_be_downloaded_fails_only_its_runs(folder, monkeypatch):
    text = TEXT.replace("axes: {", "axes: {dataset: [digits, kmnist], ")
    monkeypatch.setattr(downloads, "fetch", lambda name, where: "no network" if name == "kmnist" else None)
    fake = FakeExecutor(lambda path: (DONE, 0))
    use(monkeypatch, fake)
    todo = status.read_planned_runs(plan_of(text), folder)
    ended = [event for event in scheduler.run(todo, "f", make_settings(folder)) if event.ended]
    assert [event.state.reason for event in ended if event.state.name == "failed"] == ["no network"] * 4
    assert len(fake.submitted) == 4


def test_with_fail_fast_no_run_starts_when_a_dataset_is_missing(folder, monkeypatch):
    monkeypatch.setattr(downloads, "fetch", lambda name, where: "no network" if name == "kmnist" else None)
    fake = FakeExecutor(lambda path: (DONE, 0))
    use(monkeypatch, fake)
    todo = status.read_planned_runs(plan_of(TEXT.replace("axes: {", "axes: {dataset: [digits, kmnist], ")), folder)
    settings = scheduler.make_settings(WorkerConfig(data_dir=folder.path), policy=FaultPolicy(fail_fast=True))
    events = list(scheduler.run(todo, "f", settings))
    assert [event.state.reason for event in events[:-1]] == ["no network"] * 4 and "--fail-fast" in events[-1].text
    assert fake.submitted == []


def test_closing_the_iterator_closes_the_executor(folder, monkeypatch):
    fake = FakeExecutor(lambda path: (DONE, 0))
    use(monkeypatch, fake)
    outcomes = scheduler.run(status.read_planned_runs(plan_of(TEXT), folder), "fake", make_settings(folder))
    next(outcomes)
    outcomes.close()
    assert fake.closed


def test_a_failed_download_never_overwrites_a_finished_run(folder, monkeypatch):
    run(folder, monkeypatch, lambda path: (DONE, 0))
    monkeypatch.setattr(downloads, "fetch", lambda name, where: "no network")
    _, ended = run(folder, monkeypatch, lambda path: (DONE, 0), redo=True)
    assert [event.state.reason for event in ended] == ["no network"] * 4
    assert {entry.state.name for entry in status.read_planned_runs(plan_of(TEXT), folder)} == {"done"}


def test_an_earlier_failure_is_not_reported_for_a_new_attempt(folder, monkeypatch):
    run(folder, monkeypatch, lambda path: (RunState(name="failed", kind="nan", reason="last week"), 1))
    _, ended = run(folder, monkeypatch, lambda path: (None, 1))
    assert len(ended) == 4
    assert all(event.state.kind == "crash" and "last week" not in event.state.reason for event in ended)


def test_a_worker_killed_while_it_was_stopped_leaves_its_run_pending(folder, monkeypatch):
    fake = FakeExecutor(lambda path: (DONE, 0))
    use(monkeypatch, fake)
    outcomes = scheduler.run(status.read_planned_runs(plan_of(TEXT), folder), "fake", make_settings(folder))
    started = next(outcomes).folder
    started.write_state(RunState(name="running"))
    assert started.read_state().kind == "lost"
    outcomes.close()
    assert started.read_state() == STOPPED


def test_without_runs_no_executor_is_started(monkeypatch, tmp_path):
    monkeypatch.setattr(registry, "load", lambda room, name: pytest.fail("started"))
    assert list(scheduler.run([], "local", scheduler.make_settings(WorkerConfig(data_dir=tmp_path)))) == []


# --- on a fake cluster ----------------------------------------------------------------------------

EIGHT = "name: m\naxes: {k: [5, 6]}\nseeds: [0, 1, 2, 3]\nsettings: {limit: 60, epochs: 1, width: 0.05, pca_dim: 8}\n"
ON_GPU = Machine(device="X", cpu="cpu", threads=1)


def settings_for(cluster, **more):
    """Return settings for the devices of a fake cluster, with an empty history unless one is given."""
    defaults = {"pool": cluster.pool(), "history": History(ON_GPU), "clock": cluster.clock}
    return SchedulerSettings(config=WorkerConfig(), **defaults | more)


def simulate(
    tmp_path, scripts, need=1000.0, policy=None, gpus=1, memory_mb=10_000, text=EIGHT, slots=64, watched=False
):
    """Do all runs of a matrix on a fake cluster; return the cluster, the outcomes, the notices and the entries."""
    plan, folder = plan_of(text), MatrixDir(tmp_path / "m")
    entries = status.read_planned_runs(plan, folder)
    cluster = Cluster(gpus, memory_mb, scripts, slots, watched=watched)
    history = History(ON_GPU)
    for spec in plan.runs if need is not None else ():
        peak = (need - devices.HEADROOM_MB) / 1.1
        history.costs[get_cost_class(spec)] = [MeasuredCost(start=60.0, row=0.0, memory_mb=peak)]
    settings = settings_for(cluster, history=history, policy=policy or FaultPolicy())
    events = list(Loop(entries, cluster, settings).run())
    outcomes = [event for event in events if not isinstance(event, Notice)]
    assert sum(event.ended for event in outcomes) == len(entries), "each run ends once"
    for gpu, capacity in cluster.capacity.items():
        assert cluster.most_claimed[gpu] <= cluster.most_reserved[gpu] <= capacity
    return (
        cluster,
        outcomes,
        [event.text for event in events if isinstance(event, Notice)],
        status.read_planned_runs(plan, folder),
    )


def test_runs_share_a_card_as_long_as_its_memory_suffices(tmp_path):
    cluster, _, _, entries = simulate(tmp_path, lambda run: Script(memory=[(0, 3000.0)]), need=3100.0)
    assert cluster.most_runs == 3 and cluster.now == pytest.approx(3 * 60)
    assert {entry.state.name for entry in entries} == {"done"}


def test_runs_of_unknown_memory_do_not_share_a_card(tmp_path):
    cluster, *_ = simulate(tmp_path, lambda run: Script(), need=None)
    assert cluster.most_runs == 1 and cluster.now == pytest.approx(8 * 60)


def test_slots_limit_the_runs_on_a_card(tmp_path):
    cluster, *_ = simulate(tmp_path, lambda run: Script(), slots=2)
    assert cluster.most_runs == 2 and cluster.now == pytest.approx(4 * 60)


def test_a_run_out_of_memory_is_retried_alone_and_its_neighbours_are_not_affected(tmp_path):
    _, outcomes, notices, entries = simulate(
        tmp_path, lambda run: Script(memory=[(0, 1000.0), (0.5, 9000.0 if "-s3-" in run.name else 1000.0)]), need=2000.0
    )
    assert {entry.state.name for entry in entries} == {"done"}
    again = [event.folder.path.name for event in outcomes if event.step == "requeued"]
    assert again and all("-s3-" in name for name in again) and len(notices) == len(again)
    assert all("alone on its device" in text and "out_of_memory" in text for text in notices)


def test_a_run_that_needs_more_memory_than_the_card_fails_out_of_memory(tmp_path):
    _, outcomes, _, entries = simulate(
        tmp_path, lambda run: Script(memory=[(0, 11_000.0 if "-s0-" in run.name else 1000.0)]), need=2000.0
    )
    failed = [entry for entry in entries if entry.state.name == "failed"]
    assert len(failed) == 2 and {entry.state.kind for entry in failed} == {"out_of_memory"}
    assert sum(event.step == "requeued" for event in outcomes) <= 2, "one retry alone is enough"


def test_after_a_run_out_of_memory_its_class_reserves_more(tmp_path):
    history = History(ON_GPU)
    spec = plan_of(EIGHT).runs[0]
    history.costs[get_cost_class(spec)] = [MeasuredCost(start=1.0, row=0.0, memory_mb=1000.0)]
    history.add_out_of_memory(spec, 4000.0)
    assert history.predict(get_cost_key(spec)).memory_mb == 6000.0


def test_a_crash_on_a_shared_card_is_retried_alone_before_it_counts(tmp_path):
    def crashing(run):
        if "-s1-" in run.name:
            return Script(30.0, state=RunState(name="running"), exit_code=-11)
        return Script()

    cluster, _, _, entries = simulate(tmp_path, crashing)
    by_seed = {entry.spec.seed: entry.state for entry in entries}
    assert by_seed[1].kind == "crash" and "SIGSEGV" in by_seed[1].reason
    assert [by_seed[seed].name for seed in (0, 2, 3)] == ["done"] * 3
    starts = [name for _, what, name, _ in cluster.log if what == "start" and "-s1-" in name]
    assert len(starts) == 4, "both runs of that seed start twice"


def test_a_run_over_its_timeout_is_stopped_then_killed_and_the_others_continue(tmp_path):
    cluster, _, _, entries = simulate(
        tmp_path,
        lambda run: Script(ignores_stop="-s2-" in run.name),
        policy=FaultPolicy(timeout=100.0),
        slots=2,
        watched=True,
    )
    hung = [entry for entry in entries if entry.spec.seed == 2]
    assert {entry.state.kind for entry in hung} == {"timeout"} and "longer than 100 s" in hung[0].state.reason
    assert {entry.state.name for entry in entries if entry.spec.seed != 2} == {"done"}
    ends = {name: when for when, what, name, _ in cluster.log if what == "end"}
    starts = {name: when for when, what, name, _ in cluster.log if what == "start"}
    took = [ends[name] - starts[name] for name in ends if "-s2-" in name]
    assert all(100 + loop.GRACE <= seconds < 101 + loop.GRACE for seconds in took)


def test_failed_runs_are_retried_and_the_tries_are_counted(tmp_path):
    _, outcomes, notices, _ = simulate(
        tmp_path,
        lambda run: (
            Script(state=RunState(name="failed", kind="error", reason="ValueError"), exit_code=1)
            if "-s0-" in run.name
            else Script()
        ),
        policy=FaultPolicy(retries=2),
    )
    assert sum(event.step == "requeued" for event in outcomes) == 4 and "try 3 of 3" in notices[-1]
    final = [event.state.reason for event in outcomes if event.ended and event.state.name == "failed"]
    assert final == ["ValueError (tried 3 times)"] * 2


def test_fail_fast_starts_no_new_runs_and_stops_the_others(tmp_path):
    plan, folder = plan_of(EIGHT), MatrixDir(tmp_path / "m")
    entries = status.read_planned_runs(plan, folder)

    def bad(run):
        failed = RunState(name="failed", kind="nan", reason="loss")
        return Script(10.0, state=failed, exit_code=1) if "-s0-" in run.name else Script()

    cluster = Cluster(1, 10_000, bad, slots=2)
    settings = settings_for(cluster, policy=FaultPolicy(fail_fast=True))
    for spec in plan.runs:
        settings.history.costs[get_cost_class(spec)] = [MeasuredCost(start=60.0, row=0.0, memory_mb=10.0)]
    events = list(Loop(entries, cluster, settings).run())
    assert any(isinstance(event, Notice) and "--fail-fast" in event.text for event in events)
    counts = status.count_states(status.read_planned_runs(plan, folder))
    assert counts["failed"] == 1 and counts["done"] == 0 and sum(counts.values()) == 8


@pytest.mark.parametrize(("presses", "ignores_stop"), [(1, False), (2, True)])
def test_the_first_ctrl_c_stops_the_workers_and_the_second_kills_them(tmp_path, presses, ignores_stop):
    plan, folder = plan_of(EIGHT), MatrixDir(tmp_path / "m")
    cluster = Cluster(1, 10_000, lambda run: Script(ignores_stop=ignores_stop), slots=2, watched=True)
    settings = settings_for(cluster)
    events = []
    for outcome in Loop(status.read_planned_runs(plan, folder), cluster, settings).run():
        events.append(outcome)
        settings.interrupts.count = presses
    assert sum(getattr(event, "ended", False) for event in events) == 1, (
        "the started run has ended and no other has started"
    )
    assert "stopping" in events[1].text
    assert cluster.now <= (loop.LAST_WORDS + 1 if ignores_stop else 1)
    counts = status.count_states(status.read_planned_runs(plan, folder))
    assert counts["pending"] == 8


def test_runs_share_a_card_once_the_first_run_of_their_class_is_measured(tmp_path, monkeypatch):
    """The first run has the card alone; then the measured memory allows the others to share it."""
    real = Cluster._end

    def end(self, run, state, exit_code):
        real(self, run, state, exit_code)
        folder = RunDir(run)
        folder.write_state(RunState(name="done", seconds=60.0))
        columns = [f"seconds_{stage}" for stage in ("features", "pca", "whiten", "kmeans", "train", "evaluate")]
        rows = "".join(f"{epoch},1000,{','.join('1' * len(columns))}\n" for epoch in range(2))
        folder.metrics_file.write_text(f"epoch,peak_memory_mb,{','.join(columns)}\n{rows}")
        folder.write_provenance({"device": "X", "cpu": "cpu", "threads": 1, "spec": folder.read_spec().model_dump()})

    monkeypatch.setattr(Cluster, "_end", end)
    cluster, *_ = simulate(tmp_path, lambda run: Script(), need=None)
    assert cluster.most_runs == 4 and cluster.now < 8 * 60


def test_runs_claimed_by_another_scheduler_are_awaited_and_taken_over_when_released(tmp_path):
    plan, folder = plan_of(EIGHT), MatrixDir(tmp_path / "m")
    entries = status.read_planned_runs(plan, folder)
    claimed, freed = entries[0], entries[1]
    claims = []
    for entry in (claimed, freed):
        entry.folder.prepare(entry.spec)
        entry.folder.write_state(RunState(name="running"))
        claims.append(entry.folder.claim())
        claims[-1].__enter__()
    cluster = Cluster(1, 10_000, lambda run: Script())
    settings = settings_for(cluster)
    ended = []
    for event in Loop(status.read_planned_runs(plan, folder), cluster, settings).run():
        if isinstance(event, Notice):
            assert "held by another dcbench run" in event.text
        elif event.ended:
            ended.append(event.folder.path)
        if len(ended) == 6 and claims:
            claimed.folder.metrics_file.write_text("epoch\n0\n1\n")
            claimed.folder.write_state(DONE)
            freed.folder.write_state(STOPPED)
            for claim in claims:
                claim.__exit__(None, None, None)
            claims = []
    assert sorted(ended) == sorted(entry.folder.path for entry in entries)
    started = [name for _, what, name, _ in cluster.log if what == "start"]
    assert claimed.folder.path.name not in started and started.count(freed.folder.path.name) == 1


def test_a_run_that_another_scheduler_claims_first_is_not_a_failure(folder, monkeypatch):
    """The other scheduler claims the run after this one has read its state, and finishes it."""
    stolen = []

    def leave(path):
        if not stolen:
            stolen.append(path)
            RunDir(path).metrics_file.write_text("epoch\n0\n1\n")
            RunDir(path).write_state(DONE)
            return None, EXIT_CLAIMED
        return DONE, 0

    fake = FakeExecutor(leave)
    use(monkeypatch, fake)
    outcomes = list(scheduler.run(status.read_planned_runs(plan_of(TEXT), folder), "fake", make_settings(folder)))
    ended = [event for event in outcomes if not isinstance(event, Notice) and event.ended]
    assert [event.state.name for event in ended] == ["done"] * 4 and len(fake.submitted) == 4


def test_an_unwritable_folder_fails_only_its_run(tmp_path, monkeypatch):
    def prepare(self, spec):
        if "-s0-" in self.path.name:
            raise ResultsError(f"{self.path}: Read-only file system")
        return real(self, spec)

    real = RunDir.prepare
    monkeypatch.setattr(RunDir, "prepare", prepare)
    _, outcomes, _, _ = simulate(tmp_path, lambda run: Script())
    failed = [event for event in outcomes if event.ended and event.state.name == "failed"]
    assert len(failed) == 2 and "Read-only" in failed[0].state.reason


def test_a_run_waits_for_memory_of_another_program_and_starts_after_a_limit(tmp_path):
    """Another program uses most of the card before the first run; the run of 5 GB waits some seconds, then starts."""
    plan, folder = plan_of(EIGHT), MatrixDir(tmp_path / "m")
    entries = status.read_planned_runs(plan, folder)[:1]
    cluster = Cluster(1, 10_000, lambda run: Script(), watched=True)
    history = History(ON_GPU)
    history.costs[get_cost_class(entries[0].spec)] = [MeasuredCost(start=60.0, row=0.0, memory_mb=4000.0)]
    pool = cluster.pool()
    pool.devices[0].read_free_mb = lambda: 4000.0
    settings = settings_for(cluster, pool=pool, history=history)
    assert [event.state.name for event in Loop(entries, cluster, settings).run()] == ["running", "done"]
    (start,) = [when for when, what, _, _ in cluster.log if what == "start"]
    assert loop.LAST_RESORT <= start < loop.LAST_RESORT + 1


def test_a_run_to_retry_alone_does_not_wait_until_the_end(tmp_path):
    cluster, outcomes, _, _ = simulate(
        tmp_path,
        lambda run: Script(memory=[(0, 1000.0), (0.5, 4000.0 if "-s0-" in run.name else 1000.0)]),
        need=2000.0,
        text=EIGHT.replace("seeds: [0, 1, 2, 3]", "seeds: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]"),
    )
    assert sum(event.step == "requeued" for event in outcomes) == 2
    starts = [when for when, what, name, _ in cluster.log if what == "start" and "-s0-" in name]
    assert max(starts) < max(when for when, what, _, _ in cluster.log if what == "start")


def test_a_failure_of_another_scheduler_counts_only_after_a_wait(tmp_path):
    """The other scheduler may retry the run."""
    plan, folder = plan_of(EIGHT), MatrixDir(tmp_path / "m")
    entry = status.read_planned_runs(plan, folder)[0]
    entry.folder.prepare(entry.spec)
    entry.folder.write_state(RunState(name="running"))
    claim = entry.folder.claim()
    claim.__enter__()
    cluster = Cluster(1, 10_000, lambda run: Script(), watched=True)
    settings = settings_for(cluster)
    steps = Loop([entry], cluster, settings).run()
    assert "held by another" in next(steps).text
    entry.folder.write_state(RunState(name="failed", kind="error", reason="first try"))
    claim.__exit__(None, None, None)
    (ended,) = list(steps)
    assert ended.state.reason == "first try" and cluster.now >= loop.CHECK_INTERVAL and not cluster.log


def test_a_worker_that_still_holds_its_claim_is_not_reported_as_ended(tmp_path, monkeypatch):
    """When the forkserver dies, its children seem to have ended; their claims show that they still run."""
    plan, folder = plan_of(EIGHT), MatrixDir(tmp_path / "m")
    entry = status.read_planned_runs(plan, folder)[0]
    cluster = Cluster(1, 10_000, lambda run: Script(), watched=True)
    settings = settings_for(cluster)
    steps = Loop([entry], cluster, settings).run()
    next(steps)
    claim = entry.folder.claim()
    claim.__enter__()
    cluster.live.clear()
    cluster.ended.append(WorkerExit(run_dir=entry.folder.path, exit_code=255))
    assert next(steps).step == "requeued" and "held by" in next(steps).text
    entry.folder.metrics_file.write_text("epoch\n0\n1\n")
    entry.folder.write_state(DONE)
    claim.__exit__(None, None, None)
    (ended,) = list(steps)
    assert ended.state.name == "done"
