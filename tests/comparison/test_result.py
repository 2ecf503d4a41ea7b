import json
from dataclasses import replace

import pytest

from dcbench.comparison.result import Comparison, Gate, explain_failures, has_no_power, list_first, parse_gate
from tests.helpers.comparisons import NAN, SECONDS, WORSE, change, metric, overlap, unmatched


def make_comparison(*metrics, lost=()):
    runs = overlap(compared=("a",) * (12 - len(lost)), done_only_in_old=tuple(lost))
    return Comparison(runs=runs, metrics=metrics, health=("", ""), timing=("", ""))


@pytest.mark.parametrize(
    ("text", "gate"),
    [
        ("worse", Gate(word="worse")),
        ("different", Gate(word="different")),
        ("worse:seconds", Gate(word="worse", metric="seconds")),
    ],
)
def test_gates_are_parsed_and_printed(text, gate):
    assert parse_gate(text) == gate and str(gate) == text


@pytest.mark.parametrize("text", ["", "worst", "worse:", ":seconds", "better", "worse,different"])
def test_an_invalid_gate_is_an_error_with_the_expected_forms(text):
    with pytest.raises(ValueError, match="expected worse, different, worse:METRIC or different:METRIC"):
        parse_gate(text)


def test_worse_fails_on_any_worse_change_and_lists_the_largest_first():
    changes = [
        change("worse", "a", "x", -0.03), change("worse", "a", "y", -0.3), WORSE, change("better", "b", "z", 0.3),
    ]  # fmt: skip
    (reason,) = explain_failures(make_comparison(metric(*changes)), [Gate(word="worse")])
    assert reason.startswith("nmi_true: worse: overall -0.100 (-0.120 to -0.080); a y -0.300") and "b z" not in reason
    assert reason.endswith("a x -0.030 (-0.010 to +0.010)")
    undecided = metric(change("better"), change("cannot tell"), change("too few seeds"))
    assert explain_failures(make_comparison(undecided), [Gate(word="worse")]) == []
    assert explain_failures(make_comparison(metric(WORSE)), []) == [], "there is no gate"


def test_different_fails_on_every_verdict_except_same_and_identical():
    words = ["better", "worse", "higher", "lower", "cannot tell", "too few seeds", "same", "identical"]
    reasons = explain_failures(
        make_comparison(metric(*(change(word, "a", word) for word in words))), [Gate(word="different")]
    )
    assert [sentence.split(": ")[1] for sentence in reasons] == [
        "worse", "better", "higher", "lower", "cannot tell", "too few seeds",
    ]  # fmt: skip


def test_times_fail_only_gates_that_name_them():
    slower = make_comparison(metric(change("worse", mean=1.5, low=1.4, high=1.6), **SECONDS), metric(change()))
    for gate in (Gate(word="worse"), Gate(word="different"), Gate(word="worse", metric="nmi_true")):
        assert explain_failures(slower, [gate]) == []
    assert explain_failures(slower, [Gate(word="worse", metric="seconds")]) == [
        "seconds: worse: overall \u00d71.500 (\u00d71.400 to \u00d71.600)"
    ]
    both = [Gate(word="worse", metric="seconds"), Gate(word="different", metric="seconds")]
    assert len(explain_failures(slower, both)) == 1, "a change that fails two gates is named once"


def test_lost_runs_fail_every_gate_and_gained_runs_none():
    lost = [
        unmatched("a", "done", "failed (nan)", "why"),
        unmatched("b", "done", "failed (nan)", ""),
        unmatched("c", "done", "pending", ""),
    ]
    for gate in ("worse", "different", "worse:seconds"):
        reasons = explain_failures(make_comparison(metric(change(), **SECONDS), lost=lost), [parse_gate(gate)])
        assert reasons == ["runs done in OLD and not in NEW: 3 (2 failed (nan), 1 pending)"]
    gained = overlap(done_only_in_new=(unmatched("a", "pending", "done", ""),))
    assert explain_failures(replace(make_comparison(metric(change())), runs=gained), [Gate(word="different")]) == []


