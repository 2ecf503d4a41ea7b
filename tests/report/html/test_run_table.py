from dataclasses import replace

from dcbench.analysis.summary import analyse
from dcbench.figures.style.encoding import get_colour
from dcbench.report.html.run_table import run_table
from tests.helpers.analyses import made

TEXT = """name: m
axes: {dataset: [mnist, cifar10], limit: [null, 500]}
seeds: [0, 1]
settings: {epochs: 1}
"""


def test_a_line_for_each_planned_run_in_the_plans_order():
    told = analyse(made(TEXT, failed=[0]))
    table = run_table(told)
    assert [one.run_id for one in table.lines] == told.results.runs["run_id"].tolist()
    assert table.words == ["dataset", "limit", "seed"] and table.lines[2].words == ["mnist", "500", "0"]
    failed, done = table.lines[:2]
    assert (failed.state, failed.reason, failed.health, failed.numbers[0]) == ("failed", "it failed", "", "")
    assert (done.state, done.reason, done.health) == ("done", "", "healthy")
    assert dict(zip(table.numbers, done.numbers, strict=True))["gain over untrained"].startswith("+0.0")
    assert table.numbers[0] == "NMI with the truth" and table.numbers[-2:] == ["time (s)", "timed"]


def test_filters_are_the_fields_with_more_than_one_value_and_lines_say_which():
    told = analyse(made(TEXT, failed=[0]))
    table = run_table(told)
    assert [(one.name, one.values) for one in table.filters] == [
        ("dataset", ["mnist", "cifar10"]), ("limit", ["none", "500"]), ("seed", ["0", "1"]),
        ("state", ["done", "failed"]), ("health", ["healthy", "not known"]),
    ]  # fmt: skip
    for line in table.lines:
        shown = [one.values[at] for one, at in zip(table.filters, line.at, strict=True)]
        assert shown == [*line.words, line.state, line.health or "not known"]


def test_a_value_has_the_colour_that_it_has_in_every_figure():
    told = analyse(made(TEXT))
    dataset, limit, *_ = run_table(told).filters
    assert dataset.colours == [get_colour(told, "dataset", value) for value in ("mnist", "cifar10")]
    assert limit.colours == [get_colour(told, "limit", value) for value in (None, 500)]


def test_metrics_that_no_run_has_are_left_out():
    found = made(TEXT)
    found.rows["pseudo_label_accuracy"] = float("nan")
    assert "pseudo-label accuracy" not in run_table(analyse(found)).numbers
    nothing = run_table(analyse(made(TEXT, pending=range(8))))
    assert nothing.numbers == ["time (s)", "timed"] and len(nothing.lines) == 8


def test_what_is_wrong_with_a_run_is_told_in_words():
    found = made(TEXT)
    runs = found.runs.assign(health="degenerate", health_why="feature rank 1.90", kind=None, reason="")
    line = run_table(analyse(replace(found, runs=runs))).lines[0]
    assert (line.health, line.health_why) == ("degenerate", "feature rank 1.90")
