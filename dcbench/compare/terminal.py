"""How NEW changed against OLD: on the terminal, and as Markdown for a pull request."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from dcbench.compare.provenance import FactDiff, ProvenanceDiff
from dcbench.compare.result import (
    VERDICTS,
    Comparison,
    Gate,
    MetricChange,
    MetricComparison,
    UnmatchedRun,
    blind,
    failures,
    named,
)
from dcbench.core import console
from dcbench.core.text import escape_markdown, markdown_table, plural

WIDTH = 120
"""Columns of text on a pipe, where there is no terminal to ask."""

COLOURS = {
    "worse": "red", "better": "green", "higher": "cyan", "lower": "cyan", "cannot tell": "yellow",
    "too few seeds": "yellow", "same": "dim", "identical": "dim",
}  # fmt: skip

HEAD = ("", "OLD", "NEW", "change", "95 % interval", "pairs", "seeds", "verdict")
FACTS = ("", "OLD", "NEW", "pairs")
VALUES = 3
"""Values of a fact that are told one by one."""

LEGEND = (
    "Change: NEW less OLD, for times NEW divided by OLD; mean over the matched pairs; interval: Student's t over the "
    "seeds' means. Better and worse rest on p values corrected over all lines of a metric (Holm), not over the "
    "metrics. Same: shown to lie within the margin. Identical: every pair has the same number. Where runs are missing, "
    "pairs are left out until every seed has every cell, shown as 45 of 46."
)


@dataclass(frozen=True)
class Compared:
    """Two sets, by the paths that they were named by, what came out, and what was asked of it."""

    paths: tuple[str, str]
    found: Comparison
    made: ProvenanceDiff
    gates: tuple[Gate, ...]

    @property
    def failures(self) -> list[str]:
        """Why the gates fail."""
        return failures(self.found, self.gates)

    @property
    def outcome(self) -> str:
        """Whether the gates hold, and which they are; empty without a gate."""
        asked = " ".join(f"--fail-on {gate}" for gate in self.gates)
        return f"{'failed' if self.failures else 'passed'} {asked}" if self.gates else ""

    def as_json(self) -> dict[str, Any]:
        """All of it for programs."""
        paths = dict(zip(("old", "new"), self.paths, strict=True))
        return paths | {"failures": self.failures} | self.found.as_json() | {"made_with": self.made.as_json()}


# --- what both say --------------------------------------------------------------------------


def caution(compared: Compared) -> str:
    """What a reader must know before a pass is believed; empty where there is nothing."""
    if blind(compared.found, compared.gates):
        return (
            "No number can fail these gates: a change is told from three seeds on. `--fail-on different` fails where "
            "a pair differs at all."
        )
    return "" if compared.found.runs.compared else "No run is done in both, so no number was compared."


def digest(metric: MetricComparison) -> str:
    """A metric in a sentence: its first line, then the parts where the verdict is another."""
    if not metric.lines:
        return f"{plural(metric.gone, 'run')} have it in OLD, and not in NEW"
    first, *rest = metric.lines
    others = {word: [line.part for line in rest if line.verdict == word] for word in VERDICTS if word != first.verdict}
    elsewhere = [f"{word}: {named(parts, ', ')}" for word, parts in others.items() if parts]
    if first.verdict == "identical" and not elsewhere:
        return f"identical in every pair ({first.pairs + first.left_out} {first.part})"
    return "; ".join([f"{first.verdict}, {metric.told(first)}", *elsewhere])


def rows(metric: MetricComparison) -> list[list[str]]:
    """The lines of a metric under HEAD."""
    return [_row(metric, line) for line in metric.lines]


def _row(metric: MetricComparison, line: MetricChange) -> list[str]:
    pairs = f"{line.pairs} of {line.pairs + line.left_out}" if line.left_out else str(line.pairs)
    levels = (metric.level(line.old), metric.level(line.new))
    return [
        line.part, *levels, metric.change(line.mean), metric.interval(line), pairs, str(line.seeds), line.verdict,
    ]  # fmt: skip


def titled(metric: MetricComparison) -> str:
    """What a metric is and how it was read: which way is better, by what rule a curve became a number, the margin."""
    way = f"{metric.better} is better" if metric.better else "neither way is better"
    margin = f"a factor of {metric.margin:g}" if metric.ratio else f"{metric.margin:g}"
    return f"{metric.label} ({metric.rule}; {way}; same: within {margin})"


def facts(compared: Compared) -> Iterator[str]:
    """Which runs were compared, how healthy they are, whether they share their random numbers, how they were timed."""
    runs = compared.found.runs
    beside = f" ({runs.beside} of them baselines, by their last row)" if runs.beside else ""
    yield (
        f"{plural(runs.both, 'run')} in both: {len(runs.compared)} done in both and compared{beside}, "
        f"{runs.identical} identical in every figure"
    )
    if any(runs.alone):
        yield f"left out: {runs.alone[0]} that only OLD plans, {runs.alone[1]} that only NEW plans"
    for what, those in (("OLD alone", runs.gone), ("NEW alone", runs.come), ("neither", runs.neither)):
        if those:
            yield f"done in {what}, so in no mean: {named([_state(run) for run in those])}"
    for metric in compared.found.metrics:
        if metric.gone:
            yield f"{metric.label}: {plural(metric.gone, 'run')} have it in OLD alone, so they are in no mean"
    if compared.found.runs.compared:
        yield from _surroundings(compared)


def _state(run: UnmatchedRun) -> str:
    """The run, its state where it is not done, and why."""
    where = [f"{state} in {side}" for state, side in ((run.old, "OLD"), (run.new, "NEW")) if state != "done"]
    return f"{run.run_id}: {', '.join(where)}" + (f" ({run.reason})" if run.reason else "")


def _surroundings(compared: Compared) -> Iterator[str]:
    yield random_numbers(compared.made)
    found = compared.found
    if found.health[0] != found.health[1]:
        yield f"health: OLD {found.health[0]}; NEW {found.health[1]}"
    if any(metric.cost for metric in found.metrics):
        yield f"timed: OLD {found.timing[0]}; NEW {found.timing[1]} (whether others were on the device)"
    if any(fact.name.startswith("dataset.") for fact in compared.made.differ):
        yield "the training images are not the same, so not the code alone is compared"


def random_numbers(made: ProvenanceDiff) -> str:
    """Whether pairs share what the seed tree gives them, which is what makes them pairs."""
    known = {name: counts for name, counts in made.drawn.items() if counts[1]}
    if not known:
        return "random numbers: not recorded, so it is not known whether pairs come from one seed tree"
    if made.apart:
        counts = ", ".join(f"{name} {same} of {told}" for name, (same, told) in known.items())
        return f"random numbers that pairs share: {counts}; OLD and NEW are not of one seed tree, so pairing gains less"
    fewest = min(told for _, told in known.values())
    of = (
        "every pair shares its" if fewest == made.pairs else f"recorded for {fewest} of {made.pairs} pairs, which share"
    )
    return f"random numbers: {of} {', '.join(known)}, as runs of one seed tree do"


def made_with(made: ProvenanceDiff) -> str:
    """What the sets were made with, where that is told in a sentence."""
    if not made.recorded:
        return "made with: not recorded for both runs of any pair"
    part = "" if made.recorded == made.pairs else f", recorded for {made.recorded} of {plural(made.pairs, 'pair')}"
    if made.differ:
        return f"made with{part}: {plural(len(made.differ), 'difference')}"
    return f"made with the same{part}: {', '.join(f'{name} {value}' for name, value in made.alike.items())}"


def fact_row(fact: FactDiff, made: ProvenanceDiff) -> list[str]:
    """A fact that differs, under: fact, OLD, NEW, pairs."""
    return [fact.name, _values(fact, fact.old), _values(fact, fact.new), f"{fact.pairs} of {made.recorded}"]


def _values(fact: FactDiff, tally: dict[str, int]) -> str:
    """The values of one side, the most frequent first; a commit by its first digits."""
    short = {value: value[:12] + "+" * value.endswith("+") if fact.name == "commit" else value for value in tally}
    if len(tally) == 1:
        return next(iter(short.values()))
    told = [f"{short[value]} ({count})" for value, count in tally.items()]
    return ", ".join(told[:VALUES]) + (f" and {len(told) - VALUES} more" if len(told) > VALUES else "")


# --- the terminal ---------------------------------------------------------------------------


def show(compared: Compared) -> None:
    """The gates first, then each metric in a sentence, what was compared, and every line of every metric."""
    stdout = console.stdout
    if not stdout.is_terminal:
        stdout = Console(file=stdout.file, highlight=False, width=WIDTH)
    for line in _opening(compared):
        stdout.print(line, soft_wrap=True)
    if compared.made.differ:
        stdout.print(_table(FACTS, [fact_row(fact, compared.made) for fact in compared.made.differ]))
    for metric in compared.found.metrics:
        if any(line.verdict != "identical" for line in metric.lines):
            stdout.print(f"\n[bold]{escape(titled(metric))}[/bold]", soft_wrap=True)
            stdout.print(_lines(metric))
    if compared.found.metrics:
        stdout.print(f"\n[dim]{escape(LEGEND)}[/dim]")


def _opening(compared: Compared) -> Iterator[str]:
    if compared.gates:
        yield f"[bold {'red' if compared.failures else 'green'}]{escape(compared.outcome)}[/]"
    yield from (f"  [red]{escape(sentence)}[/]" for sentence in compared.failures)
    if caution(compared):
        yield f"[yellow]{escape(caution(compared))}[/]"
    for metric in compared.found.metrics:
        colour = COLOURS[metric.lines[0].verdict] if metric.lines else "red"
        yield f"[bold]{escape(metric.label)}[/bold]: [{colour}]{escape(digest(metric))}[/]"
    for side, path, planned, done in _sets(compared):
        yield f"{side}  {escape(path)}: {done} of {plural(planned, 'run')} done"
    yield from map(escape, facts(compared))
    yield escape(made_with(compared.made))


def _sets(compared: Compared) -> Iterator[tuple[str, str, int, int]]:
    runs = compared.found.runs
    yield from zip(("OLD", "NEW"), compared.paths, runs.planned, runs.done, strict=True)


def _lines(metric: MetricComparison) -> Table:
    table = _table(HEAD, [])
    for line, cells in zip(metric.lines, rows(metric), strict=True):
        *plain, verdict = map(escape, cells)
        table.add_row(*plain, f"[{COLOURS[line.verdict]}]{verdict}[/]")
    return table


def _table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in head:
        numbers = head is HEAD and name not in ("", "verdict")
        table.add_column(name, justify="right" if numbers else "left", overflow="fold")
    for line in lines:
        table.add_row(*map(escape, line))
    return table


# --- Markdown -------------------------------------------------------------------------------


def as_markdown(compared: Compared) -> str:
    """The same as a section of GitHub's Markdown, each metric's lines folded away."""
    parts = [f"### dcbench compare: {compared.outcome or 'OLD and NEW'}\n"]
    parts += [_bullets(f"**{escape_markdown(sentence)}**" for sentence in compared.failures)]
    parts += [escape_markdown(caution(compared)) + "\n"]
    parts += [markdown_table(("", *HEAD[1:], "elsewhere"), [_first(metric) for metric in compared.found.metrics])]
    sets = (f"{side}: {path}, {done} of {planned} runs done" for side, path, planned, done in _sets(compared))
    parts += [_bullets(map(escape_markdown, (*sets, *facts(compared), made_with(compared.made))))]
    if compared.made.differ:
        parts.append(markdown_table(FACTS, [fact_row(fact, compared.made) for fact in compared.made.differ]))
    parts += [_folded(metric) for metric in compared.found.metrics if metric.lines]
    return "\n".join(part for part in (*parts, escape_markdown(LEGEND) + "\n") if part.strip())


def _first(metric: MetricComparison) -> list[str]:
    """The first line of a metric, and where the verdict is another."""
    if not metric.lines:
        return [metric.label, *[""] * 7, digest(metric)]
    _, _, elsewhere = digest(metric).partition("; ")
    return [metric.label, *rows(metric)[0][1:], elsewhere]


def _bullets(sentences: Iterator[str] | Sequence[str]) -> str:
    return "".join(f"- {sentence}\n" for sentence in sentences)


def _folded(metric: MetricComparison) -> str:
    title = html.escape(titled(metric))  # there is no Markdown within HTML
    return f"<details><summary>{title}</summary>\n\n{markdown_table(HEAD, rows(metric))}\n</details>\n"