def test_a_lost_metric_fails_the_gates_on_it():
    lost = make_comparison(metric(change(), lost_runs=3))
    assert explain_failures(lost, [Gate(word="worse")]) == ["nmi_true: runs that have it in OLD and not in NEW: 3"]
    assert explain_failures(lost, [Gate(word="worse", metric="seconds")]) == []


def test_the_gate_worse_has_no_power_without_three_seeds():
    few = change("too few seeds", low=NAN, high=NAN, seeds=2)
    assert has_no_power(make_comparison(metric(few)), [Gate(word="worse")])
    assert not has_no_power(make_comparison(metric(few)), [Gate(word="worse"), Gate(word="different")])
    identical = change("identical", low=NAN, high=NAN, seeds=2)
    assert has_no_power(make_comparison(metric(identical, few)), [Gate(word="worse")]), (
        "identical is not a verdict of a test"
    )
    assert not has_no_power(make_comparison(metric(few)), [])
    assert not has_no_power(make_comparison(metric(identical)), [Gate(word="worse")])
    assert not has_no_power(make_comparison(metric(change(), few)), [Gate(word="worse")]), "one change can fail"
    slower = metric(change(), **SECONDS)
    assert has_no_power(make_comparison(metric(few), slower), [Gate(word="worse")]), "the gate does not include times"


@pytest.mark.parametrize(
    ("margin", "ratio", "value", "text"),
    [
        (0.02, False, -0.05, "-0.050"), (0.001, False, 0.05, "+0.0500"), (5.0, False, 12.34, "+12.3"),
        (50.0, False, 12.34, "+12"), (0.02, False, 0.0, "0"), (0.02, False, -0.00003, "-3e-05"),
        (1.1, True, 1.23456, "\u00d71.235"),
    ],
)  # fmt: skip
def test_changes_have_one_digit_more_than_the_margin(margin, ratio, value, text):
    assert metric(margin=margin, ratio=ratio).format_change(value) == text


def test_levels_and_intervals_are_formatted():
    assert metric().format_level(0.12345) == "0.123" and metric(**SECONDS).format_level(123.45) == "123.5"
    assert metric().format_interval(change()) == "-0.010 to +0.010"
    assert metric().format_interval(change(low=NAN, high=NAN)) == metric().format_interval(change("identical")) == ""
    assert metric().describe(change("too few seeds", "a", "x", 0.1, NAN, NAN)) == "a x +0.100"


def test_nan_is_null_in_json():
    lost = make_comparison(metric(replace(change(), low=NAN)), lost=[unmatched("a", "done", "pending", "")])
    contents = json.loads(json.dumps(lost.as_json(), allow_nan=False))
    assert contents["metrics"][0]["lines"][0]["low"] is None and contents["metrics"][0]["lines"][0]["high"] == 0.01
    assert contents["runs"]["gone"] == [{"run_id": "a", "old": "done", "new": "pending", "reason": ""}]


def test_json_has_the_published_keys():
    contents = make_comparison(metric(change())).as_json()
    assert list(contents) == ["runs", "metrics", "health", "timing"]
    assert list(contents["runs"]) == [
        "planned", "done", "both", "compared", "beside", "identical", "gone", "come", "neither",
    ]  # fmt: skip
    assert list(contents["metrics"][0]) == [
        "name", "label", "better", "margin", "ratio", "cost", "rule", "gone", "lines",
    ]  # fmt: skip
    assert list(contents["metrics"][0]["lines"][0]) == [
        "axis", "value", "verdict", "old", "new", "mean", "low", "high", "pairs", "cells", "seeds", "left_out",
        "improved", "p", "p_holm", "p_same",
    ]  # fmt: skip


def test_long_lists_are_shortened_and_counted():
    assert list_first(["a", "b"]) == "a; b" and list_first(list("abcdef"), ", ") == "a, b, c, d, and 2 more"
