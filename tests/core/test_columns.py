import typing

import pytest

from dcbench.core.columns import COLUMNS, GAIN, METRICS, SCORES, SPACES, STAGES, View, list_metrics
from dcbench.training import metrics


def test_the_columns_start_in_order_and_include_those_of_the_design():
    names = list(COLUMNS)
    assert names[:4] == ["epoch", "reassigned", "loss", "pseudo_label_accuracy"]
    assert {"cluster_accuracy", "purity", "nmi_true", "ari_true", "ami_true", "nmi_previous"} < set(names)
    assert {"active_clusters", "largest_cluster_share", "cluster_entropy", "refilled_clusters"} < set(names)
    assert {"feature_rank", "images_per_second_train", "peak_memory_mb"} < set(names)
    assert STAGES == ("features", "pca", "whiten", "kmeans", "train", "evaluate")


def test_each_column_has_a_label_and_each_score_a_direction():
    for name, column in COLUMNS.items():
        assert column.name == name and column.label
        assert column.low is None or column.high is None or column.low < column.high
    for name in metrics.TRUTH_SCORES:
        assert COLUMNS[name].better == "higher" and COLUMNS[name].high == 1
    assert COLUMNS["nmi_previous"].better is None, "stability is not quality"


def test_axis_labels_have_the_unit():
    assert COLUMNS["seconds_pca"].axis_label == "pca time (s)"
    assert COLUMNS["nmi_true"].axis_label == "NMI with the truth"


def test_every_score_has_a_column_in_every_space_and_rises_with_k_only_where_k_is_the_runs():
    for score in SCORES:
        for space in SPACES:
            if space.scores is not None and score.name not in space.scores:
                assert space.prefix + score.name not in COLUMNS
                continue
            column = COLUMNS[space.prefix + score.name]
            assert (column.kind, column.space) == (score.name, space)
            assert column.rises_with_k == (score.rises_with_k and space.prefix in ("", "test_"))
    assert [name for name in list_metrics("effects") if METRICS[name].rises_with_k] == [
        "nmi_true", "cluster_accuracy", GAIN,
    ]  # fmt: skip


@pytest.mark.parametrize("view", typing.get_args(View))
def test_metrics_of_a_space_have_different_places_in_a_view(view):
    metrics_shown = [METRICS[name] for name in list_metrics(view)]
    places = [(metric.space, metric.shown_in[view]) for metric in metrics_shown]
    assert metrics_shown and len(set(places)) == len(places)


def test_a_score_names_only_spaces_that_exist():
    assert {prefix for score in SCORES for prefix in score.shown_in} <= {space.prefix for space in SPACES}


def test_every_metric_with_effects_has_a_margin():
    assert all(METRICS[name].margin is not None for name in list_metrics("effects"))
    assert all(METRICS[name].margin > 1 for name in list_metrics("effects") if METRICS[name].is_ratio)
