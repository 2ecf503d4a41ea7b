"""`dcbench compare`: what changed from one result set to another, and whether a gate fails."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from dcbench.cli.options import AsJson
from dcbench.cli.questions import Margins, Rules, outcomes_asked, rules_asked
from dcbench.compare import provenance
from dcbench.compare.result import Comparison, Gate, gate_of
from dcbench.compare.terminal import Compared, as_markdown, caution, show
from dcbench.core.store import status
from dcbench.core.store.files import write_atomic
from dcbench.core.store.run_dir import MatrixDir
from dcbench.errors import ResultsError, unknown_name

STDOUT = Path("-")


def compare(
    old: Annotated[Path, typer.Argument(metavar="OLD", help="A matrix's folder in a results folder.")],
    new: Annotated[Path, typer.Argument(metavar="NEW", help="The folder to hold against it.")],
    metric: Annotated[
        list[str] | None,
        typer.Option(
            "--metric", help="A metric to compare; repeatable. Default: all nine that the report's effects tell."
        ),
    ] = None,
    margin: Margins = None,
    rule: Rules = None,
    fail_on: Annotated[
        list[str] | None,
        typer.Option(
            metavar="WORD[:METRIC]",
            help="worse or different: exit with 1 when a metric is worse, or anything but same or identical, overall "
            "or for any axis value, or when a run that was done is not. Time counts only by its name: worse:seconds. "
            "Repeatable.",
        ),
    ] = None,
    markdown: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write it as Markdown, too; - prints that and nothing else.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Compare two result sets run by run: what changed for each metric and axis value, with a verdict.

    Exit code 0, 1 when a gate of --fail-on fails, 2 for bad input.
    """
    if as_json and markdown == STDOUT:
        raise typer.BadParameter("--json and --markdown - both want the standard output; give one a file")
    folders = _sets(old, new)
    gates = tuple(_gate(word) for word in fail_on or [])
    outcomes = _chosen(outcomes_asked(margin), metric or [], gates)
    found = _compared(folders, outcomes, rules_asked(rule))
    for name in [*(metric or []), *(gate.metric for gate in gates if gate.metric)]:
        _expect(name, found)
    told = Compared((str(old), str(new)), found, _made_with(folders, found), gates)
    _tell(told, markdown, as_json)
    if told.failures:
        raise typer.Exit(1)


def _sets(old: Path, new: Path) -> tuple[MatrixDir, MatrixDir]:
    folders = _one(old), _one(new)
    if folders[0].path.resolve() == folders[1].path.resolve():
        raise ResultsError(f"{old} and {new} are one folder; name the results to compare it with")
    return folders


def _one(path: Path) -> MatrixDir:
    """The matrix at a path, or the only one in it."""
    folders = status.find_matrix_dirs(path)
    if len(folders) > 1:
        names = ", ".join(str(folder.path) for folder in folders)
        raise ResultsError(f"{path}: holds {len(folders)} matrices, and two are compared; name one of {names}")
    return folders[0]


# --- what is asked --------------------------------------------------------------------------


def _gate(word: str) -> Gate:
    try:
        return gate_of(word)
    except ValueError as error:
        raise typer.BadParameter(f"--fail-on {word}: {error}") from error


def _chosen(outcomes: Sequence[Any], metrics: Sequence[str], gates: Sequence[Gate]) -> list[Any]:
    """The outcomes that are asked for by --metric and --fail-on; all, when no --metric is given."""
    known = {one.name: one for one in outcomes}
    words = [("--metric ", name) for name in metrics]
    words += [(f"--fail-on {gate.word}:", gate.metric) for gate in gates if gate.metric]
    for option, name in words:
        if name not in known:
            raise typer.BadParameter(f"{option}{name}: {unknown_name('metric', name, known)}")
    kept = [one for one in outcomes if not metrics or one.name in {name for _, name in words}]
    for gate in gates:
        _check(gate, kept)
    return kept


def _check(gate: Gate, outcomes: Sequence[Any]) -> None:
    """Refuse a gate that nothing could fail."""
    from dcbench.analysis.summary import metric_spec

    watched = [one for one in outcomes if (one.name == gate.metric if gate.metric else not metric_spec(one.name).cost)]
    if not watched:
        raise typer.BadParameter(
            f"--fail-on {gate}: --metric leaves only time and memory; name one, like {gate}:seconds"
        )
    if gate.word == "worse" and all(one.better is None for one in watched):
        names = ", ".join(one.name for one in watched)
        raise typer.BadParameter(f"--fail-on {gate}: neither way is better for {names}; take different")


def _expect(name: str, comparison: Comparison) -> None:
    """Refuse a metric that was asked for by name where no pair has it."""
    if comparison.runs.compared and name not in {metric.name for metric in comparison.metrics}:
        raise ResultsError(f"{name}: no run that is done in OLD and NEW has this metric")


# --- what is told ---------------------------------------------------------------------------


def _compared(folders: Sequence[MatrixDir], outcomes: Sequence[Any], rules: dict[str, Any]) -> Comparison:
    from dcbench.analysis import results
    from dcbench.compare import measuring

    old, new = map(results.read_results, folders)
    for note in (*old.notes, *new.notes):
        print(f"warning: {note}", file=sys.stderr)
    return measuring.compare((old, new), outcomes, rules)


def _made_with(folders: Sequence[MatrixDir], comparison: Comparison) -> provenance.ProvenanceDiff:
    old, new = folders
    return provenance.compare_provenance([(old.run_dir(name), new.run_dir(name)) for name in comparison.runs.compared])


def _tell(compared: Compared, markdown: Path | None, as_json: bool) -> None:
    if markdown == STDOUT:
        print(as_markdown(compared), end="")
        for line in (compared.outcome, *compared.failures, caution(compared)) if compared.gates else ():
            if line:
                print(line, file=sys.stderr)
        return
    if markdown is not None:
        _write(markdown, as_markdown(compared))
    if as_json:
        print(json.dumps(compared.as_json()))
    else:
        show(compared)


def _write(path: Path, text: str) -> None:
    try:
        if (path.exists() and not path.is_file()) or path.is_symlink():
            path.write_text(text, encoding="utf-8")  # a pipe, a device or a link stays what it is
        else:
            write_atomic(path, text)
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        raise ResultsError(f"--markdown {path}: {reason}; name a file that can be written") from error
