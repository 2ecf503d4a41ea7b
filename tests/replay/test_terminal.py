from dcbench.core.store.run_record import RunRecord
from dcbench.core.store.run_state import RunState
from dcbench.replay import terminal
from dcbench.replay.rerun import Original, Replay, Replayed
from dcbench.replay.run_diff import diff_records


def test_a_verdict_is_told_from_the_first_row_that_differs_to_the_largest_difference():
    ours = [{"epoch": str(row), "a": "0.5", "b": "1"} | dict.fromkeys("cdef", "2") for row in range(3)]
    theirs = [ours[0], ours[1] | {"a": "0.50000000001"} | dict.fromkeys("cdef", "3"), ours[2] | {"b": "9", "g": "7"}]
    theirs[0] = theirs[0] | {"a": "0.5000000001", "g": "7"}
    found = diff_records(RunRecord(ours, {1: 0, 2: 0}), RunRecord(theirs, {1: 0, 2: 1}))
    assert terminal._details(found) == [
        "row 0: a 0.5 -> 0.5000000001 (by 1e-10)",
        "from row 1 on also: c, d, e, f",
        "from row 2 on also: b",
        "by more than 1e-06 from row 1 on",
        "largest: row 2: b 1 -> 9 (by 0.89)",
        "last assignment: 1 of 2 images in another cluster",
        "not compared, since only one has them: g",
    ]
    assert terminal._details(diff_records(RunRecord(ours[1:]), RunRecord(theirs[1:])))[3:5] == [
        "row 0: f 2 -> 3 (by 0.33)",
        "row 0: 1 more column",
    ]
    assert terminal._details(diff_records(RunRecord(ours), RunRecord(ours))) == []
    assert terminal._first_of(list("abcdefghij")) == "a, b, c, d, e, f, g, h and 2 more"


def test_replays_that_differ_are_told_beside_each_other(entries, capsys):
    rows = [{"epoch": "0", "loss": figure} for figure in ("1", "2")]
    verdicts = [diff_records(RunRecord(rows[:1]), RunRecord([row])) for row in rows]
    replays = [
        Replay(RunState(name="done"), RunRecord([row]), verdict, {})
        for row, verdict in zip(rows, verdicts, strict=True)
    ]
    run = Original(entries[0].folder, entries[0].spec, RunRecord(rows[:1]), {})
    terminal.show_replayed(run, Replayed(replays, [verdicts[1]], {"torch": ("2.9", "2.10")}))
    told = capsys.readouterr().out
    assert "replay 1: identical (2 figures in 1 row)" in told and "replay 2: different from row 0 on" in told
    assert "replay 2 beside replay 1: different" in told and "here this run does not repeat" in told
    assert "made with: 1 difference\n" in told and "2.9" in told and "2.10" in told
    assert "no assignments.npz in the original's folder" in told
