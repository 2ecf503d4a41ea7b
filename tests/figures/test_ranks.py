import numpy as np
import pandas as pd

from dcbench.analysis.results import Results
from dcbench.analysis.summary import analyse
from dcbench.figures import ranks
from tests.helpers.text_overlap import find_faults
from tests.helpers.tiny_analysis import fill_rows


def make_analysis(seeds, values=("x", "y", "z"), gain=0.1, noise=0.01):
    rng = np.random.default_rng(0)
    row_dicts = [
        {"run_id": f"{name}-{seed}", "arch": name, "width": 1.0, "seed": seed, "epoch": epoch, "nmi_previous": 0.5,
         "nmi_true": 0.3 + gain * index + noise * rng.normal()}
        for index, name in enumerate(values)
        for seed in range(seeds)
        for epoch in (0, 1)
    ]  # fmt: skip
    rows = fill_rows(pd.DataFrame(row_dicts))
    axes = {"arch": list(values)}
    return analyse(Results(name="m", varied=axes, runs=rows.drop_duplicates("run_id"), rows=rows, groups=(("arch",),)))


def all_text(figure):
    return " ".join(text.get_text() for panel in figure.axes for text in panel.texts)


def test_the_figure_shows_ranks_and_the_critical_difference():
    figure = ranks.draw(make_analysis(12), None)
    assert "z  1.00" in all_text(figure) and "x  3.00" in all_text(figure) and "critical difference" in all_text(figure)
    assert "mean rank over 12 seeds" in figure.axes[0].get_title(loc="left")
    assert not find_faults(figure)


def test_values_that_do_not_differ_critically_are_joined():
    analysis = make_analysis(12, ("a", "b", "c", "d"), gain=0.004)
    ranking = next(
        ranking for ranking in analysis.rankings if ranking.metric == analysis.quality and ranking.axis == "arch"
    )
    bars = [line for line in ranks.draw(analysis, None).axes[0].get_lines() if line.get_linewidth() == 4]
    assert len(bars) == len(ranking.cliques) > 0


def test_with_too_few_seeds_the_reason_is_shown():
    assert "No critical difference: 3 seeds; a critical difference needs 10." in all_text(
        ranks.draw(make_analysis(3), None)
    )


def test_twelve_values_are_legible():
    assert not find_faults(ranks.draw(make_analysis(11, tuple(f"value {number}" for number in range(12))), None))


def test_axes_of_two_values_have_no_ranks():
    assert ranks.draw(make_analysis(2, ("x", "y")), None) is None
