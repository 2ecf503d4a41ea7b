"""Sentences about the runs: which learned anything, which failed and why, what they cost, how far to believe it.

In: an Analysis and an Audit. Out: Sentences.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator

import pandas as pd

from dcbench.analysis.statistics.finals import GAIN
from dcbench.analysis.statistics.matching import FEWEST_SEEDS
from dcbench.analysis.statistics.stability import LEVEL, median_epochs
from dcbench.analysis.summary import Analysis, metric_spec
from dcbench.audit.axes import Audit
from dcbench.audit.health import ORDER
from dcbench.core.columns import STAGES
from dcbench.report.findings.choices import without_verdicts
from dcbench.report.findings.learning import gain_margin, learning_by_run
from dcbench.report.findings.wording import Sentence, Tone, count, duration, listed, number, share, signed

REASON = 160
"""Characters of a reason that a sentence quotes; the table has it whole."""

MOST = 4
"""Datasets, or kinds of failure, that are told one by one."""


def all_runs(analysis: Analysis) -> pd.DataFrame:
    """The planned runs and baselines, whatever their state."""
    return pd.concat([analysis.results.runs, analysis.results.baselines], ignore_index=True)


# --- learned --------------------------------------------------------------------------------


def what_was_learned(analysis: Analysis) -> Iterator[Sentence]:
    """How many runs learned something, over what, and their health."""
    runs = learning_by_run(analysis)
    if runs.empty:
        text = "No run is finished, so nothing was learned yet."
        yield Sentence("learned", text, "coverage", "", "nothing yet", "open")
        return
    if runs["learned"].notna().any():
        yield _learned(analysis, runs)
    if runs[GAIN].notna().any():
        yield _gain(analysis, runs[GAIN].dropna())
    if runs["over_pixels"].notna().any():
        yield _pixels(runs)
    if len(analysis.stability):
        yield _settled(analysis.stability)
    yield _health(runs)


def _learned(analysis: Analysis, runs: pd.DataFrame) -> Sentence:
    known = runs.dropna(subset=["learned"])
    number_of = int(known["learned"].sum())
    tests = ["healthy at the end"]
    if known["over_untrained"].notna().any():
        tests.append(f"more than {gain_margin(analysis):g} over their own untrained network")
    if known["over_pixels"].notna().any():
        compared = int(known["over_pixels"].notna().sum())
        where = "" if compared == len(known) else f" in the {compared} that have such a baseline"
        tests.append(f"over k-means on pixels{where}")
    by_dataset = known.groupby("dataset", sort=False, observed=True)["learned"]
    each = [f"{int(part.sum())} of {len(part)} on {name}" for name, part in by_dataset]
    where = f" ({listed(each)})" if 1 < len(each) <= MOST else ""
    text = f"{number_of} of {count(len(known), 'finished run')} learned something{where}: {listed(tests)}."
    words: dict[int, tuple[str, Tone]] = {0: ("none", "bad"), len(known): ("all", "same")}
    return Sentence("learned", text, "levels", "", *words.get(number_of, ("some", "told")))


def _gain(analysis: Analysis, gains: pd.Series) -> Sentence:
    margin = gain_margin(analysis)
    up, down = int((gains > margin).sum()), int((gains < -margin).sum())
    text = (
        f"{metric_spec('nmi_true').label} ends more than {margin:g} above the same run's untrained network in {up} of "
        f"{count(len(gains), 'run')}, more than {margin:g} below it in {down}; median change {signed(gains.median())} "
        f"({signed(gains.min())} to {signed(gains.max())})."
    )
    return Sentence("learned", text, "cells", "training")


def _pixels(runs: pd.DataFrame) -> Sentence:
    known = runs.dropna(subset=["over_pixels"])
    parts = [
        f"{int(part['over_pixels'].sum())} of {len(part)} on {name} (pixels {number(part['pixels'].max())})"
        for name, part in known.groupby("dataset", sort=False, observed=True)
    ]
    shown = listed(parts) if len(parts) <= MOST else f"{int(known['over_pixels'].sum())} of {len(known)}"
    text = f"On test images, re-clustered with k the number of classes, {shown} beat the best k-means on pixels."
    return Sentence("learned", text, "levels", "pixels")


def _health(runs: pd.DataFrame) -> Sentence:
    counts = Counter(runs["health"])
    words = [f"{counts[state]} {state}" for state in ORDER if state in counts]
    text = f"{listed(words)} at the end, by a rule that never looks at the labels."
    sick = len(runs) - counts["healthy"]
    tone: Tone = "bad" if sick == len(runs) else "plain"
    return Sentence("learned", text, "health", "health", "none healthy" if sick == len(runs) else "", tone)


def _settled(known: pd.DataFrame) -> Sentence:
    """In how many runs the assignments stay what they are, and from which epoch on."""
    half = median_epochs(known)
    text = (
        f"{metric_spec('nmi_previous').label} comes to {LEVEL:g} or above and stays there to the end in "
        f"{known['reached'].sum()} of {count(len(known), 'run')}"
        + ("." if math.isnan(half) else f"; in half of all from epoch {half:g} on (Kaplan-Meier).")
    )
    return Sentence("learned", text, "health", "stability")


# --- failed ---------------------------------------------------------------------------------


def what_failed(analysis: Analysis) -> Iterator[Sentence]:
    """Runs that are not done, by state, kind and reason."""
    runs = all_runs(analysis)
    missing = runs[runs["state"] != "done"]
    if missing.empty:
        text = f"All {count(len(runs), 'planned run')} are done." if len(runs) > 1 else "The one planned run is done."
        yield Sentence("failed", text, "coverage", "", "none", "same")
        return
    for state, part in missing.groupby("state", sort=False):
        word = f"{len(part)} {state}"
        text = f"{len(part)} of {count(len(runs), 'planned run')}{_why(part)}"
        yield Sentence("failed", text, "unfinished", "", word, "bad" if state == "failed" else "open")


def _why(part: pd.DataFrame) -> str:
    """The kinds and reasons of one state, the most frequent first."""
    found = Counter(zip(part["kind"].fillna(""), part["reason"].fillna(""), strict=True))
    words = [f"{how_many} {_reason(*why)}" for why, how_many in found.most_common() if any(why)]
    more = f"; and {count(len(words) - MOST, 'more reason')}" if len(words) > MOST else ""
    return f": {'; '.join(words[:MOST])}{more}." if words else "."


def _reason(kind: str, reason: str) -> str:
    line = " ".join(reason.split())
    cut = line if len(line) <= REASON else f"{line[: REASON - 1]}…"
    return f"{kind.replace('_', ' ')} ({cut})" if kind and cut else kind.replace("_", " ") or cut


# --- cost -----------------------------------------------------------------------------------


def what_it_cost(analysis: Analysis) -> Iterator[Sentence]:
    """Seconds in all and per run, what they went into, and whether timings can be compared."""
    seconds = pd.to_numeric(analysis.results.runs["seconds"]).dropna()
    every = pd.to_numeric(all_runs(analysis)["seconds"]).dropna()
    if every.empty:
        return
    beside = f", {duration(every.sum() - seconds.sum())} of it for baselines" if len(every) > len(seconds) else ""
    text = f"{count(len(every), 'run')} took {duration(every.sum())} in all, each counted by itself{beside}"
    each = f"; a run took {duration(seconds.median())} in the median ({_range(seconds)})" if len(seconds) else ""
    yield Sentence("cost", f"{text}{each}.", "times")
    yield from _stages(analysis)
    yield from _company(analysis.finals)


def _range(seconds: pd.Series) -> str:
    return f"{duration(seconds.min())} to {duration(seconds.max())}"


def _stages(analysis: Analysis) -> Iterator[Sentence]:
    spent = {stage: float(analysis.results.rows[f"seconds_{stage}"].sum()) for stage in STAGES}
    most = sorted(STAGES, key=lambda stage: -spent[stage])[:3]
    if sum(spent.values()) > 0:
        parts = [f"{stage} {share(spent[stage] / sum(spent.values()))}" for stage in most]
        yield Sentence("cost", f"Most of the timed seconds of the epochs: {listed(parts)}.", "times", "stages")


def _company(runs: pd.DataFrame) -> Iterator[Sentence]:
    """Whether runs had the device for themselves while they were timed."""
    timing = Counter(runs["timing"])
    if timing.keys() - {"exclusive"}:
        words = {
            "exclusive": "alone on the device", "shared": "beside others on the device",
            "not recorded": "without a record of who else was on the device",
        }  # fmt: skip
        parts = [f"{count(timing[name], 'run')} {text}" for name, text in words.items() if name in timing]
        text = f"Timed were {listed(parts)}: times are those of this machine under its load."
        yield Sentence("cost", text, "times", "timing", "read with care", "open")


# --- trust ----------------------------------------------------------------------------------


def how_far_to_believe(analysis: Analysis, audited: Audit) -> Iterator[Sentence]:
    """Seeds and cells, runs left out, the axes' audit, failed checks, and what to read with care."""
    yield from _judged(analysis)
    yield from _seeds(analysis)
    yield from _missing_metric(analysis)
    yield from _axes(audited)
    if audited.failures:
        failed = count(len(audited.failures), "check")
        yield Sentence("trust", f"{failed} of what a run must hold failed.", "audit", "checks", "failed", "bad")
    elif audited.runs:
        text = f"All checks of all {count(audited.runs, 'finished run')} passed."
        yield Sentence("trust", text, "audit", "checks", "passed", "same")
    if analysis.results.notes:
        text = f"{count(len(analysis.results.notes), 'warning')} about the files that were read."
        yield Sentence("trust", text, "notes", "files", "warnings", "bad")


