"""What `report` and `compare` are asked of the statistics: margins and rules, from words to what the analysis takes."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from dcbench.errors import unknown_name

Margins = Annotated[
    list[str] | None,
    typer.Option(
        "--margin",
        metavar="METRIC=VALUE",
        help="Changes within this count as none, like nmi_true=.01; of seconds a factor, like 1.2. Repeatable.",
    ),
]
Rules = Annotated[
    list[str] | None,
    typer.Option(
        "--rule",
        metavar="[METRIC=]RULE",
        help="How a curve becomes a number: final (the default), mean:N of the last N rows, or best:COLUMN, where "
        "that column, which never looks at true labels, is best. For one metric or for all scores. Repeatable.",
    ),
]


def outcomes_asked(words: list[str] | None) -> tuple[Any, ...]:
    """The statistics' outcomes with margins from METRIC=VALUE; typer.BadParameter says what is wrong with one."""
    from dcbench.analysis.summary import OUTCOMES, outcomes_with_margins

    known = {one.name: one for one in OUTCOMES}
    found = {}
    for word in words or []:
        name, _, text = word.partition("=")
        if name not in known:
            raise typer.BadParameter(f"--margin {word}: {unknown_name('metric', name, known)}")
        value = _number(text)
        if not value > (1.0 if known[name].ratio else 0.0) or value == float("inf"):
            what = "a factor above 1" if known[name].ratio else "a number above 0"
            raise typer.BadParameter(f"--margin {word}: expected {what}, not {text!r}")
        found[name] = value
    return outcomes_with_margins(found)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")


def rules_asked(words: list[str] | None) -> dict[str, Any]:
    """Metric -> rule, from RULE for all scores and METRIC=RULE for one, which wins whatever the order."""
    from dcbench.analysis.statistics.finals import parse_rule
    from dcbench.analysis.summary import SCORED

    parted = [word.rpartition("=") for word in words or []]
    found: dict[str, Any] = {}
    for name, _, text in sorted(parted, key=lambda one: bool(one[0])):
        if name and name not in SCORED:
            raise typer.BadParameter(f"--rule {name}={text}: {unknown_name('metric', name, SCORED)}")
        try:
            found |= dict.fromkeys([name] if name else SCORED, parse_rule(text))
        except ValueError as error:
            raise typer.BadParameter(f"--rule {text}: {error}") from error
    return found
