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


def test_the_run_table_has_a_row_for_each_planned_run_in_order():
    analysis = analyse(make_results(TEXT, failed=[0]))
    table = make_run_table(analysis)
    assert [row.run_id for row in table.rows] == analysis.results.runs["run_id"].tolist()
    assert table.fields == ["dataset", "limit", "seed"] and table.rows[2].fields == ["mnist", "500", "0"]
    failed, done = table.rows[:2]
    assert (failed.state, failed.reason, failed.health, failed.numbers[0]) == ("failed", "it failed", "", "")
    assert (done.state, done.reason, done.health) == ("done", "", "healthy")
    assert dict(zip(table.numbers, done.numbers, strict=True))["gain over untrained"].startswith("+0.0")
    assert table.numbers[0] == "NMI with the truth" and table.numbers[-2:] == ["time (s)", "timed"]


def test_filters_are_the_fields_with_several_values_and_rows_refer_to_them():
    analysis = analyse(make_results(TEXT, failed=[0]))
    table = make_run_table(analysis)
    assert [(choice.name, choice.values) for choice in table.filters] == [
        ("dataset", ["mnist", "cifar10"]), ("limit", ["none", "500"]), ("seed", ["0", "1"]),
        ("state", ["done", "failed"]), ("health", ["healthy", "not known"]),
    ]  # fmt: skip
    for row in table.rows:
        values = [choice.values[i] for choice, i in zip(table.filters, row.filter_values, strict=True)]
        assert values == [*row.fields, row.state, row.health or "not known"]


def test_filter_values_have_the_colours_of_the_figures():
    analysis = analyse(make_results(TEXT))
    dataset, limit, *_ = make_run_table(analysis).filters
    assert dataset.colours == [get_colour(analysis, "dataset", value) for value in ("mnist", "cifar10")]
    assert limit.colours == [get_colour(analysis, "limit", value) for value in (None, 500)]


def test_metrics_without_values_are_left_out():
    results = make_results(TEXT)
    results.rows["pseudo_label_accuracy"] = float("nan")
    assert "pseudo-label accuracy" not in make_run_table(analyse(results)).numbers
    nothing = make_run_table(analyse(make_results(TEXT, pending=range(8))))
    assert nothing.numbers == ["time (s)", "timed"] and len(nothing.rows) == 8


def test_a_row_has_the_health_of_its_run_and_the_reason():
    results = make_results(TEXT)
    runs = results.runs.assign(health="degenerate", health_why="feature rank 1.90", kind=None, reason="")
    row = make_run_table(analyse(replace(results, runs=runs))).rows[0]
    assert (row.health, row.health_reason) == ("degenerate", "feature rank 1.90")


def test_repeats_are_a_field_and_a_filter_where_a_matrix_has_them():
    table = make_run_table(analyse(make_results(f"{TEXT}repeats: 2\n")))
    assert table.fields == ["dataset", "limit", "seed", "repeat"]
    assert table.rows[3].fields == ["mnist", "none", "1", "1"]
    assert ("repeat", ["0", "1"]) in [(choice.name, choice.values) for choice in table.filters]
