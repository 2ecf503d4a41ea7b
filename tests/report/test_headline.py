import pandas as pd

from dcbench.analysis import analyse
from dcbench.audit import Audit, Axis
from dcbench.checks import Problem
from dcbench.report.headline import sentences
from dcbench.results import Results

RUNS = pd.DataFrame({"run_id": ["a", "b", "c"], "health": ["healthy", "healthy", "collapsed"]})
ROWS = pd.DataFrame(
    {
        "run_id": ["a", "a", "b", "b", "c", "c"],
        "epoch": [0, 1] * 3,
        "nmi_true": [0.3, 0.4, 0.3, 0.1, 0.3, 0.25],
    }
).assign(nmi_previous=0.5, seed=[0, 0, 1, 1, 2, 2])


def axis(name, pairs=2, witness=2, outcome=2, common=2):
    blamed, idle = () if common == pairs else ("weights",), () if witness else ("1 and 2",)
    return Axis(name, pairs, witness, outcome, common, ("weights",), (), blamed, idle)


def test_what_training_added_comes_first_then_health_axes_and_checks():
    told = list(sentences(analyse(Results("m", {}, RUNS, ROWS)), Audit("m", 3, [axis("k"), axis("lr")], [])))
    assert told == [
        "1 of 3 runs end with a higher NMI with the truth than their own untrained network; "
        "the median change is -0.050 (-0.200 to +0.100).",
        "Health of features and clusters, by a rule that never looks at the labels: 2 healthy, 1 collapsed.",
        "Every axis acts, with common random numbers: k, lr.",
        "All checks of all 3 finished runs passed.",
    ]


def test_what_is_wrong_is_named():
    audited = Audit(
        "m", 3, [axis("k"), axis("lr", witness=0), axis("arch", common=1)], [Problem("a", "frozen", "moved")]
    )
    told = list(sentences(analyse(Results("m", {}, RUNS, ROWS)), audited))
    assert told[-2:] == [
        "Axes: lr does nothing between 1 and 2; arch confounded by weights.",
        "1 check failed; see the audit.",
    ]


def test_nothing_done_says_nothing_of_scores():
    empty = Results("m", {}, RUNS.assign(health=None), ROWS.iloc[:0])
    assert list(sentences(analyse(empty), Audit("m", 0, [], []))) == []
