import json
from dataclasses import replace

import pytest

from dcbench.compare.result import (
    Comparison,
    Gate,
    Runs,
    UnmatchedRun,
    blind,
    failures,
    gate_of,
    named,
)
from tests.helpers.comparisons import NAN, SECONDS, WORSE, line, metric


def comparison(*metrics, gone=()):
    runs = Runs((12, 12), (12, 12), 12, ("a",) * (12 - len(gone)), 0, 12, tuple(gone), (), ())
    return Comparison(runs, metrics, ("", ""), ("", ""))


@pytest.mark.parametrize(
    ("word", "gate"),
    [("worse", Gate("worse")), ("different", Gate("different")), ("worse:seconds", Gate("worse", "seconds"))],
)
def test_gates_are_read_as_they_are_written(word, gate):
    assert gate_of(word) == gate and str(gate) == word


@pytest.mark.parametrize("word", ["", "worst", "worse:", ":seconds", "better", "worse,different"])
def test_what_is_no_gate_says_what_was_expected(word):
    with pytest.raises(ValueError, match="expected worse, different, worse:METRIC or different:METRIC"):
        gate_of(word)


def test_worse_fails_by_what_is_worse_overall_or_for_any_value_the_largest_change_first():
    lines = [line("worse", "a", "x", -0.03), line("worse", "a", "y", -0.3), WORSE, line("better", "b", "z", 0.3)]
    (told,) = failures(comparison(metric(*lines)), [Gate("worse")])
    assert told.startswith("nmi_true: worse: overall -0.100 (-0.120 to -0.080); a y -0.300") and "b z" not in told
    assert told.endswith("a x -0.030 (-0.010 to +0.010)")
    assert (
        failures(comparison(metric(line("better"), line("cannot tell"), line("too few seeds"))), [Gate("worse")]) == []
    )
    assert failures(comparison(metric(WORSE)), []) == [], "nobody asked"


def test_different_fails_by_anything_that_is_not_the_same_or_identical():
    words = ["better", "worse", "higher", "lower", "cannot tell", "too few seeds", "same", "identical"]
    told = failures(comparison(metric(*(line(word, "a", word) for word in words))), [Gate("different")])
    assert [sentence.split(": ")[1] for sentence in told] == [
        "worse", "better", "higher", "lower", "cannot tell", "too few seeds",
    ]  # fmt: skip


def test_time_fails_only_by_its_name():
    found = comparison(metric(line("worse", mean=1.5, low=1.4, high=1.6), **SECONDS), metric(line()))
    for gate in (Gate("worse"), Gate("different"), Gate("worse", "nmi_true")):
        assert failures(found, [gate]) == []
    assert failures(found, [Gate("worse", "seconds")]) == [
        "seconds: worse: overall \u00d71.500 (\u00d71.400 to \u00d71.600)"
    ]
    assert len(failures(found, [Gate("worse", "seconds"), Gate("different", "seconds")])) == 1, "told once"


def test_a_result_that_is_gone_fails_every_gate_and_one_that_has_come_none():
    gone = [
        UnmatchedRun("a", "done", "failed (nan)", "why"),
        UnmatchedRun("b", "done", "failed (nan)", ""),
        UnmatchedRun("c", "done", "pending", ""),
    ]
    for gate in ("worse", "different", "worse:seconds"):
        told = failures(comparison(metric(line(), **SECONDS), gone=gone), [gate_of(gate)])
        assert told == ["runs done in OLD and not in NEW: 3 (2 failed (nan), 1 pending)"]
    come = replace(comparison(metric(line())).runs, come=(UnmatchedRun("a", "pending", "done", ""),))
    assert failures(replace(comparison(metric(line())), runs=come), [Gate("different")]) == []


def test_a_metric_that_is_gone_fails_the_gates_that_watch_it():
    found = comparison(metric(line(), gone=3))
    assert failures(found, [Gate("worse")]) == ["nmi_true: runs that have it in OLD and not in NEW: 3"]
    assert failures(found, [Gate("worse", "seconds")]) == []


def test_worse_is_blind_where_no_line_has_three_seeds():
    few = line("too few seeds", low=NAN, high=NAN, seeds=2)
    assert blind(comparison(metric(few)), [Gate("worse")])
    assert not blind(comparison(metric(few)), [Gate("worse"), Gate("different")])
    identical = line("identical", low=NAN, high=NAN, seeds=2)
    assert blind(comparison(metric(identical, few)), [Gate("worse")]), "what is identical is no verdict"
    assert not blind(comparison(metric(few)), []) and not blind(comparison(metric(identical)), [Gate("worse")])
    assert not blind(comparison(metric(line(), few)), [Gate("worse")]), "one line can fail"
    assert blind(comparison(metric(few), metric(line(), **SECONDS)), [Gate("worse")]), "time is not watched"


@pytest.mark.parametrize(
    ("margin", "ratio", "value", "told"),
    [
        (0.02, False, -0.05, "-0.050"), (0.001, False, 0.05, "+0.0500"), (5.0, False, 12.34, "+12.3"),
        (50.0, False, 12.34, "+12"), (0.02, False, 0.0, "0"), (0.02, False, -0.00003, "-3e-05"),
        (1.1, True, 1.23456, "\u00d71.235"),
    ],
)  # fmt: skip
def test_changes_are_told_one_digit_finer_than_the_margin(margin, ratio, value, told):
    assert metric(margin=margin, ratio=ratio).change(value) == told


def test_levels_and_intervals():
    assert metric().level(0.12345) == "0.123" and metric(**SECONDS).level(123.45) == "123.5"
    assert metric().interval(line()) == "-0.010 to +0.010"
    assert metric().interval(line(low=NAN, high=NAN)) == metric().interval(line("identical")) == ""
    assert metric().told(line("too few seeds", "a", "x", 0.1, NAN, NAN)) == "a x +0.100"


def test_what_is_no_number_is_null_for_programs():
    found = comparison(metric(replace(line(), low=NAN)), gone=[UnmatchedRun("a", "done", "pending", "")])
    told = json.loads(json.dumps(found.as_json(), allow_nan=False))
    assert told["metrics"][0]["lines"][0]["low"] is None and told["metrics"][0]["lines"][0]["high"] == 0.01
    assert told["runs"]["gone"] == [{"run_id": "a", "old": "done", "new": "pending", "reason": ""}]


def test_many_words_are_counted_after_the_first():
    assert named(["a", "b"]) == "a; b" and named(list("abcdef"), ", ") == "a, b, c, d, and 2 more"
