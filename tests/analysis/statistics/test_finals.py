import pandas as pd
import pytest

from dcbench.analysis.statistics.finals import (
    CRITERIA,
    CurveRule,
    compute_filled_share,
    measure_stage_seconds,
    parse_curve_rule,
    reduce_curves,
)
from dcbench.core.columns import CLUSTERING, COLUMNS, GAIN

ROWS = pd.DataFrame(
    {
        "run_id": ["b"] * 3 + ["a"] * 3,
        "epoch": [0, 1, 2] * 2,
        "nmi_true": [0.2, 0.3, 0.6, 0.5, 0.9, 0.4],
        "loss": [None, 3.0, 2.0, None, 1.0, 2.0],
    }
)


def by_run(rules=None, rows=ROWS):
    return reduce_curves(rows, rules).set_index("run_id")


def test_finals_are_the_last_row_and_its_gain_over_row_0_in_any_order():
    finals = reduce_curves(ROWS.sample(frac=1, random_state=0)).set_index("run_id")
    assert finals["nmi_true"].to_dict() == {"a": 0.4, "b": 0.6} and finals["epoch"].tolist() == [2, 2]
    assert finals[GAIN].to_dict() == pytest.approx({"a": -0.1, "b": 0.4})
    assert reduce_curves(ROWS)["run_id"].tolist() == ["b", "a"], "in the order of the rows"


def test_a_rule_changes_its_own_metric_and_the_gain():
    finals = by_run({"nmi_true": CurveRule(last=2)})
    assert finals["nmi_true"].to_dict() == pytest.approx({"a": 0.65, "b": 0.45})
    assert finals[GAIN].to_dict() == pytest.approx({"a": 0.15, "b": 0.25}) and finals["loss"].tolist() == [2.0, 2.0]


def test_the_best_epoch_is_chosen_by_the_criterion_and_not_by_the_metric():
    assert by_run({"nmi_true": CurveRule(best="loss")})["nmi_true"].to_dict() == {"a": 0.9, "b": 0.6}
    fooled = ROWS.assign(nmi_true=[0.2, 0.99, 0.6, 0.5, 0.1, 0.98])
    assert by_run({"nmi_true": CurveRule(best="loss")}, fooled)["nmi_true"].to_dict() == {"a": 0.1, "b": 0.6}


def test_a_mean_over_more_trained_rows_than_there_are_is_empty():
    assert by_run({"nmi_true": CurveRule(last=3)})["nmi_true"].isna().all()
    gap = ROWS.assign(nmi_true=[0.2, None, 0.6, 0.5, 0.9, 0.4])
    assert by_run({"nmi_true": CurveRule(last=2)}, gap)["nmi_true"].isna().to_dict() == {"a": False, "b": True}


def test_a_run_whose_criterion_is_empty_has_no_best_epoch():
    assert by_run({"nmi_true": CurveRule(best="loss")}, ROWS.assign(loss=[None] * 3 + [None, 1.0, 2.0]))[
        "nmi_true"
    ].isna()["b"]


def test_clustering_time_is_the_sum_of_its_stages_over_the_epochs():
    rows = ROWS.assign(seconds_pca=1.0, seconds_whiten=[None] * 6, seconds_kmeans=0.5)
    assert by_run(rows=rows)[CLUSTERING].tolist() == [4.5, 4.5]
    assert (
        by_run(rows=rows.assign(seconds_pca=None, seconds_kmeans=None).astype({"seconds_pca": float}))[CLUSTERING]
        .isna()
        .all()
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [("final", "last row"), ("mean:5", "mean of the last 5 rows"), ("best:loss", "at the lowest loss")],
)
def test_rules_are_parsed_and_described(text, words):
    assert str(parse_curve_rule(text)) == words


@pytest.mark.parametrize("text", ["", "mean", "mean:1", "mean:-2", "mean:x", "best", "best:nmi_true", "final:2"])
def test_invalid_rules_and_criteria_with_labels_are_refused(text):
    with pytest.raises(ValueError, match="best:COLUMN with one of loss"):
        parse_curve_rule(text)


def test_no_criterion_uses_the_labels():
    assert CRITERIA and not [name for name in CRITERIA if COLUMNS[name].space]


def test_without_rows_there_are_no_finals():
    assert reduce_curves(ROWS.iloc[:0]).empty


# --- stages and clusters -------------------------------------------------------------------


def test_stage_seconds_are_averaged_over_the_epochs_with_the_stage_by_library():
    base = {"dataset": "mnist", "arch": "alexnet", "backend": "faiss+torch+faiss", "pca_backend": "faiss"}
    base["timing"] = "shared"
    rows = pd.DataFrame([{"run_id": "a", "seconds_pca": value, **base} for value in (1.0, 3.0, None)])
    assert measure_stage_seconds(rows, "pca")[["library", "seconds"]].to_numpy().tolist() == [["faiss", 2.0]]
    trained = rows.rename(columns={"seconds_pca": "seconds_train"})
    assert measure_stage_seconds(trained, "train")["library"].tolist() == ["faiss+torch+faiss"]


def test_the_filled_share_leaves_out_refilled_clusters_and_is_empty_when_unknown():
    finals = compute_filled_share(pd.DataFrame({"k": [10, 10, 4], "refilled_clusters": [0, 3, None]}))
    assert finals[:2].tolist() == [1.0, 0.7] and pd.isna(finals[2])
