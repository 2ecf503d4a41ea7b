from dataclasses import replace

from dcbench.analysis.summary import analyse
from dcbench.figures.style.encoding import get_colour
from dcbench.report.html.run_table import make_run_table
from tests.helpers.analyses import make_results

TEXT = """name: m
axes: {dataset: [mnist, cifar10], limit: [null, 500]}
seeds: [0, 1]
settings: {epochs: 1}
"""


def test_a_line_for_each_planned_run_in_the_plans_order():
    told = analyse(make_results(TEXT, failed=[0]))
    table = make_run_table(told)
    assert [one.run_id for one in table.rows] == told.results.runs["run_id"].tolist()
    assert table.fields == ["dataset", "limit", "seed"] and table.rows[2].fields == ["mnist", "500", "0"]
    failed, done = table.rows[:2]
    assert (failed.state, failed.reason, failed.health, failed.numbers[0]) == ("failed", "it failed", "", "")
    assert (done.state, done.reason, done.health) == ("done", "", "healthy")
    assert dict(zip(table.numbers, done.numbers, strict=True))["gain over untrained"].startswith("+0.0")
    assert table.numbers[0] == "NMI with the truth" and table.numbers[-2:] == ["time (s)", "timed"]


def test_filters_are_the_fields_with_more_than_one_value_and_lines_say_which():
    told = analyse(make_results(TEXT, failed=[0]))
    table = make_run_table(told)
    assert [(one.name, one.values) for one in table.filters] == [
        ("dataset", ["mnist", "cifar10"]), ("limit", ["none", "500"]), ("seed", ["0", "1"]),
        ("state", ["done", "failed"]), ("health", ["healthy", "not known"]),
    ]  # fmt: skip
    for line in table.rows:
        shown = [one.values[i] for one, i in zip(table.filters, line.filter_values, strict=True)]
        assert shown == [*line.fields, line.state, line.health or "not known"]


def test_a_value_has_the_colour_that_it_has_in_every_figure():
    told = analyse(make_results(TEXT))
    dataset, limit, *_ = make_run_table(told).filters
    assert dataset.colours == [get_colour(told, "dataset", value) for value in ("mnist", "cifar10")]
    assert limit.colours == [get_colour(told, "limit", value) for value in (None, 500)]


def test_metrics_that_no_run_has_are_left_out():
    found = make_results(TEXT)
    found.rows["pseudo_label_accuracy"] = float("nan")
    assert "pseudo-label accuracy" not in make_run_table(analyse(found)).numbers
    nothing = make_run_table(analyse(make_results(TEXT, pending=range(8))))
    assert nothing.numbers == ["time (s)", "timed"] and len(nothing.rows) == 8


def test_what_is_wrong_with_a_run_is_told_in_words():
    found = make_results(TEXT)
    runs = found.runs.assign(health="degenerate", health_why="feature rank 1.90", kind=None, reason="")
    line = make_run_table(analyse(replace(found, runs=runs))).rows[0]
    assert (line.health, line.health_reason) == ("degenerate", "feature rank 1.90")
