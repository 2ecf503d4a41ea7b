import io
from pathlib import Path

import pytest
from rich.console import Console

from dcbench.executors import Options
from dcbench.rundir import State
from dcbench.scheduler import Outcome
from dcbench.screens import board as boards

ON_CPU = Options(Path())


def test_the_live_table_shows_what_runs_its_epoch_and_what_failed(entries):
    board = boards.Board(entries, entries)
    first, second, _ = entries
    board.take(Outcome(first.folder, State("running"), ended=False))
    board.take(Outcome(second.folder, State("running"), ended=False))
    first.folder.append_metrics({"epoch": 0})
    first.folder.append_metrics({"epoch": 1})
    board.take(Outcome(second.folder, State("failed", "nan", "the loss became nan")))
    out = io.StringIO()
    Console(file=out, width=120, color_system=None).print(board.table())
    told = out.getvalue()
    assert "epoch 1/100" in told and first.folder.path.name in told
    assert "failed: " in told and "the loss became nan" in told
    assert "0 done, 1 running, 1 failed, 1 left to start" in told and "left" in told


def test_a_terminal_gets_the_live_table(entries, terminal):
    outcomes = (
        Outcome(entry.folder, state, state.name == "done")
        for entry in entries
        for state in (State("running"), State("done"))
    )
    assert boards.watch(outcomes, entries, entries, ON_CPU) is True
    assert "3 done, 0 running, 0 failed, 0 left to start" in terminal.getvalue()


def test_a_pipe_gets_a_line_for_each_end(entries, capsys):
    outcomes = (
        Outcome(entry.folder, state, state.name == "done")
        for entry in entries
        for state in (State("running"), State("done", seconds=2.0))
    )
    boards.watch(outcomes, entries, entries, ON_CPU)
    start, *lines = capsys.readouterr().out.splitlines()
    assert start == "3 runs to do on the CPU: 1 at once, 1 thread each"
    assert lines == [f"[{n}/3] done {entry.folder.path.name} 2.0 s" for n, entry in enumerate(entries, 1)]


def test_ctrl_c_closes_the_outcomes(entries, capsys):
    closed = []

    def outcomes():
        try:
            yield Outcome(entries[0].folder, State("running"), ended=False)
            raise KeyboardInterrupt
        finally:
            closed.append(True)

    assert boards.watch(outcomes(), entries, entries, ON_CPU) is False
    assert closed == [True]


def test_a_run_held_elsewhere_ends_and_is_told(entries, capsys):
    outcomes = (Outcome(entry.folder, State("running"), ended) for entry in entries for ended in (False, True))
    boards.watch(outcomes, entries, entries, ON_CPU)
    lines = capsys.readouterr().out.splitlines()
    assert [line.endswith("elsewhere") for line in lines] == [False, True, True, True]
    assert lines[-1].startswith("[3/3] running")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (Options(Path(), jobs=2), "3 runs to do on the CPU: 2 at once, 1 thread each"),
        (Options(Path(), "cuda", ("a", "b"), 2, 4), "3 runs to do on 2 GPUs: 2 at once, 4 threads each"),
    ],
)
def test_what_will_happen_is_told_first(options, told, terminal):
    boards._show_start(3, options)
    assert told in terminal.getvalue()
    boards._show_start(0, options)
    assert terminal.getvalue().count("runs to do") == 1
