from dataclasses import replace

import pandas as pd
import pytest

from dcbench.analysis.summary import OUTCOMES, analyse
from dcbench.core.columns import GAIN
from dcbench.report.findings.learning import judge_learning, score_pixels
from tests.helpers.analyses import make_results
from tests.helpers.learning import TEXT, pixels

GAINS = [one for one in OUTCOMES if one.name in ("nmi_true", GAIN)]


def told(baselines=(), **changes):
    """Scores that end .087 over their beginning: .5 on mnist, .1 on cifar10; refit .02 more."""
    found = make_results(TEXT, score=lambda spec, rng: 0.5 if spec.dataset == "mnist" else 0.1)
    for name, value in changes.items():
        found.rows[name] = value
    return analyse(replace(found, baselines=pd.DataFrame(list(baselines))), GAINS)


def test_healthy_and_over_the_untrained_network_is_learned_where_there_are_no_pixels():
    found = judge_learning(told())
    assert len(found) == 8 and found["learned"].all() and found["over_pixels"].isna().all()


def test_pixels_are_the_best_baseline_of_the_same_images_and_a_mean_over_seeds():
    lines = [
        pixels(state="failed", test_refit_nmi_true=0.99), pixels(method="supervised", test_refit_nmi_true=0.99),
        pixels(), pixels(seed=1, test_refit_nmi_true=0.6), pixels(whiten=True, test_refit_nmi_true=0.3),
        pixels(dataset="cifar10", test_refit_nmi_true=0.05), pixels(limit=500, test_refit_nmi_true=0.9),
    ]  # fmt: skip
    levels = {"mnist, none, none": pytest.approx(0.55), "mnist, 500, none": 0.9, "cifar10, none, none": 0.05}
    assert score_pixels(pd.DataFrame(lines)) == levels
    found = judge_learning(told(lines)).groupby("dataset")[["pixels", "learned"]].max()
    assert found.loc["mnist"].tolist() == [pytest.approx(0.55), False] and found.loc["cifar10"].tolist() == [0.05, True]


def test_a_gain_within_the_margin_is_none_and_collapse_is_no_learning():
    small = told(nmi_true=0.4)
    assert not judge_learning(small)["learned"].any() and not judge_learning(small)["over_untrained"].any()
    assert not judge_learning(told(health="collapsed"))["learned"].any()


def test_what_is_not_known_is_not_held_against_a_run():
    unknown = judge_learning(told(nmi_true=float("nan")))
    assert unknown["learned"].isna().all()
    assert judge_learning(told([pixels()], test_refit_nmi_true=float("nan")))["over_pixels"].isna().all()


def test_nothing_finished_is_an_empty_frame():
    found = make_results(TEXT, pending=range(8))
    assert judge_learning(analyse(found)).empty
