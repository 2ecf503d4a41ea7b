"""Every executor yields a start and an end for each run, in any order, whatever the runs do."""

import pytest

from dcbench import rooms
from dcbench.executors import Options, worker_arguments
from dcbench.rundir import RunDir
from dcbench.spec import make_spec
from tests.test_worker import TINY

PARTS = rooms.names("executors")


def test_there_are_executors():
    assert {"inline", "local"} <= set(PARTS)


@pytest.mark.parametrize("part", PARTS)
def test_good_and_bad_runs_start_and_end(part, tmp_path):
    folders = []
    for values in ({}, {"dataset": "mnist"}, {"backend": "torch"}, {"backend": "sklearn"}):
        spec = make_spec(TINY | values)
        folders.append(RunDir(tmp_path / spec.run_id))
        folders[-1].prepare(spec)
    paths = [folder.path for folder in folders]
    events = list(rooms.load("executors", part).execute(paths, Options(tmp_path, jobs=2)))
    started = [event.run for event in events if event.exit_code is None]
    ended = {event.run: event.exit_code for event in events if event.exit_code is not None}
    assert started == paths and set(ended) == set(paths)
    assert [ended[path] for path in paths] == [0, 1, 0, 0]
    assert [folder.state().name for folder in folders] == ["done", "failed", "done", "done"]
    assert "mnist is not in" in folders[1].state().reason


@pytest.mark.parametrize("part", PARTS)
def test_no_runs_no_events(part, tmp_path):
    assert list(rooms.load("executors", part).execute([], Options(tmp_path))) == []


def test_the_workers_arguments_carry_every_option(tmp_path):
    from dcbench import worker

    options = Options(tmp_path, "cuda", ("GPU-a",), jobs=3, threads=2, redo=True, command="dcbench run 'a b'")
    parsed = worker.parse(worker_arguments(tmp_path / "run", options))
    assert (parsed.run_dir, parsed.data_dir, parsed.device) == (tmp_path / "run", tmp_path, "cuda")
    assert (parsed.jobs, parsed.threads, parsed.redo, parsed.command) == (3, 2, True, "dcbench run 'a b'")
