"""Show how NEW changed against OLD: on the terminal, and as Markdown for a pull request."""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from dcbench.comparison.provenance import FactDiff, ProvenanceDiff
from dcbench.comparison.result import (
    VERDICTS,
    Comparison,
    Gate,
    MetricChange,
    MetricComparison,
    explain_failures,
    has_no_power,
    list_first,
)
from dcbench.core import console
from dcbench.core.text import escape_markdown, format_markdown_table, plural

WIDTH = 120
"""Columns of text on a pipe."""

VERDICT_COLOURS = {
    "worse": "red", "better": "green", "higher": "cyan", "lower": "cyan", "cannot tell": "yellow",
    "too few seeds": "yellow", "same": "dim", "identical": "dim",
}  # fmt: skip

CHANGE_COLUMNS = ("", "OLD", "NEW", "change", "95 % interval", "pairs", "seeds", "verdict")
FACT_COLUMNS = ("", "OLD", "NEW", "pairs")

MAX_VALUES = 3
"""Values of a fact that are listed before the rest is counted."""

LEGEND = (
    "Change: NEW - OLD, or NEW / OLD for times; the mean over the matched pairs. Interval: Student's t over the means "
    "of the seeds. Better and worse use p values that are corrected over all rows of a metric (Holm), but not over the "
    "metrics. Same: the change was shown to lie within the margin. Identical: every pair has the same number. Where "
    "runs are missing, pairs are left out until every seed has every cell; the table then shows, for example, 45 of 46."
)


@dataclass(frozen=True, kw_only=True)
class ComparisonReport:
    """What is shown of a comparison: `paths` of OLD and NEW as the user named them, and the `gates` of `--fail-on`."""

    paths: tuple[str, str]
    comparison: Comparison
    provenance: ProvenanceDiff
    gates: tuple[Gate, ...]

    @property
    def failures(self) -> list[str]:
        """Why the gates fail."""
        return explain_failures(self.comparison, self.gates)

    @property
    def outcome(self) -> str:
        """Whether the gates pass, with the gates; empty without a gate."""
        options = " ".join(f"--fail-on {gate}" for gate in self.gates)
        return f"{'failed' if self.failures else 'passed'} {options}" if self.gates else ""

    @property
    def caution(self) -> str:
        """What a reader must know before trusting a pass; empty if there is nothing."""
        if has_no_power(self.comparison, self.gates):
            return (
                "No number can fail these gates: a verdict needs at least three seeds. `--fail-on different` fails as "
                "soon as one pair differs."
            )
        return "" if self.comparison.runs.compared else "No run is done in both, so no number was compared."

    def as_json(self) -> dict[str, Any]:
        """Return everything for programs."""
        old, new = self.paths
        contents = self.comparison.as_json()
        return {"old": old, "new": new, "failures": self.failures, **contents, "made_with": self.provenance.as_json()}


# --- what both outputs say ------------------------------------------------------------------


def describe_metric(metric: MetricComparison) -> str:
    """Return a metric in one sentence: the change over all cells, then the parts whose verdict is another."""
    if not metric.changes:
        return f"only OLD has it ({plural(metric.lost_runs, 'run')})"
    overall, elsewhere = metric.changes[0], describe_other_verdicts(metric)
    if overall.verdict == "identical" and not elsewhere:
        return f"identical in every pair ({overall.pairs + overall.left_out} {overall.part})"
    return "; ".join([f"{overall.verdict}, {metric.describe(overall)}", *elsewhere])


def describe_other_verdicts(metric: MetricComparison) -> list[str]:
    """Return each verdict that is not the first change's, with the parts that have it: `identical: optimizer sgd`."""
    parts = {
        verdict: [change.part for change in metric.changes if change.verdict == verdict]
        for verdict in VERDICTS
        if verdict != metric.changes[0].verdict
    }
    return [f"{verdict}: {list_first(names, ', ')}" for verdict, names in parts.items() if names]


def describe_reading(metric: MetricComparison) -> str:
    """Return how a metric was read: the rule that made a curve a number, which way is better, and the margin."""
    direction = f"{metric.better} is better" if metric.better else "neither way is better"
    margin = f"a factor of {metric.margin:g}" if metric.ratio else f"{metric.margin:g}"
    return f"{metric.label} ({metric.rule}; {direction}; same: within {margin})"


