import io
from pathlib import Path

import pytest
from rich.console import Console

from dcbench import ledger, screen
from dcbench.executors import Options
from dcbench.replay import Original, Replay, Replayed
from dcbench.rundir import MatrixDir, State
from dcbench.scheduler import Outcome
from dcbench.verdict import Record, compare
from tests.conftest import plan_of

ON_CPU = Options(Path())
TEXT = "name: m\naxes: {k: [5, 6, 7]}\n"


@pytest.fixture
def entries(tmp_path):
    plan, folder = plan_of(TEXT), MatrixDir(tmp_path / "m")
    ledger.adopt(plan, folder)
    for spec in plan.runs:
        folder.run(spec.run_id).prepare(spec)
    return ledger.entries(plan, folder)


@pytest.fixture
def terminal(monkeypatch):
    console = Console(file=io.StringIO(), force_terminal=True, width=100, color_system=None)
    monkeypatch.setattr(screen, "console", console)
    return console.file


def test_the_live_table_shows_what_runs_its_epoch_and_what_failed(entries):
    board = screen._Board(entries, entries)
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
    assert screen.watch(outcomes, entries, entries, ON_CPU) is True
    assert "3 done, 0 running, 0 failed, 0 left to start" in terminal.getvalue()


def test_a_pipe_gets_a_line_for_each_end(entries, capsys):
    outcomes = (
        Outcome(entry.folder, state, state.name == "done")
        for entry in entries
        for state in (State("running"), State("done", seconds=2.0))
    )
    screen.watch(outcomes, entries, entries, ON_CPU)
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

    assert screen.watch(outcomes(), entries, entries, ON_CPU) is False
    assert closed == [True]


def test_reasons_are_shown_as_they_are_and_not_as_markup(entries, terminal):
    told = [ledger.Entry(entries[0].spec, entries[0].folder, State("failed", "error", "[bold]no[/bold] [/]"))]
    screen.show_states("m", told)
    assert "[bold]no[/bold] [/]" in terminal.getvalue()


@pytest.mark.parametrize(
    ("seconds", "told"), [(0.4, "0 s"), (59.6, "1 min 00 s"), (75, "1 min 15 s"), (7260, "2 h 01 min")]
)
def test_durations(seconds, told):
    assert screen._duration(seconds) == told


def test_a_run_held_elsewhere_ends_and_is_told(entries, capsys):
    outcomes = (Outcome(entry.folder, State("running"), ended) for entry in entries for ended in (False, True))
    screen.watch(outcomes, entries, entries, ON_CPU)
    lines = capsys.readouterr().out.splitlines()
    assert [line.endswith("elsewhere") for line in lines] == [False, True, True, True]
    assert lines[-1].startswith("[3/3] running")


def test_states_are_told_with_whole_run_ids_however_narrow_the_terminal(entries, monkeypatch):
    console = Console(file=io.StringIO(), width=40, color_system=None, soft_wrap=True)
    monkeypatch.setattr(screen, "console", console)
    screen.show_states("m", entries)
    assert all(entry.folder.path.name in console.file.getvalue() for entry in entries)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (Options(Path(), jobs=2), "3 runs to do on the CPU: 2 at once, 1 thread each"),
        (Options(Path(), "cuda", ("a", "b"), 2, 4), "3 runs to do on 2 GPUs: 2 at once, 4 threads each"),
    ],
)
def test_what_will_happen_is_told_first(options, told, terminal):
    screen._show_start(3, options)
    assert told in terminal.getvalue()
    screen._show_start(0, options)
    assert terminal.getvalue().count("runs to do") == 1


def test_a_verdict_is_told_from_the_first_row_that_differs_to_the_largest_difference():
    ours = [{"epoch": str(row), "a": "0.5", "b": "1"} | dict.fromkeys("cdef", "2") for row in range(3)]
    theirs = [ours[0], ours[1] | {"a": "0.50000000001"} | dict.fromkeys("cdef", "3"), ours[2] | {"b": "9", "g": "7"}]
    theirs[0] = theirs[0] | {"a": "0.5000000001", "g": "7"}
    found = compare(Record(ours, {1: 0, 2: 0}), Record(theirs, {1: 0, 2: 1}))
    assert screen._details(found) == [
        "row 0: a 0.5 -> 0.5000000001 (by 1e-10)",
        "from row 1 on also: c, d, e, f",
        "from row 2 on also: b",
        "by more than 1e-06 from row 1 on",
        "largest: row 2: b 1 -> 9 (by 0.89)",
        "last assignment: 1 of 2 images in another cluster",
        "not compared, since only one has them: g",
    ]
    assert screen._details(compare(Record(ours[1:]), Record(theirs[1:])))[3:5] == [
        "row 0: f 2 -> 3 (by 0.33)",
        "row 0: 1 more column",
    ]
    assert screen._details(compare(Record(ours), Record(ours))) == []
    assert screen._first_of(list("abcdefghij")) == "a, b, c, d, e, f, g, h and 2 more"


def test_replays_that_differ_are_told_beside_each_other(entries, capsys):
    rows = [{"epoch": "0", "loss": figure} for figure in ("1", "2")]
    verdicts = [compare(Record(rows[:1]), Record([row])) for row in rows]
    replays = [Replay(State("done"), Record([row]), verdict, {}) for row, verdict in zip(rows, verdicts, strict=True)]
    run = Original(entries[0].folder, entries[0].spec, Record(rows[:1]), {})
    screen.show_replayed(run, Replayed(replays, [verdicts[1]], {"torch": ("2.9", "2.10")}))
    told = capsys.readouterr().out
    assert "replay 1: identical (2 figures in 1 row)" in told and "replay 2: different from row 0 on" in told
    assert "replay 2 beside replay 1: different" in told and "here this run does not repeat" in told
    assert "made with: 1 difference\n" in told and "2.9" in told and "2.10" in told
    assert "no assignments.npz in the original's folder" in told
