from dataclasses import replace

import pandas as pd
import pytest

from dcbench.analysis.summary import OUTCOMES, analyse
from dcbench.core.columns import GAIN
from dcbench.report.findings.learning import find_false_ceilings, judge_learning, score_pixels
from tests.helpers.analyses import make_results
from tests.helpers.learning import TEXT, pixels

GAINS = [metric for metric in OUTCOMES if metric.name in ("nmi_true", GAIN)]


def make_analysis(baselines=(), **changes):
    """Return an analysis of scores that gain 0.087: they end at 0.5 on mnist, 0.1 on cifar10, the refit 0.02 higher."""
    results = make_results(TEXT, score=lambda spec, rng: 0.5 if spec.dataset == "mnist" else 0.1)
    for name, value in changes.items():
        results.rows[name] = value
    return analyse(replace(results, baselines=pd.DataFrame(list(baselines))), GAINS)


def test_without_pixel_baselines_a_healthy_gain_counts_as_learned():
    frame = judge_learning(make_analysis())
    assert len(frame) == 8 and frame["learned"].all() and frame["over_pixels"].isna().all()


def test_the_pixel_score_is_the_best_mean_over_seeds_on_the_same_images():
    baselines = [
        pixels(state="failed", test_refit_nmi_true=0.99), pixels(method="supervised", test_refit_nmi_true=0.99),
        pixels(), pixels(seed=1, test_refit_nmi_true=0.6), pixels(whiten=True, test_refit_nmi_true=0.3),
        pixels(dataset="cifar10", test_refit_nmi_true=0.05), pixels(limit=500, test_refit_nmi_true=0.9),
    ]  # fmt: skip
    levels = {"mnist, none, none": pytest.approx(0.55), "mnist, 500, none": 0.9, "cifar10, none, none": 0.05}
    assert score_pixels(pd.DataFrame(baselines), "test_refit_nmi_true") == levels
    frame = judge_learning(make_analysis(baselines)).groupby("dataset")[["pixels", "learned"]].max()
    assert frame.loc["mnist"].tolist() == [pytest.approx(0.55), False] and frame.loc["cifar10"].tolist() == [
        0.05,
        True,
    ]


def test_a_gain_within_the_margin_or_a_collapse_is_not_learned():
    small = make_analysis(nmi_true=0.4)
    assert not judge_learning(small)["learned"].any() and not judge_learning(small)["over_untrained"].any()
    assert not judge_learning(make_analysis(health="collapsed"))["learned"].any()


def test_unknown_values_leave_learned_unknown():
    unknown = judge_learning(make_analysis(nmi_true=float("nan")))
    assert unknown["learned"].isna().all()
    assert judge_learning(make_analysis([pixels()], test_refit_nmi_true=float("nan")))["over_pixels"].isna().all()


def test_without_a_finished_run_the_frame_is_empty():
    results = make_results(TEXT, pending=range(8))
    assert judge_learning(analyse(results)).empty


@pytest.mark.parametrize(("supervised", "expected"), [(0.9, []), (0.4, ["mnist"])])
def test_supervised_networks_are_a_ceiling_only_above_all_others(supervised, expected):
    baselines = [pixels(method="supervised", test_refit_nmi_true=supervised), pixels(test_refit_nmi_true=0.99)]
    ceilings = find_false_ceilings(make_analysis(baselines))
    assert [entry["name"] for entry in ceilings] == expected
    assert all(entry["supervised"] == 0.4 and entry["best"] == pytest.approx(0.483, abs=0.001) for entry in ceilings)
    assert find_false_ceilings(make_analysis()) == []
