import pytest
import typer

from dcbench.analysis.summary import OUTCOMES
from dcbench.cli.metric_options import parse_margins, parse_rules


def test_a_margin_changes_its_metric_only():
    margins = {outcome.name: outcome.margin for outcome in parse_margins(["nmi_true=.01", "seconds=1.5"])}
    assert margins["nmi_true"] == 0.01 and margins["seconds"] == 1.5 and margins["ami_true"] == 0.02
    assert parse_margins(None) == OUTCOMES


@pytest.mark.parametrize(
    ("word", "message"),
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
def test_invalid_margins_are_refused(word, message):
    with pytest.raises(typer.BadParameter, match=message):
        parse_margins([word])


def test_a_rule_for_all_scores_and_one_for_a_metric():
    rules = parse_rules(["nmi_true=final", "mean:3"])
    assert str(rules["nmi_true"]) == "last row" and str(rules["cluster_accuracy"]) == "mean of the last 3 rows"
    assert "seconds_kmeans" not in rules and parse_rules(None) == {}


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("nmi=final", "unknown metric 'nmi'"),
        ("nmi_true=best:ari_true", "expected final, mean:N"),
        ("median", "expected final, mean:N"),
        ("seconds_kmeans=final", "unknown metric"),
    ],
)
def test_invalid_rules_are_refused(word, message):
    with pytest.raises(typer.BadParameter, match=message):
        parse_rules([word])
