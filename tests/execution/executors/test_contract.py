"""Every executor starts a worker for each run and tells each one's end, whatever the runs do."""

import pytest

from dcbench import registry
from dcbench.core.devices import Gpu
from dcbench.core.spec import make_spec
from dcbench.core.store.run_dir import RunDir
from dcbench.execution.executors import EXIT_STOPPED, Options, Place, worker_arguments
from tests.helpers.workers import TINY

PARTS = registry.plugin_names("executors")


def test_there_are_executors():
    assert {"inline", "local"} <= set(PARTS)


def prepared(tmp_path, **values):
    spec = make_spec(TINY | values)
    folder = RunDir(tmp_path / spec.run_id)
    folder.prepare(spec)
    return folder


def opened(part, tmp_path):
    return registry.load("executors", part).Workers(Options(tmp_path, jobs=2))


def ends(workers, count):
    told = {}
    while len(told) < count:
        told |= {ended.run: ended.exit_code for ended in workers.wait(0.2)}
    return told


@pytest.mark.parametrize("part", PARTS)
def test_good_and_bad_runs_start_and_end(part, tmp_path):
    folders = [prepared(tmp_path, **more) for more in ({}, {"dataset": "mnist"}, {"backend": "torch"})]
    workers = opened(part, tmp_path)
    for folder in folders:
        workers.start(folder.path, Place())
    told = ends(workers, 3)
    assert [told[folder.path] for folder in folders] == [0, 1, 0]
    assert [folder.read_state().name for folder in folders] == ["done", "failed", "done"]
    assert "mnist is not in" in folders[1].read_state().reason
    workers.close()


@pytest.mark.parametrize("part", PARTS)
def test_nothing_ends_that_was_not_started(part, tmp_path):
    workers = opened(part, tmp_path)
    assert workers.wait(0.01) == []
    workers.close()


@pytest.mark.parametrize("part", PARTS)
def test_a_run_that_is_asked_ends_and_is_pending(part, tmp_path):
    folder = prepared(tmp_path, epochs=100_000)
    workers = opened(part, tmp_path)
    workers.start(folder.path, Place())
    workers.ask(folder.path)
    assert ends(workers, 1)[folder.path] in (EXIT_STOPPED, -15)
    assert folder.read_state().name == "pending"
    workers.close()


@pytest.mark.parametrize("part", PARTS)
def test_closing_leaves_nothing_running(part, tmp_path):
    folder = prepared(tmp_path, epochs=100_000)
    workers = opened(part, tmp_path)
    workers.start(folder.path, Place())
    workers.close()
    assert not folder.is_claimed()


def test_the_workers_arguments_carry_every_option(tmp_path):
    from dcbench.execution import worker

    options = Options(tmp_path, "cuda", (Gpu(index=0, uuid="GPU-a"),), jobs=3, threads=2, command="dcbench run 'a b'")
    parsed = worker.parse_arguments(
        worker_arguments(tmp_path / "run", options, Place("GPU-a", 1234.5, 60.0, redo=True))
    )
    assert (parsed.run_dir, parsed.data_dir, parsed.device) == (tmp_path / "run", tmp_path, "cuda")
    assert (parsed.jobs, parsed.threads, parsed.redo, parsed.command) == (3, 2, True, "dcbench run 'a b'")
    assert (parsed.memory_mb, parsed.predicted) == (1234.5, 60.0)
    bare = worker.parse_arguments(worker_arguments(tmp_path / "run", options, Place()))
    assert (bare.memory_mb, bare.predicted) == (None, None)
