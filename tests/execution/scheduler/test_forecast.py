import pytest

from dcbench.core.store import status
from dcbench.core.store.run_dir import MatrixDir
from dcbench.core.store.run_state import RunState
from dcbench.core.worker_config import WorkerConfig
from dcbench.execution.scheduler.forecast import forecast
from dcbench.execution.scheduler.history import History, Machine, MeasuredCost, get_cost_class
from dcbench.execution.scheduler.packing import Device, Pool
from dcbench.execution.scheduler.settings import SchedulerSettings
from tests.helpers.matrices import plan_of

TEXT = "name: m\naxes: {dataset: [mnist, cifar10], backend: [faiss, sklearn]}\nseeds: [0, 1]\nsettings: {epochs: 10}\n"


@pytest.fixture
def entries(tmp_path):
    return status.read_planned_runs(plan_of(TEXT), MatrixDir(tmp_path / "m"))


def make(entries, costs, memory=10_000.0, slots=2):
    history = History(Machine(device="H100", cpu="x", threads=1))
    for entry in entries:
        cost = costs(entry.spec)
        if cost:
            history.costs[get_cost_class(entry.spec)] = [cost]
    gpus = [Device(gpu=name, memory_mb=memory, slots=slots) for name in ("GPU-0", "GPU-1")]
    return SchedulerSettings(config=WorkerConfig(), pool=Pool(gpus), history=history)


def test_each_class_has_a_cost_and_the_matrix_a_finish_time(entries):
    settings = make(
        entries, lambda spec: MeasuredCost(start=10.0, row=9.0 if spec.dataset == "mnist" else 4.0, memory_mb=500.0)
    )
    result = forecast(entries, settings)
    assert [(each.title, each.runs, each.done, each.expected.seconds) for each in result.classes] == [
        ("faiss mnist", 2, 0, 100.0), ("sklearn mnist", 2, 0, 100.0),
        ("faiss cifar10", 2, 0, 50.0), ("sklearn cifar10", 2, 0, 50.0),
    ]  # fmt: skip
    assert (result.left, result.unknown, result.run_seconds) == (8, 0, 4 * 100 + 4 * 50)
    assert result.finish_seconds == 150.0, "four at once, the longest first"
    assert result.unshared_seconds == 300.0, "two at once"
    assert result.memory_mb == pytest.approx(1550)


def test_runs_that_are_done_cost_nothing(entries):
    settings = make(entries, lambda spec: MeasuredCost(start=10.0, row=9.0, memory_mb=500.0))
    done = [
        status.PlannedRun(spec=each.spec, folder=each.folder, state=RunState(name="done")) for each in entries[:6]
    ] + entries[6:]
    result = forecast(done, settings)
    assert (result.left, result.run_seconds, result.finish_seconds) == (2, 200.0, 100.0)
    assert sum(each.done for each in result.classes) == 6
    nothing = forecast(
        [status.PlannedRun(spec=each.spec, folder=each.folder, state=RunState(name="done")) for each in entries],
        settings,
    )
    assert (nothing.left, nothing.run_seconds, nothing.finish_seconds) == (0, 0, 0.0)


def test_with_one_unknown_class_there_is_no_total(entries):
    settings = make(
        entries, lambda spec: None if spec.dataset == "mnist" else MeasuredCost(start=10.0, row=9.0, memory_mb=500.0)
    )
    result = forecast(entries, settings)
    assert (result.left, result.unknown, result.run_seconds, result.finish_seconds) == (8, 4, None, None)


def test_memory_limits_how_many_runs_share_a_card(entries):
    settings = make(entries, lambda spec: MeasuredCost(start=10.0, row=9.0, memory_mb=5000.0), memory=7000.0, slots=8)
    assert forecast(entries, settings).finish_seconds == 400.0, "one at a time on each of two cards"


def test_the_title_of_a_class_names_only_the_fields_that_differ(tmp_path):
    plan = plan_of("name: m\naxes: {width: [0.5, 1], epochs: [1, 2]}\nseeds: [0]\n")
    result = forecast(status.read_planned_runs(plan, MatrixDir(tmp_path)), make([], None))
    assert {(each.title, each.epochs) for each in result.classes} == {
        ("width 0.5", 1), ("width 0.5", 2), ("width 1", 1), ("width 1", 2)
    }  # fmt: skip
