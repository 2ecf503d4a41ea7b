import pytest
import typer

from dcbench.analysis.summary import OUTCOMES
from dcbench.cli.questions import outcomes_asked, rules_asked


def test_a_margin_goes_to_its_metric_and_the_others_keep_theirs():
    told = {one.name: one.margin for one in outcomes_asked(["nmi_true=.01", "seconds=1.5"])}
    assert told["nmi_true"] == 0.01 and told["seconds"] == 1.5 and told["ami_true"] == 0.02
    assert outcomes_asked(None) == OUTCOMES


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("nmi=.01", "unknown metric 'nmi'. Known: nmi_true"),
        ("nmi_tru=.01", "Did you mean 'nmi_true'"),
        ("nmi_true", "a number above 0, not ''"),
        ("nmi_true=-1", "a number above 0"),
        ("nmi_true=nan", "a number above 0"),
        ("nmi_true=inf", "a number above 0"),
        ("seconds=.9", "a factor above 1, not '.9'"),
    ],
)
def test_margins_that_are_none(word, told):
    with pytest.raises(typer.BadParameter, match=told):
        outcomes_asked([word])


def test_a_rule_for_all_scores_and_one_for_a_metric():
    told = rules_asked(["nmi_true=final", "mean:3"])
    assert str(told["nmi_true"]) == "last row" and str(told["cluster_accuracy"]) == "mean of the last 3 rows"
    assert "seconds_kmeans" not in told and rules_asked(None) == {}


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("nmi=final", "unknown metric 'nmi'"),
        ("nmi_true=best:ari_true", "expected final, mean:N"),
        ("median", "expected final, mean:N"),
        ("seconds_kmeans=final", "unknown metric"),
    ],
)
def test_rules_that_are_none(word, told):
    with pytest.raises(typer.BadParameter, match=told):
        rules_asked([word])
