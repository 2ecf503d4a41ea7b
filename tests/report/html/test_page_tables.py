import math
from dataclasses import replace

import pandas as pd
import pytest

from dcbench.analysis.statistics.finals import CurveRule
from dcbench.analysis.summary import OUTCOMES, analyse, set_margins
from dcbench.core.columns import GAIN
from dcbench.report.html import page_tables
from tests.helpers.analyses import make_results
from tests.helpers.learning import pixels

TEXT = """name: m
axes: {dataset: [mnist, cifar10], optimizer: [sgd, adam]}
seeds: [0, 1, 2]
settings: {epochs: 2}
"""
METRICS_USED = [metric for metric in OUTCOMES if metric.name in ("nmi_true", "feature_rank", "seconds")]


@pytest.fixture(scope="module")
def analysis():
    return analyse(make_results(TEXT), METRICS_USED)


def test_effects_have_a_table_for_each_metric_starting_with_the_quality(analysis):
    tables = page_tables.tabulate_effects(analysis)
    assert list(tables) == ["NMI with the truth", "effective rank of the raw features", "time of the run"]
    dataset, *parts, optimizer = tables["NMI with the truth"].rows
    assert optimizer[:5] == ["optimizer", "sgd → adam", "lr 0.05 → 0.001", "all", "worse"]
    assert [part[3] for part in parts] == ["mnist", "cifar10"], "each dataset comes before the mean over all"
    assert dataset[3:5] == ["all", "lower"] and dataset[8] == "", "no dataset is better"
    row = dict(zip(tables["time of the run"].head, tables["time of the run"].rows[3], strict=True))
    assert row["mean change"].startswith("×") and row["cells × seeds"] == "2 × 3" and row["pairs"] == "6 of 6"
    assert row["95 % interval"].count("×") == 2 and row["for other cells"] == "", "two cells are too few"
    assert row["better in"].endswith("%")
    rank = dict(
        zip(
            tables["effective rank of the raw features"].head,
            tables["effective rank of the raw features"].rows[3],
            strict=True,
        )
    )
    assert rank["better in"] == "", "neither way is better"


def test_levels_and_interactions_use_the_quality_metric(analysis):
    levels = page_tables.tabulate_levels(analysis)
    assert [row[:2] for row in levels.rows] == [
        ["dataset", "mnist"], ["dataset", "cifar10"], ["optimizer", "sgd"], ["optimizer", "adam"],
    ]  # fmt: skip
    (row,) = page_tables.tabulate_interactions(analysis).rows
    assert row[:3] == ["dataset mnist → cifar10", "optimizer adam", "optimizer sgd"]


def test_rules_and_margins_are_in_the_table_of_rules():
    analysis = analyse(make_results(TEXT), set_margins({"nmi_true": 0.05}), {"nmi_true": CurveRule(last=2)})
    rules = {row[0]: row[1:4] for row in page_tables.tabulate_rules(analysis).rows}
    assert rules["NMI with the truth"] == ["mean of the last 2 rows", "higher", "±0.05"]
    assert rules["time of the run (s)"] == ["whole run", "lower", "a factor of 1.1"]
    assert rules["effective rank of the raw features (dimensions)"] == ["last row", "neither", "±1"]


def test_the_table_of_ranks_gives_the_reason_without_a_critical_difference():
    text = "name: m\naxes: {k: [5, 6, 7]}\nseeds: [0]\nsettings: {epochs: 1}\n"
    (row,) = page_tables.tabulate_ranks(analyse(make_results(text), OUTCOMES[:2])).rows
    assert row[0] == "k" and row[1].count(",") == 2 and row[3] == "1 seed; a critical difference needs 10"


FINAL = {"optimizer": "sgd", "planned": 3, "done": 2, "health": "2 healthy"} | {
    f"{metric}{end}": 0.5 for metric in page_tables.FINAL_METRICS for end in ("", "_low", "_high")
}


def test_the_final_table_has_mean_and_range_over_the_seeds():
    table = page_tables.tabulate_final(
        pd.DataFrame([FINAL, FINAL | {"done": 1}, FINAL | {"done": 0, GAIN: math.nan}]), ["optimizer"]
    )
    assert table.head[:3] == ["optimizer", "seeds done", "health"] and table.text_columns == 3
    assert table.rows[0][:3] == ["sgd", "2 of 3", "2 healthy"] and table.rows[0][3] == ("0.500", "0.500 to 0.500")
    assert table.rows[0][4] == ("+0.500", "+0.500 to +0.500") and table.rows[1][3] == ("0.500", "")
    assert table.rows[2][4] == ("", "")


