import pytest

from dcbench.audit.health import judge_health

GOOD = {
    "feature_rank": 8.0, "largest_cluster_share": 0.15, "cluster_entropy": 0.97, "refilled_clusters": 0,
    "nmi_previous": 0.6,
}  # fmt: skip


def make_rows(*changes):
    return [GOOD | {"epoch": epoch} | change for epoch, change in enumerate(changes)]


def test_a_run_without_symptoms_is_healthy():
    health = judge_health(make_rows({"nmi_previous": None}, {}, {}), 10)
    assert (health.state, health.since, str(health)) == ("healthy", 0, "healthy")


@pytest.mark.parametrize(
    ("change", "state", "why"),
    [
        ({"feature_rank": 1.05}, "collapsed", "feature rank 1.05"),
        ({"largest_cluster_share": 0.99}, "collapsed", "largest cluster 99%"),
        ({"feature_rank": 1.5, "cluster_entropy": 0.66}, "collapsed", "feature rank 1.50, cluster entropy 0.66"),
        ({"feature_rank": 1.5}, "degenerate", "feature rank 1.50"),
        ({"largest_cluster_share": 0.55}, "degenerate", "largest cluster 55%"),
        ({"cluster_entropy": 0.7}, "degenerate", "cluster entropy 0.70"),
        ({"refilled_clusters": 6}, "degenerate", "k-means filled 4 of 10 clusters"),
        ({"nmi_previous": 0.05}, "degenerate", "NMI epoch to epoch changed by 0.55"),
    ],
)
def test_each_symptom_alone_decides(change, state, why):
    health = judge_health(make_rows({}, {}, change), 10)
    assert (health.state, health.since, health.why) == (state, 2, why)
    assert str(health) == f"{state} since epoch 2 ({why})"


def test_a_low_rank_is_a_collapse_even_with_even_clusters():
    low_rank = {"feature_rank": 1.0, "largest_cluster_share": 0.13, "cluster_entropy": 0.99}
    assert judge_health(make_rows({}, low_rank), 10).state == "collapsed"


def test_since_is_the_first_row_after_which_the_state_never_improved():
    low, none = {"feature_rank": 1.5}, {"feature_rank": 1.0}
    assert judge_health(make_rows(low, {}, low, low), 10).since == 2
    assert judge_health(make_rows({}, none, low, none, none), 10).since == 3
    assert judge_health(make_rows({}, low, none, low), 10) == judge_health(make_rows({}, low, low, low), 10)


def test_a_jump_of_the_stability_counts_for_three_rows():
    low = {"nmi_previous": 0.05}
    assert [judge_health(make_rows({}, {}, low, *[low] * more), 10).state for more in range(4)] == [
        *["degenerate"] * 3,
        "healthy",
    ]
    assert judge_health(make_rows({}, {}, low, {}, low, {}), 10).state == "degenerate"


def test_a_run_that_recovers_is_healthy():
    assert judge_health(make_rows({}, {"feature_rank": 1.0}, {}), 10).state == "healthy"


def test_two_uneven_clusters_are_healthy():
    assert judge_health(make_rows({"largest_cluster_share": 0.6, "refilled_clusters": 0}), 2).state == "healthy"


def test_values_may_be_numbers_text_or_missing():
    rows = make_rows({}, {"feature_rank": 1})
    as_text = [{name: str(value) for name, value in row.items()} for row in rows]
    assert judge_health(as_text, 10) == judge_health(rows, 10) and judge_health(rows, 10).state == "collapsed"
    assert judge_health([{"epoch": 0}], 10).state == "healthy"
