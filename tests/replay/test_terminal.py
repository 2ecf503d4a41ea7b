from dcbench.core.store.run_record import RunRecord
from dcbench.core.store.run_state import RunState
from dcbench.replay import terminal
from dcbench.replay.rerun import OriginalRun, Replay, ReplayResult
from dcbench.replay.run_diff import diff_records


def test_a_diff_is_described_from_the_first_to_the_largest_difference():
    ours = [{"epoch": str(row), "a": "0.5", "b": "1"} | dict.fromkeys("cdef", "2") for row in range(3)]
    theirs = [ours[0], ours[1] | {"a": "0.50000000001"} | dict.fromkeys("cdef", "3"), ours[2] | {"b": "9", "g": "7"}]
    theirs[0] = theirs[0] | {"a": "0.5000000001", "g": "7"}
    diff = diff_records(RunRecord(rows=ours, clusters={1: 0, 2: 0}), RunRecord(rows=theirs, clusters={1: 0, 2: 1}))
    assert terminal.describe_diff(diff) == [
        "row 0: a 0.5 -> 0.5000000001 (by 1e-10)",
        "from row 1 on also: c, d, e, f",
        "from row 2 on also: b",
        "by more than 1e-06 from row 1 on",
        "largest: row 2: b 1 -> 9 (by 0.89)",
        "last assignment: 1 of 2 images in another cluster",
        "not compared, because only one run has them: g",
    ]
    assert terminal.describe_diff(diff_records(RunRecord(rows=ours[1:]), RunRecord(rows=theirs[1:])))[3:5] == [
        "row 0: f 2 -> 3 (by 0.33)",
        "row 0: 1 more column",
    ]
    assert terminal.describe_diff(diff_records(RunRecord(rows=ours), RunRecord(rows=ours))) == []


def test_of_many_uncompared_columns_only_the_first_are_named():
    row = {"epoch": "0"}
    diff = diff_records(RunRecord(rows=[row]), RunRecord(rows=[row | dict.fromkeys("abcdefghij", "1")]))
    (sentence,) = terminal.describe_diff(diff)
    assert sentence.endswith(": a, b, c, d, e, f, g, h and 2 more")


def test_replays_that_differ_are_compared_with_each_other(entries, capsys):
    rows = [{"epoch": "0", "loss": loss} for loss in ("1", "2")]
    diffs = [diff_records(RunRecord(rows=rows[:1]), RunRecord(rows=[row])) for row in rows]
    replays = [
        Replay(state=RunState(name="done"), record=RunRecord(rows=[row]), diff=diff, provenance={})
        for row, diff in zip(rows, diffs, strict=True)
    ]
    original = OriginalRun(
        folder=entries[0].folder, spec=entries[0].spec, record=RunRecord(rows=rows[:1]), provenance={}
    )
    changes = {"torch": ("2.9", "2.10")}
    result = ReplayResult(replays=replays, diffs_between_replays=[diffs[1]], environment_changes=changes)
    terminal.show_replays(original, result)
    text = capsys.readouterr().out
    assert "replay 1: identical (2 figures in 1 row)" in text and "replay 2: different from row 0 on" in text
    assert "replay 2 against replay 1: different" in text and "this run is not repeatable here" in text
    assert "environment: 1 difference\n" in text and "2.9" in text and "2.10" in text
    assert "original's folder has no assignments.npz" in text