def test_the_table_of_baselines_leaves_out_empty_columns():
    frame = pd.DataFrame(
        {
            "dataset": ["mnist"],
            "arch": [None],
            "level": ["chance"],
            "runs": [3],
            "refit_nmi_true": [0.01],
            "test_head_accuracy": [None],
        }
    )
    table = page_tables.tabulate_baselines(frame)
    assert table.head == ["dataset", "level", "runs", "NMI with the truth, refit"]
    assert table.rows == [["mnist", "chance", "3", "0.010"]] and table.text_columns == 3


def test_the_table_of_stage_times_has_units():
    frame = pd.DataFrame({"stage": ["pca"], "library": ["faiss"], "mean": [1.23456], "low": [0.00012], "high": [12.0]})
    table = page_tables.tabulate_stage_times(frame)
    assert table.head[2:] == ["mean (s per epoch)", "fastest run (s)", "slowest run (s)"]
    assert table.rows == [["pca", "faiss", "1.23", "0.00012", "12"]]


def parity(**values):
    row = {
        "dataset": "mnist", "limit": 100, "k": 10, "stage": "kmeans", "measure": "ari", "backend_a": "faiss",
        "backend_b": "torch", "value": 0.9, "lowest": 0.8, "highest": 1.0, "count": 3,
    }  # fmt: skip
    return row | values


def test_the_parity_table_is_in_the_order_of_the_stages_with_a_column_for_each_pair():
    rows = [
        parity(),
        parity(stage="pca", measure="seconds_pca", backend_b=None, k=None, value=2.0, lowest=2.0, highest=2.0),
        parity(measure="parting_iteration", value=None, lowest=None, highest=None),
    ]  # fmt: skip
    table = page_tables.tabulate_parity(pd.DataFrame(rows))
    assert table.head == ["dataset", "limit", "stage", "measure", "k", "faiss", "faiss / torch"]
    assert table.rows == [
        ["mnist", "100", "pca", "PCA (s)", "", "2", ""],
        ["mnist", "100", "kmeans", "first iteration with a difference", "10", "", "never"],
        ["mnist", "100", "kmeans", "adjusted Rand index at the end", "10", "", "0.9000 (0.8000 to 1.0000)"],
    ]
    assert page_tables.tabulate_parity(pd.DataFrame(columns=list(parity()))).rows == []


def test_unhealthy_runs_are_listed_with_the_reason():
    results = make_results(TEXT)
    sick = results.rows["run_id"] == results.runs["run_id"][2]
    rows = results.rows.assign(
        health=sick.map({True: "collapsed", False: "healthy"}), health_since=1, health_why="feature rank 1.01"
    )
    (row,) = page_tables.tabulate_unhealthy_runs(analyse(replace(results, rows=rows), METRICS_USED)).rows
    assert row == [results.runs["run_id"][2], "mnist", "sgd", "2", "collapsed", "1", "feature rank 1.01"]


def test_baseline_runs_are_listed_in_every_state():
    facts = {"pca_dim": None, "arch": "alexnet", "reason": "", "health": None, "test_refit_cluster_accuracy": 0.5}
    facts |= {"test_head_accuracy": None, "seconds": 3.0, "run_id": "a"}
    rows = pd.DataFrame(
        [pixels(**facts), pixels(**facts | {"state": "failed", "reason": "no room", "test_refit_nmi_true": None})]
    )
    table = page_tables.tabulate_baseline_runs(rows)
    done, failed = (dict(zip(table.head, row, strict=True)) for row in table.rows)
    assert done["level"] == "raw pixels" and done["arch"] == "" and done["NMI with the truth, test, refit"] == "0.500"
    assert (failed["state"], failed["reason"], failed["NMI with the truth, test, refit"]) == ("failed", "no room", "")
    assert page_tables.tabulate_baseline_runs(pd.DataFrame()).rows == []


def test_a_metric_that_rises_with_k_has_no_share_of_better_pairs():
    text = TEXT.replace("optimizer: [sgd, adam]", "k: [10, 100]")
    tables = page_tables.tabulate_effects(
        analyse(make_results(text), [metric for metric in OUTCOMES if metric.name in ("nmi_true", "ami_true")])
    )
    better = {label: table.rows[-1][table.head.index("better in")] for label, table in tables.items()}
    assert better["NMI with the truth"] == "" and better["AMI with the truth"].endswith("%")
