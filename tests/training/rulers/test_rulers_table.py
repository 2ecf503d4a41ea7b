"""The committed table of the rulers, and what the documentation says of it."""

import re

import pandas as pd
import pytest

from benchmarks import ruler_costs, rulers
from dcbench.core.columns import DEFAULT_RULER, RULERS, SCORE_MARGIN
from tests.helpers.paths import TOP

TABLE = pd.read_csv(TOP / "docs" / "rulers.csv")
SCORES = pd.read_csv(TOP / "docs" / "rulers_networks.csv")


def test_every_ruler_scored_every_network():
    networks = SCORES.groupby(["dataset", "seed", "shuffled", "passes"]).size()
    assert len(networks) == 90 and set(networks) == {len(RULERS) * len(rulers.START_SEEDS)}
    assert set(TABLE["ruler"]) == set(RULERS) and set(TABLE["dataset"]) == set(rulers.DATASETS)


def test_the_default_ruler_orders_networks_with_little_noise():
    """Issue 13 asks for a rank correlation of 0.95 on MNIST and CIFAR-10, and for a third of the margin."""
    rows = TABLE[TABLE["ruler"] == DEFAULT_RULER].set_index("dataset")
    assert (rows.loc[["mnist", "cifar10"], "rank_correlation"] >= 0.95).all()
    assert (rows["sd_starts"] <= SCORE_MARGIN / 3).all()
    others = TABLE[TABLE["ruler"] != DEFAULT_RULER].groupby("ruler")["rank_correlation"].min()
    assert (others < rows["rank_correlation"].min()).all(), "no other ruler is as good on its worst dataset"


def test_the_page_has_the_numbers_of_the_table():
    page = (TOP / "docs" / "rulers.md").read_text()
    lines = re.findall(
        r"^\| (mnist|cifar10|digits) \| `(\w+)` \| (-?[\d.]+) \(.*?\) \| ([\d.]+) \|", page, re.MULTILINE
    )
    expected = [
        (row["dataset"], row["ruler"], f"{row['rank_correlation']:.3f}", f"{row['sd_starts']:.3f}")
        for row in TABLE.to_dict("records")
    ]
    assert lines == expected


@pytest.mark.slow
def test_the_table_is_what_the_command_makes_from_the_scores():
    made = rulers.tabulate(SCORES)
    pd.testing.assert_frame_equal(made.round(3), TABLE, check_dtype=False, atol=0.0015)


def test_the_rulers_take_at_most_a_tenth_of_a_row():
    costs = pd.read_csv(ruler_costs.TABLE)
    assert costs[["dataset", "limit"]].to_dict("records") == [
        {name: case[name] for name in ("dataset", "limit")} for case in ruler_costs.CASES
    ]
    assert (costs["rulers"] / costs["row"]).tolist() == pytest.approx(costs["share"].tolist(), abs=1e-3)
    assert costs["share"].between(0.01, 0.1).all()
    low, high = (round(100 * share) for share in (costs["share"].min(), costs["share"].max()))
    assert f"take {low} to {high} % of the time of a row" in (TOP / "docs" / "rulers.md").read_text()
