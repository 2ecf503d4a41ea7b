"""docs/variances.csv is what the committed results give: `python -m benchmarks.variances`."""

import pandas as pd
import pytest
from scipy import stats

from benchmarks import variances
from tests.helpers.paths import TOP


@pytest.fixture(scope="module")
def measured():
    return variances.measure_all()


def test_the_committed_table_is_what_the_command_measures(measured):
    pd.testing.assert_frame_equal(pd.read_csv(variances.TABLE), measured, rtol=6e-3, atol=1e-12, check_dtype=False)


def test_the_variance_over_seeds_by_pandas_alone(measured):
    runs = pd.read_csv(TOP / "reports" / "small_cpu" / "tables" / "runs.csv")
    runs = runs[runs["dataset"] == "mnist"]
    wide = runs.pivot_table(index=["seed", "top_optimizer", "backend"], columns="optimizer", values="nmi_true")
    differences = wide["adam"] - wide["sgd"]
    by_seed = differences.groupby("seed").mean()
    row = measured.query(
        "matrix == 'small_cpu' and dataset == 'mnist' and metric == 'nmi_true' and axis == 'optimizer'"
    )
    assert row["seed_means"].tolist() == pytest.approx([by_seed.var()])
    assert row["effect"].tolist() == pytest.approx([differences.mean()])
    centred = differences - by_seed.reindex(differences.index, level="seed")
    assert row["kurtosis"].tolist() == pytest.approx([stats.kurtosis(centred)])


def test_the_seeds_move_the_optimizers_effect_far_more_than_was_once_assumed(measured):
    row = measured.query(
        "matrix == 'small_cpu' and dataset == 'mnist' and metric == 'nmi_true' and axis == 'optimizer'"
    )
    assert 0.06 < row["seed_by_effect"].item() ** 0.5 < 0.07