def change_row(metric: MetricComparison, change: MetricChange) -> list[str]:
    """Return a change under CHANGE_COLUMNS."""
    pairs = f"{change.pairs} of {change.pairs + change.left_out}" if change.left_out else str(change.pairs)
    return [
        change.part, metric.format_level(change.old), metric.format_level(change.new),
        metric.format_change(change.mean), metric.format_interval(change), pairs, str(change.seeds), change.verdict,
    ]  # fmt: skip


def describe_context(report: ComparisonReport) -> Iterator[str]:
    """Yield a sentence on all that the changes rest on: the sets, runs, health, timing, random numbers, environment."""
    comparison, provenance = report.comparison, report.provenance
    runs = comparison.runs
    for side, path, planned, done in zip(("OLD", "NEW"), report.paths, runs.planned, runs.done, strict=True):
        yield f"{side}: {path}, {done} of {plural(planned, 'run')} done"
    baselines = f" ({runs.compared_baselines} of them baselines, by their last row)" if runs.compared_baselines else ""
    yield (
        f"{plural(runs.planned_in_both, 'run')} in both: {len(runs.compared)} done in both and compared{baselines}, "
        f"{runs.identical} identical in every value"
    )
    if any(runs.planned_in_one):
        only_old, only_new = runs.planned_in_one
        yield f"left out: {plural(only_old, 'run')} that only OLD plans, {only_new} that only NEW plans"
    for where, unmatched in (
        ("only in OLD", runs.done_only_in_old), ("only in NEW", runs.done_only_in_new),
        ("in neither", runs.done_in_neither),
    ):  # fmt: skip
        texts = []
        for run in unmatched:
            states = [f"{state} in {side}" for state, side in ((run.old, "OLD"), (run.new, "NEW")) if state != "done"]
            reason = f" ({run.reason})" if run.reason else ""
            texts.append(f"{run.run_id}: {', '.join(states)}{reason}")
        if texts:
            yield f"done {where}, so left out of every mean: {list_first(texts)}"
    for metric in comparison.metrics:
        if metric.lost_runs:
            yield f"{metric.label}: left out of every mean for {plural(metric.lost_runs, 'run')} without it in NEW"
    if runs.compared:
        yield describe_random_numbers(provenance)
        (old_health, new_health), (old_timing, new_timing) = comparison.health, comparison.timing
        if old_health != new_health:
            yield f"health: OLD {old_health}; NEW {new_health}"
        # Only a comparison of times needs to know who shared the device.
        if any(metric.cost for metric in comparison.metrics):
            yield f"timing (whether other runs used the device): OLD {old_timing}; NEW {new_timing}"
        if any(fact.name.startswith("dataset.") for fact in provenance.differences):
            yield "the training images differ, so a change need not come from the code"
    yield describe_environment(provenance)


def describe_random_numbers(provenance: ProvenanceDiff) -> str:
    """Return whether pairs share the random numbers of the seed tree, which is what makes them pairs."""
    known = {name: counts for name, counts in provenance.random_numbers.items() if counts[1]}
    if not known:
        return "random numbers: not recorded, so it is unknown whether pairs share them"
    if provenance.unshared:
        counts = ", ".join(f"{name} {shared} of {recorded}" for name, (shared, recorded) in known.items())
        return f"random numbers that pairs share: {counts}; with other random numbers, pairing makes a test less sharp"
    names, fewest = ", ".join(known), min(recorded for _, recorded in known.values())
    if fewest == provenance.pairs:
        return f"random numbers: every pair shares its {names}, as runs of one seed should"
    return f"random numbers: {fewest} of {provenance.pairs} pairs record them, and share their {names}"


def describe_environment(provenance: ProvenanceDiff) -> str:
    """Return how the environments compare; the facts that differ have a table of their own."""
    if not provenance.recorded:
        return "environment: not recorded for both runs of any pair"
    if provenance.recorded == provenance.pairs:
        scope = "environment"
    else:
        scope = f"environment (recorded for {provenance.recorded} of {plural(provenance.pairs, 'pair')})"
    if provenance.differences:
        return f"{scope}: {plural(len(provenance.differences), 'difference')}"
    return f"{scope}: the same, {', '.join(f'{name} {value}' for name, value in provenance.common.items())}"


def fact_rows(provenance: ProvenanceDiff) -> list[list[str]]:
    """Return the facts that differ under FACT_COLUMNS."""
    return [
        [fact.name, _values(fact, fact.old), _values(fact, fact.new), f"{fact.pairs} of {provenance.recorded}"]
        for fact in provenance.differences
    ]


