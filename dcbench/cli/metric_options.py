"""The options --margin and --rule of `report` and `compare`. Nothing imports pandas until they are parsed."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated

import typer

from dcbench.errors import unknown_name

if TYPE_CHECKING:
    from dcbench.analysis.statistics.effects import Outcome
    from dcbench.analysis.statistics.finals import CurveRule

MarginOption = Annotated[
    list[str] | None,
    typer.Option(
        "--margin",
        metavar="METRIC=VALUE",
        help="Changes within this margin count as the same, e.g. nmi_true=0.01; for seconds it is a factor, e.g. "
        "seconds=1.2. Repeatable.",
    ),
]
RuleOption = Annotated[
    list[str] | None,
    typer.Option(
        "--rule",
        metavar="[METRIC=]RULE",
        help="How a curve becomes a number: final (the default), mean:N for the mean of the last N rows, or "
        "best:COLUMN for the row in which that column, which never looks at true labels, is best. Without METRIC the "
        "rule holds for all scores. Repeatable.",
    ),
]


def parse_margins(texts: list[str] | None) -> tuple[Outcome, ...]:
    """Return the outcomes of the analysis with these margins (METRIC=VALUE); raise BadParameter for a wrong one."""
    from dcbench.analysis.summary import OUTCOMES, set_margins

    outcomes = {outcome.name: outcome for outcome in OUTCOMES}
    margins = {}
    for text in texts or []:
        name, _, value = text.partition("=")
        if name not in outcomes:
            raise typer.BadParameter(f"--margin {text}: {unknown_name('metric', name, outcomes)}")
        try:
            margin = float(value)
        except ValueError:
            margin = math.nan
        smallest, expected = (1, "a factor above 1") if outcomes[name].ratio else (0, "a number above 0")
        if not smallest < margin < math.inf:  # never true of NaN
            raise typer.BadParameter(f"--margin {text}: expected {expected}, not {value!r}")
        margins[name] = margin
    return set_margins(margins)


def parse_rules(texts: list[str] | None) -> dict[str, CurveRule]:
    """Return the rule of each metric from RULE, for all scores, and METRIC=RULE, which wins in any order."""
    from dcbench.analysis.statistics.finals import parse_curve_rule
    from dcbench.analysis.summary import CURVE_METRICS

    rules: dict[str, CurveRule] = {}
    parts = [text.rpartition("=") for text in texts or []]
    # Rules without a metric come first, so that those with one replace them.
    for name, _, rule in sorted(parts, key=lambda part: bool(part[0])):
        if name and name not in CURVE_METRICS:
            raise typer.BadParameter(f"--rule {name}={rule}: {unknown_name('metric', name, CURVE_METRICS)}")
        try:
            rules |= dict.fromkeys([name] if name else CURVE_METRICS, parse_curve_rule(rule))
        except ValueError as error:
            raise typer.BadParameter(f"--rule {rule}: {error}") from error
    return rules
