import pytest

from dcbench.audit.health import judge_health

GOOD = {
    "feature_rank": 8.0, "largest_cluster_share": 0.15, "cluster_entropy": 0.97, "refilled_clusters": 0,
    "nmi_previous": 0.6,
}  # fmt: skip


def run(*changes):
    return [GOOD | {"epoch": epoch} | change for epoch, change in enumerate(changes)]


def test_a_run_without_a_sign_is_healthy():
    health = judge_health(run({"nmi_previous": None}, {}, {}), 10)
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
def test_each_sign_alone(change, state, why):
    health = judge_health(run({}, {}, change), 10)
    assert (health.state, health.since, health.why) == (state, 2, why)
    assert str(health) == f"{state} since epoch 2 ({why})"


def test_rank_alone_decides_however_even_the_clusters_are():
    whitened_noise = {"feature_rank": 1.0, "largest_cluster_share": 0.13, "cluster_entropy": 0.99}
    assert judge_health(run({}, whitened_noise), 10).state == "collapsed"


def test_it_began_with_the_first_row_from_which_on_it_was_never_better():
    low, none = {"feature_rank": 1.5}, {"feature_rank": 1.0}
    assert judge_health(run(low, {}, low, low), 10).since == 2
    assert judge_health(run({}, none, low, none, none), 10).since == 3
    assert judge_health(run({}, low, none, low), 10) == judge_health(run({}, low, low, low), 10)


def test_a_jump_counts_for_three_rows_whichever_way_it_goes():
    low = {"nmi_previous": 0.05}
    assert [judge_health(run({}, {}, low, *[low] * more), 10).state for more in range(4)] == [
        *["degenerate"] * 3,
        "healthy",
    ]
    assert judge_health(run({}, {}, low, {}, low, {}), 10).state == "degenerate"


def test_a_run_that_recovers_is_healthy():
    assert judge_health(run({}, {"feature_rank": 1.0}, {}), 10).state == "healthy"


def test_two_clusters_may_be_uneven():
    assert judge_health(run({"largest_cluster_share": 0.6, "refilled_clusters": 0}), 2).state == "healthy"


def test_values_come_as_numbers_or_as_text():
    assert judge_health(
        [{name: str(value) for name, value in row.items()} for row in run({}, {"feature_rank": 1})], 10
    ).state
    assert judge_health([{"epoch": 0}], 10).state == "healthy"