def _judged(analysis: Analysis) -> Iterator[Sentence]:
    """The metric that the choices are judged by, and how its curve became a number."""
    margin = next((one.margin for one in analysis.outcomes if one.name == analysis.quality), None)
    if margin is not None and analysis.axes:
        label = metric_spec(analysis.quality).label
        why = ", since NMI and purity rise with k by themselves" if analysis.quality == "ami_true" else ""
        text = f"Choices are judged by {label} ({analysis.rule(analysis.quality)}){why}; within ±{margin:g} counts as the same."
        yield Sentence("trust", text, "rules", "measure")


def _seeds(analysis: Analysis) -> Iterator[Sentence]:
    lines = analysis.effects[analysis.effects["metric"] == analysis.quality]
    if lines.empty or without_verdicts(analysis):
        return
    planned, seeds = analysis.results.runs["seed"].nunique(), int(lines["seeds"].max())
    of = f" of {planned} planned" if seeds < planned else ""
    few = int((lines["seeds"] < FEWEST_SEEDS).sum())
    fewer = f" {few} of {count(len(lines), 'swap')} have fewer than {FEWEST_SEEDS} seeds: points only." if few else ""
    fewest = f"{lines['cells'].min()} to " if lines["cells"].min() < lines["cells"].max() else ""
    cells = f"{fewest}{count(lines['cells'].max(), 'matched cell')}"
    text = f"{count(seeds, 'seed')}{of}; each effect is a mean over {cells} of this matrix.{fewer}"
    yield Sentence("trust", text, "rules", "seeds")


def _missing_metric(analysis: Analysis) -> Iterator[Sentence]:
    """Runs without the metric that the choices are judged by."""
    lacking = int(analysis.finals[analysis.quality].isna().sum())
    if lacking:
        label, runs = metric_spec(analysis.quality).label, count(len(analysis.finals), "finished run")
        text = f"{lacking} of {runs} have no {label}: they are in no effect on it."
        yield Sentence("trust", text, "runs", "missing", "left out", "bad")


def _axes(audited: Audit) -> Iterator[Sentence]:
    """Whether every axis acts, with common random numbers."""
    idle = [axis for axis in audited.axes if not axis.verdict.startswith("acts")]
    if idle:
        text = "; ".join(f"{axis.name} {axis.message}" for axis in idle)
        unknown = all(axis.verdict == "no pairs" for axis in idle)
        tone: Tone = "open" if unknown else "bad"
        yield Sentence("trust", f"{text}.", "audit", "axes", "not known" if unknown else "not all act", tone)
    elif audited.axes:
        text = f"Every axis acts, with common random numbers: {listed(axis.name for axis in audited.axes)}."
        yield Sentence("trust", text, "audit", "axes", "all act", "same")
