"""Every executor starts a worker for each run and reports the end of each, however the run ends."""

import pytest

from dcbench import registry
from dcbench.core.worker_config import WorkerConfig
from dcbench.execution.executors import EXIT_STOPPED, worker_arguments
from tests.helpers.workers import prepare_run

NAMES = registry.plugin_names("executors")


def test_there_are_executors():
    assert {"inline", "local"} <= set(NAMES)


def make_executor(name, tmp_path):
    config = WorkerConfig(data_dir=tmp_path, jobs=2)
    return registry.load("executors", name).Executor(config), config


def wait_for_exit_codes(executor, count):
    exit_codes = {}
    while len(exit_codes) < count:
        exit_codes |= {ended.run_dir: ended.exit_code for ended in executor.wait(0.2)}
    return exit_codes


@pytest.mark.parametrize("name", NAMES)
def test_finished_and_failed_runs_end_with_their_exit_codes(name, tmp_path):
    folders = [prepare_run(tmp_path, **more) for more in ({}, {"dataset": "mnist"}, {"backend": "torch"})]
    executor, config = make_executor(name, tmp_path)
    for folder in folders:
        executor.submit(folder.path, config)
    exit_codes = wait_for_exit_codes(executor, 3)
    assert [exit_codes[folder.path] for folder in folders] == [0, 1, 0]
    assert [folder.read_state().name for folder in folders] == ["done", "failed", "done"]
    assert "mnist is not in" in folders[1].read_state().reason
    executor.close()


@pytest.mark.parametrize("name", NAMES)
def test_waiting_without_a_run_returns_nothing(name, tmp_path):
    executor, _ = make_executor(name, tmp_path)
    assert executor.wait(0.01) == []
    executor.close()


@pytest.mark.parametrize("name", NAMES)
def test_a_stopped_run_ends_and_is_pending(name, tmp_path):
    folder = prepare_run(tmp_path, epochs=100_000)
    executor, config = make_executor(name, tmp_path)
    executor.submit(folder.path, config)
    executor.stop(folder.path)
    assert wait_for_exit_codes(executor, 1)[folder.path] in (EXIT_STOPPED, -15)
    assert folder.read_state().name == "pending"
    executor.close()


@pytest.mark.parametrize("name", NAMES)
def test_closing_ends_all_runs(name, tmp_path):
    folder = prepare_run(tmp_path, epochs=100_000)
    executor, config = make_executor(name, tmp_path)
    executor.submit(folder.path, config)
    executor.close()
    assert not folder.is_claimed()


def test_the_arguments_of_the_worker_hold_every_setting(tmp_path):
    from dcbench.execution import worker

    config = WorkerConfig(
        data_dir=tmp_path, device="cuda", gpu="GPU-a", jobs=3, threads=2, command="dcbench run 'a b'",
        checkpoint_every=1.5, keep_weights=True, redo=True, memory_mb=1234.5, predicted_seconds=60.0,
    )  # fmt: skip
    assert worker.parse_arguments(worker_arguments(tmp_path / "run", config)) == (tmp_path / "run", config)
    bare = WorkerConfig(data_dir=tmp_path)
    assert worker.parse_arguments(worker_arguments(tmp_path / "run", bare)) == (tmp_path / "run", bare)
    assert (bare.memory_mb, bare.predicted_seconds) == (None, None)
