"""Margins follow from what is at stake on a dataset."""

import numpy as np
import pandas as pd
import pytest

from dcbench.analysis.stakes import find_margins
from dcbench.analysis.statistics.effects import Outcome

OUTCOMES = [
    Outcome(name="nmi_true", better="higher", margin=0.02),
    Outcome(name="gain_nmi_true", better="higher", margin=0.02),
    Outcome(name="test_knn_accuracy", better="higher", margin=0.02),
    Outcome(name="seconds", better="lower", margin=1.1, ratio=True),
    Outcome(name="feature_rank", better=None, margin=1.0),
]


def find(nmi_on_cifar=0.12, baseline=None, outcomes=OUTCOMES):
    rows = [
        {
            "dataset": dataset, "optimizer": optimizer, "seed": seed, "nmi_true": nmi, "gain_nmi_true": 0.0,
            "test_knn_accuracy": 0.25, "seconds": 9.0, "feature_rank": 3.0,
        }
        for seed in (0, 1)
        for dataset, optimizer, nmi in (
            ("mnist", "sgd", 0.5), ("mnist", "adam", 0.3), ("cifar10", "sgd", 0.05), ("cifar10", "adam", nmi_on_cifar),
        )
    ]  # fmt: skip
    baselines = pd.DataFrame()
    if baseline is not None:
        score = {"dataset": "cifar10", "method": "supervised", "nmi_true": baseline}
        baselines = pd.DataFrame([score | {"state": "done"}, score | {"state": "failed", "nmi_true": np.nan}])
    chance = pd.DataFrame(
        [{"dataset": name, "nmi_true": 0.02, "cluster_accuracy": 0.12} for name in ("mnist", "cifar10")]
    )
    margins = find_margins(pd.DataFrame(rows), baselines, chance, "dataset", ["optimizer"], outcomes)
    return {dataset: {outcome.name: outcome.margin for outcome in outcomes} for dataset, outcomes in margins.items()}


def test_the_margin_is_a_tenth_of_the_distance_from_chance_to_the_best_cell_at_most():
    margins = find()
    assert margins["mnist"]["nmi_true"] == 0.02, "a tenth of 0.48 is more than the margin"
    assert margins["cifar10"]["nmi_true"] == pytest.approx(0.1 * (0.12 - 0.02))
    assert margins["cifar10"]["gain_nmi_true"] == margins["cifar10"]["nmi_true"]
    assert margins["cifar10"]["test_knn_accuracy"] == pytest.approx(0.1 * (0.25 - 0.12)), "chance is that of a match"


def test_a_margin_that_the_user_chose_holds_everywhere():
    margins = find(outcomes=[Outcome(name="nmi_true", better="higher", margin=0.5)])
    assert margins["mnist"]["nmi_true"] == margins["cifar10"]["nmi_true"] == 0.5


def test_a_baseline_can_be_the_best():
    assert find(baseline=0.17)["cifar10"]["nmi_true"] == pytest.approx(0.1 * 0.15)


def test_times_and_amounts_keep_their_margin():
    assert find()["cifar10"]["seconds"] == 1.1 and find()["cifar10"]["feature_rank"] == 1.0
