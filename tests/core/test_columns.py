from dcbench.core.columns import COLUMNS, STAGES
from dcbench.training import metrics


def test_the_columns_of_the_design_are_all_there_in_order():
    names = list(COLUMNS)
    assert names[:4] == ["epoch", "reassigned", "loss", "pseudo_label_accuracy"]
    assert {"cluster_accuracy", "purity", "nmi_true", "ari_true", "ami_true", "nmi_previous"} < set(names)
    assert {"active_clusters", "largest_cluster_share", "cluster_entropy", "refilled_clusters"} < set(names)
    assert {"feature_rank", "images_per_second_train", "peak_memory_mb"} < set(names)
    assert STAGES == ("features", "pca", "whiten", "kmeans", "train", "evaluate")


def test_each_column_has_a_label_and_scores_say_what_is_better():
    for name, column in COLUMNS.items():
        assert column.name == name and column.label
        assert column.low is None or column.high is None or column.low < column.high
    for name in metrics.TRUTH_SCORES:
        assert COLUMNS[name].better == "higher" and COLUMNS[name].high == 1
    assert COLUMNS["nmi_previous"].better is None, "stability is not quality"


def test_the_axis_title_has_the_unit():
    assert COLUMNS["seconds_pca"].axis_label == "pca time (s)"
    assert COLUMNS["nmi_true"].axis_label == "NMI with the truth"
