import io
from pathlib import Path

import pytest
from rich.console import Console

from dcbench.cli.terminal import board as boards
from dcbench.core.devices import Gpu
from dcbench.core.store.run_state import RunState
from dcbench.core.worker_config import WorkerConfig
from dcbench.execution import scheduler
from dcbench.execution.scheduler import Notice, RunEvent
from dcbench.execution.scheduler.history import MeasuredCost

TWO = (Gpu(index=0, uuid="GPU-a"), Gpu(index=1, uuid="GPU-b"))


def make_settings(gpus=(), **config):
    return scheduler.make_settings(WorkerConfig(data_dir=Path(), **config), gpus)


def started(entry):
    return RunEvent(folder=entry.folder, state=RunState(name="running"), step="started")


def test_the_live_table_shows_running_runs_with_their_epoch_and_failures(entries):
    board = boards.Board(entries, entries, make_settings())
    first, second, _ = entries
    board.update(started(first))
    board.update(started(second))
    first.folder.append_metrics({"epoch": 0})
    first.folder.append_metrics({"epoch": 1})
    board.update(
        RunEvent(folder=second.folder, state=RunState(name="failed", kind="nan", reason="the loss became nan"))
    )
    out = io.StringIO()
    Console(file=out, width=120, color_system=None).print(board.render())
    text = out.getvalue()
    assert "epoch 1/100" in text and first.folder.path.name in text
    assert "failed: " in text and "the loss became nan" in text
    assert "0 done, 1 running, 1 failed, 1 left to start" in text and "left" in text


def test_the_time_left_is_estimated_from_the_costs_of_the_classes(entries):
    settings = make_settings()
    for entry in entries:
        settings.history.add_probe(entry.spec, MeasuredCost(start=100.0, row=1.0))
    board = boards.Board(entries, entries, settings)
    assert board.estimate_seconds_left() == pytest.approx(600)
    board.update(started(entries[0]))
    board.update(started(entries[1]))
    assert board.estimate_seconds_left() == pytest.approx(300, abs=1), "two at once"
    board.update(
        RunEvent(folder=entries[1].folder, state=RunState(name="failed", kind="out_of_memory"), step="requeued")
    )
    assert board.estimate_seconds_left() == pytest.approx(600, abs=1), "one run waits again"
    board.update(started(entries[1]))
    for entry in entries[:2]:
        board.update(RunEvent(folder=entry.folder, state=RunState(name="done")))
    board.update(started(entries[2]))
    assert board.estimate_seconds_left() == pytest.approx(200, abs=1)
    out = io.StringIO()
    Console(file=out, width=120, color_system=None).print(board.render())
    assert "of about 3 min 20 s" in out.getvalue()
    board.update(RunEvent(folder=entries[2].folder, state=RunState(name="done")))
    assert board.estimate_seconds_left() is None


def test_without_costs_the_time_left_is_estimated_from_the_runs_so_far(entries):
    board = boards.Board(entries, entries, make_settings())
    assert board.estimate_seconds_left() is None
    board.start -= 60
    board.update(started(entries[0]))
    board.update(RunEvent(folder=entries[0].folder, state=RunState(name="done")))
    assert board.estimate_seconds_left() == pytest.approx(120, abs=1)


def all_events(entries):
    for entry in entries:
        yield started(entry)
        yield RunEvent(folder=entry.folder, state=RunState(name="done", seconds=2.0))


def test_a_terminal_gets_the_live_table(entries, terminal):
    boards.watch(all_events(entries), entries, entries, make_settings())
    assert "3 done, 0 running, 0 failed, 0 left to start" in terminal.getvalue()


def test_a_pipe_gets_a_line_for_each_end_and_each_notice(entries, capsys):
    outcomes = [Notice("something [to] know"), *all_events(entries)]
    boards.watch(outcomes, entries, entries, make_settings())
    start, notice, *lines = capsys.readouterr().out.splitlines()
    assert start == "3 runs to do on the CPU: 1 at once, 1 thread each" and notice == "something [to] know"
    assert lines == [f"[{n}/3] done {entry.folder.path.name} 2.0 s" for n, entry in enumerate(entries, 1)]


def test_notices_are_printed_without_markup_on_a_terminal(entries, terminal):
    boards.watch([Notice("something [bold] to know")], entries, entries, make_settings())
    assert "something [bold] to know" in terminal.getvalue()


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        (make_settings(jobs=2), "3 runs to do on the CPU: 2 at once, 1 thread each"),
        (make_settings(TWO, device="cuda", jobs=2, threads=4), "3 runs to do on 2 GPUs: 2 at once, 4 threads each"),
        (make_settings(TWO, device="cuda", jobs=16), "3 runs to do on 2 GPUs: as many at once as fit, at most 16"),
    ],
)
def test_the_first_line_counts_runs_devices_and_threads(settings, text, terminal):
    boards.show_start(3, settings)
    assert text in terminal.getvalue()
    boards.show_start(0, settings)
    assert terminal.getvalue().count("runs to do") == 1