def _values(fact: FactDiff, tally: dict[str, int]) -> str:
    """Return the values of one side, the most frequent first; a commit by its first digits."""
    # A commit ends in + if the working tree had changes, which must stay visible.
    short = {value: value[:12] + "+" * value.endswith("+") if fact.name == "commit" else value for value in tally}
    if len(tally) == 1:
        return next(iter(short.values()))
    texts = [f"{short[value]} ({count})" for value, count in tally.items()]
    return ", ".join(texts[:MAX_VALUES]) + (f" and {len(texts) - MAX_VALUES} more" if len(texts) > MAX_VALUES else "")


# --- the terminal ---------------------------------------------------------------------------


def show(report: ComparisonReport) -> None:
    """Print the gates first, then each metric in a sentence, the context, and every change of every metric."""
    stdout = console.stdout
    # rich takes 80 columns for a pipe, in which the tables do not fit.
    if not stdout.is_terminal:
        stdout = Console(file=stdout.file, highlight=False, width=WIDTH)
    lines = []
    if report.gates:
        lines.append(f"[bold {'red' if report.failures else 'green'}]{escape(report.outcome)}[/]")
    lines += [f"  [red]{escape(sentence)}[/]" for sentence in report.failures]
    if report.caution:
        lines.append(f"[yellow]{escape(report.caution)}[/]")
    for metric in report.comparison.metrics:
        colour = VERDICT_COLOURS[metric.changes[0].verdict] if metric.changes else "red"
        lines.append(f"[bold]{escape(metric.label)}[/bold]: [{colour}]{escape(describe_metric(metric))}[/]")
    lines += map(escape, describe_context(report))
    for line in lines:
        stdout.print(line, soft_wrap=True)
    if report.provenance.differences:
        stdout.print(_table(FACT_COLUMNS, [map(escape, row) for row in fact_rows(report.provenance)]))
    for metric in report.comparison.metrics:
        if all(change.verdict == "identical" for change in metric.changes):
            continue  # its sentence has said it all
        stdout.print(f"\n[bold]{escape(describe_reading(metric))}[/bold]", soft_wrap=True)
        rows = [(VERDICT_COLOURS[change.verdict], map(escape, change_row(metric, change))) for change in metric.changes]
        stdout.print(_table(CHANGE_COLUMNS, [(*plain, f"[{colour}]{word}[/]") for colour, (*plain, word) in rows]))
    if report.comparison.metrics:
        stdout.print(f"\n[dim]{escape(LEGEND)}[/dim]")


def _table(columns: Sequence[str], rows: Iterable[Iterable[str]]) -> Table:
    """Return a table of cells that are rich markup."""
    table = Table(box=None, pad_edge=False)
    for name in columns:
        is_number = columns is CHANGE_COLUMNS and name not in ("", "verdict")
        # Folded, because an ellipsis would hide digits on a narrow terminal.
        table.add_column(name, justify="right" if is_number else "left", overflow="fold")
    for row in rows:
        table.add_row(*row)
    return table


# --- Markdown -------------------------------------------------------------------------------


def as_markdown(report: ComparisonReport) -> str:
    """Return the same as a section of GitHub's Markdown, with the changes of each metric folded away."""
    metrics = []
    for metric in report.comparison.metrics:
        if metric.changes:
            _, *cells = change_row(metric, metric.changes[0])
            metrics.append([metric.label, *cells, "; ".join(describe_other_verdicts(metric))])
        else:
            metrics.append([metric.label, *[""] * 7, describe_metric(metric)])
    parts = [
        f"### dcbench compare: {report.outcome or 'OLD and NEW'}\n",
        _bullets(f"**{escape_markdown(sentence)}**" for sentence in report.failures),
        escape_markdown(report.caution) + "\n",
        format_markdown_table((*CHANGE_COLUMNS, "elsewhere"), metrics),
        _bullets(map(escape_markdown, describe_context(report))),
    ]
    if report.provenance.differences:
        parts.append(format_markdown_table(FACT_COLUMNS, fact_rows(report.provenance)))
    for metric in report.comparison.metrics:
        if metric.changes:
            title = html.escape(describe_reading(metric))  # Markdown is not rendered inside HTML
            table = format_markdown_table(CHANGE_COLUMNS, [change_row(metric, change) for change in metric.changes])
            parts.append(f"<details><summary>{title}</summary>\n\n{table}\n</details>\n")
    parts.append(escape_markdown(LEGEND) + "\n")
    return "\n".join(part for part in parts if part.strip())


def _bullets(sentences: Iterable[str]) -> str:
    return "".join(f"- {sentence}\n" for sentence in sentences)
