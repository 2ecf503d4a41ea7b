"""`dcbench compare`: show what changed from one result set to another, and check the gates of --fail-on."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from dcbench.cli.metric_options import MarginOption, RuleOption, parse_margins, parse_rules
from dcbench.cli.options import JsonOption
from dcbench.comparison.provenance import compare_provenance
from dcbench.comparison.result import Gate, parse_gate
from dcbench.comparison.terminal import ComparisonReport, as_markdown, show
from dcbench.core.columns import METRICS
from dcbench.core.store import status
from dcbench.core.store.files import write_atomic
from dcbench.core.store.run_dir import MatrixDir
from dcbench.errors import ResultsError, unknown_name

STDOUT = Path("-")


def compare(
    old: Annotated[Path, typer.Argument(metavar="OLD", help="Folder of a matrix in a results folder.")],
    new: Annotated[Path, typer.Argument(metavar="NEW", help="Folder to compare it with.")],
    metric: Annotated[
        list[str] | None,
        typer.Option("--metric", help="A metric to compare; repeatable. Default: the nine metrics of the report."),
    ] = None,
    margin: MarginOption = None,
    rule: RuleOption = None,
    fail_on: Annotated[
        list[str] | None,
        typer.Option(
            metavar="WORD[:METRIC]",
            help="Exit with code 1 when a metric is worse (worse), or is neither the same nor identical (different), "
            "overall or for any axis value, or when a run that was done in OLD is not done in NEW. Time and memory "
            "count only when they are named: worse:seconds. Repeatable.",
        ),
    ] = None,
    markdown: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Also write the comparison as Markdown; - prints only the Markdown."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Compare two result sets run by run: what changed for each metric and axis value, with a verdict.

    Exit code 0, 1 when a gate of --fail-on fails, 2 for bad input.
    """
    if as_json and markdown == STDOUT:
        raise typer.BadParameter("--json and --markdown - both write to the standard output; give --markdown a file")
    folders = _find_matrix(old), _find_matrix(new)
    if folders[0].path.resolve() == folders[1].path.resolve():
        raise ResultsError(f"{old} and {new} are one folder; name the results to compare it with")
    gates = []
    for text in fail_on or []:
        try:
            gates.append(parse_gate(text))
        except ValueError as error:
            raise typer.BadParameter(f"--fail-on {text}: {error}") from error
    outcomes = _choose_outcomes(parse_margins(margin), metric or [], gates)

    # Imported here because they load pandas, and `dcbench --help` must stay instant.
    from dcbench.analysis.results import read_results
    from dcbench.comparison.measuring import compare_results

    old_results, new_results = map(read_results, folders)
    for note in (*old_results.notes, *new_results.notes):
        print(f"warning: {note}", file=sys.stderr)
    comparison = compare_results(old_results, new_results, outcomes, parse_rules(rule))
    run_ids = comparison.runs.compared
    for name in [*(metric or []), *(gate.metric for gate in gates if gate.metric)]:
        if run_ids and name not in {metric.name for metric in comparison.metrics}:
            raise ResultsError(f"{name}: no run that is done in OLD and NEW has this metric")
    report = ComparisonReport(
        paths=(str(old), str(new)),
        comparison=comparison,
        provenance=compare_provenance([(folders[0].run_dir(name), folders[1].run_dir(name)) for name in run_ids]),
        gates=tuple(gates),
    )
    _print_report(report, markdown, as_json)
    if report.failures:
        raise typer.Exit(1)


def _find_matrix(path: Path) -> MatrixDir:
    """Return the matrix at a path, or the only one in the folder."""
    folders = status.find_matrix_dirs(path)
    if len(folders) > 1:
        names = ", ".join(str(folder.path) for folder in folders)
        raise ResultsError(f"{path}: holds {len(folders)} matrices, but only one can be compared; name one of {names}")
    return folders[0]


def _choose_outcomes(outcomes: Sequence[Any], metrics: Sequence[str], gates: Sequence[Gate]) -> list[Any]:
    """Return the outcomes that --metric and --fail-on name, or all without --metric.

    Raise BadParameter for an unknown name, and for a gate that cannot fail.
    """

    known = {outcome.name: outcome for outcome in outcomes}
    named = [("--metric ", name) for name in metrics]
    named += [(f"--fail-on {gate.word}:", gate.metric) for gate in gates if gate.metric]
    for option, name in named:
        if name not in known:
            raise typer.BadParameter(f"{option}{name}: {unknown_name('metric', name, known)}")
    chosen = [outcome for outcome in outcomes if not metrics or outcome.name in {name for _, name in named}]
    for gate in gates:
        watched = [
            outcome
            for outcome in chosen
            if (outcome.name == gate.metric if gate.metric else not METRICS[outcome.name].cost)
        ]
        if not watched:
            raise typer.BadParameter(
                f"--fail-on {gate}: --metric leaves only time and memory; name one, like {gate}:seconds"
            )
        if gate.word == "worse" and all(outcome.better is None for outcome in watched):
            names = ", ".join(outcome.name for outcome in watched)
            raise typer.BadParameter(f"--fail-on {gate}: neither way is better for {names}; use different")
    return chosen


def _print_report(report: ComparisonReport, markdown: Path | None, as_json: bool) -> None:
    """Print the report, and write its Markdown if a file is named."""
    if markdown == STDOUT:
        print(as_markdown(report), end="")
        if report.gates:
            # The standard output may go to a pull request, but the log of the job must show why it failed.
            sentences = (report.outcome, *report.failures, report.caution)
            print("\n".join(filter(None, sentences)), file=sys.stderr)
        return
    if markdown is not None:
        try:
            if (markdown.exists() and not markdown.is_file()) or markdown.is_symlink():
                # Write into a pipe, a device or a link instead of replacing it.
                markdown.write_text(as_markdown(report), encoding="utf-8")
            else:
                write_atomic(markdown, as_markdown(report))
        except OSError as error:
            reason = os.strerror(error.errno or 0)
            raise ResultsError(f"--markdown {markdown}: {reason}; name a file that can be written") from error
    if as_json:
        print(json.dumps(report.as_json()))
    else:
        show(report)
