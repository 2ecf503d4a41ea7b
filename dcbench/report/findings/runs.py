"""Findings about the runs: how healthy they are, which are missing and why, what they cost, how far to trust them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, cast

import pandas as pd

from dcbench.analysis.rulers import choose_pixel_metric, list_rulers
from dcbench.analysis.run_files import TIMINGS
from dcbench.analysis.statistics.effects import TRAJECTORY
from dcbench.analysis.statistics.matching import MIN_SEEDS
from dcbench.analysis.statistics.stability import SETTLED_NMI, median_settling_epoch
from dcbench.analysis.summary import Analysis
from dcbench.audit.axes import Audit
from dcbench.audit.health import HEALTH_STATES
from dcbench.core.columns import DEFAULT_RULER, METRICS, RULERS, STAGES
from dcbench.report.findings.choices import lacks_verdicts
from dcbench.report.findings.finding import Finding, Tone
from dcbench.report.findings.learning import find_false_ceilings

MAX_REASON = 160
"""Characters of a reason that a sentence quotes; the table has all of it."""

MAX_LIST = 4
"""Datasets, or reasons of a state, that a sentence lists one by one."""


# --- Did training help? learning.py says what it did to the scores --------------------------


def find_health(analysis: Analysis) -> Iterator[Finding]:
    """Yield in how many finished runs the assignments settled, and how healthy the runs are at the end."""
    if analysis.all_finals.empty:
        return
    if len(analysis.stability):
        half = median_settling_epoch(analysis.stability)
        values = {
            "metric": METRICS["nmi_previous"].label,
            "level": SETTLED_NMI,
            "settled": int(analysis.stability["reached"].sum()),
            "runs": len(analysis.stability),
            "half": None if math.isnan(half) else half,
        }
        yield Finding(kind="learned", sentence="settled", values=values, evidence="health", about="stability")
    counts = Counter(analysis.all_finals["health"])
    none_healthy = not counts["healthy"]
    yield Finding(
        kind="learned",
        sentence="health",
        values={"states": [(state, counts[state]) for state in HEALTH_STATES if state in counts]},
        evidence="health",
        about="health",
        verdict="none healthy" if none_healthy else "",
        tone="bad" if none_healthy else "plain",
    )


# --- What is missing? -----------------------------------------------------------------------


def all_runs(analysis: Analysis) -> pd.DataFrame:
    """Return the planned runs and baselines, whatever their state."""
    return pd.concat([analysis.results.runs, analysis.results.baselines], ignore_index=True)


def find_unfinished(analysis: Analysis) -> Iterator[Finding]:
    """Yield for each state but done how many runs are in it, with kinds and reasons, the most frequent first."""
    runs = all_runs(analysis)
    missing = runs[runs["state"] != "done"]
    if missing.empty:
        yield Finding(
            kind="failed", sentence="all_done", values={"runs": len(runs)}, evidence="coverage", verdict="none",
            tone="same",
        )  # fmt: skip
    for state, part in missing.groupby("state", sort=False):
        # Runs often fail for the same reason, which is worth one mention.
        causes = Counter(zip(part["kind"].fillna(""), part["reason"].fillna(""), strict=True))
        reasons = []
        for (kind, reason), count in causes.most_common():
            line = " ".join(reason.split())
            text = line if len(line) <= MAX_REASON else f"{line[: MAX_REASON - 1]}…"
            if kind or text:
                reasons.append({"runs": count, "kind": kind.replace("_", " "), "text": text})
        values = {
            "state": state,
            "runs": len(part),
            "planned": len(runs),
            "reasons": reasons[:MAX_LIST],
            "more": max(0, len(reasons) - MAX_LIST),
        }
        yield Finding(
            kind="failed",
            sentence="unfinished",
            values=values,
            evidence="unfinished",
            verdict=f"{len(part)} {state}",
            tone="bad" if state == "failed" else "open",
        )


# --- What did it cost? ----------------------------------------------------------------------


def find_cost(analysis: Analysis) -> Iterator[Finding]:
    """Yield the time of all runs and of one, the stages that took most, and whether times can be compared."""
    # A run that did not end has no seconds, and a column without any is no number.
    seconds = pd.to_numeric(analysis.results.runs["seconds"]).dropna()
    all_seconds = pd.to_numeric(all_runs(analysis)["seconds"]).dropna()
    if all_seconds.empty:
        return
    median, low, high = (seconds.median(), seconds.min(), seconds.max()) if len(seconds) else (None, None, None)
    values = {
        "runs": len(all_seconds),
        "total": all_seconds.sum(),
        "baselines": all_seconds.sum() - seconds.sum() if len(all_seconds) > len(seconds) else None,
        "median": median,
        "low": low,
        "high": high,
    }
    yield Finding(kind="cost", sentence="cost", values=values, evidence="times")
    # Only stages are timed: the rest of a run, such as its start, is in none of them.
    spent = {stage: float(analysis.results.rows[f"seconds_{stage}"].sum()) for stage in STAGES}
    total = sum(spent.values())
    if total > 0:
        most = sorted(STAGES, key=lambda stage: -spent[stage])[:3]
        shares = [(stage, spent[stage] / total) for stage in most]
        yield Finding(kind="cost", sentence="stages", values={"shares": shares}, evidence="times", about="stages")
    # The baselines are among the times above, so they count here too.
    runs = all_runs(analysis)
    timings = Counter(runs.loc[runs["state"] == "done", "timing"])
    if timings.keys() - {"exclusive"}:
        yield Finding(
            kind="cost",
            sentence="shared_device",
            values={"timings": [(timing, timings[timing]) for timing in TIMINGS if timing in timings]},
            evidence="times",
            about="timing",
            verdict="read with care",
            tone="open",
        )


# --- How far can it be trusted? -------------------------------------------------------------


def find_reliability(analysis: Analysis) -> Iterator[Finding]:
    """Yield how choices are judged, over how many seeds and cells, and how many runs that leaves out."""
    label = METRICS[analysis.quality].label
    outcome = analysis.outcome_by_name.get(analysis.quality)
    if outcome:
        rule, rises = analysis.describe_rule(analysis.quality), analysis.quality == "ami_true"
        values = {
            "metric": label,
            "rule": rule,
            "rises_with_k": rises,
            "margin": outcome.margin,
            # A margin that the user chose holds on every dataset.
            "is_relative": outcome.margin == METRICS[outcome.name].margin,
            "ruler": analysis.ruler,
            "help": RULERS[analysis.ruler].help,
            "missing": "" if DEFAULT_RULER in list_rulers(analysis.results.rows) else DEFAULT_RULER,
        }
        yield Finding(kind="trust", sentence="judged_by", values=values, evidence="rules", about="measure")
    swaps = analysis.effects[analysis.effects["metric"] == analysis.quality]
    # Without any verdict the choices already say that there are too few seeds.
    if len(swaps) and not lacks_verdicts(analysis):
        values = {
            "seeds": int(swaps["seeds"].max()),
            "planned": analysis.results.runs["seed"].nunique(),
            "fewest_cells": int(swaps["cells"].min()),
            "most_cells": int(swaps["cells"].max()),
            "swaps": len(swaps),
            "too_few": int((swaps["seeds"] < MIN_SEEDS).sum()),
            "fewest": MIN_SEEDS,
        }
        yield Finding(kind="trust", sentence="seeds", values=values, evidence="rules", about="seeds")
    trajectories = analysis.all_finals[TRAJECTORY].nunique()
    if trajectories < len(analysis.all_finals):
        values = {"runs": len(analysis.all_finals), "trajectories": trajectories}
        yield Finding(kind="trust", sentence="trajectories", values=values, evidence="rules", about="copies")
    yield from find_noise_floor(analysis)
    if ceilings := find_false_ceilings(analysis):
        values = {"metric": METRICS[choose_pixel_metric(analysis.ruler)].label, "datasets": ceilings}
        yield Finding(
            kind="trust", sentence="no_ceiling", values=values, evidence="levels", about="supervised",
            verdict="no ceiling", tone="open",
        )  # fmt: skip
    missing = int(analysis.finals[analysis.quality].isna().sum())
    if missing:
        values = {"missing": missing, "runs": len(analysis.finals), "metric": label}
        yield Finding(
            kind="trust", sentence="missing_metric", values=values, evidence="runs", about="missing",
            verdict="left out", tone="bad",
        )  # fmt: skip


def find_noise_floor(analysis: Analysis) -> Iterator[Finding]:
    """Yield how far two runs of the same experiment differ on each dataset, and where that is not known."""
    # Without a training pass there is no difference to speak of.
    trained = analysis.all_finals[analysis.all_finals["epoch"] > 0]
    unknown = []
    for dataset in dict.fromkeys(trained["dataset"].astype(str)):
        floor = analysis.get_noise_floor(analysis.quality, dataset)
        if floor is None:
            unknown.append(dataset)
            continue
        values = {"metric": METRICS[analysis.quality].label, "floor": vars(floor)}
        yield Finding(
            kind="trust", sentence="noise_floor", values=values, evidence="levels", about=f"noise on {dataset}",
            verdict=f"up to {floor.floor:.2g}", tone="open",
        )  # fmt: skip
    if unknown:
        missing: dict[str, Any] = {"datasets": unknown[:MAX_LIST], "more": len(unknown[MAX_LIST:])}
        yield Finding(
            kind="trust", sentence="no_noise_floor", values=missing, evidence="levels", about="noise",
            verdict="not known", tone="open",
        )  # fmt: skip


def find_ruler_agreement(analysis: Analysis) -> Iterator[Finding]:
    """Yield whether another ruler would lead to other verdicts on the choices."""
    names = [name for name in list_rulers(analysis.results.rows) if _judging_metric(analysis, name)]
    choices = [axis.name for axis in analysis.axes.values() if not axis.is_condition]
    columns = {_judging_metric(analysis, name): name for name in names}
    effects = analysis.effects[analysis.effects["metric"].isin(columns) & analysis.effects["axis"].isin(choices)]
    if len(names) < 2 or effects.empty or lacks_verdicts(analysis):
        return
    disagreeing, count = [], 0
    for (axis, before, after), swap in effects.groupby(["axis", "before", "after"], sort=False, dropna=False):
        count += 1
        by_verdict = swap.groupby("verdict", sort=False)["metric"].agg(
            lambda metrics: [columns[name] for name in metrics]
        )
        if len(by_verdict) > 1:
            verdicts = list(by_verdict.items())
            disagreeing.append({"axis": axis, "before": before, "after": after, "verdicts": verdicts})
    if disagreeing:
        shown = disagreeing[:MAX_LIST]
        values: dict[str, Any] = {
            "rulers": len(names), "swaps": shown, "count": len(disagreeing), "more": len(disagreeing) - len(shown),
        }  # fmt: skip
        sentence, verdict, tone = "rulers_disagree", "depends", "open"
    else:
        values = {"rulers": len(names), "swaps": count}
        # Rulers that all tell nothing do not confirm each other.
        decided = (effects["verdict"] != "cannot tell").any()
        sentence, verdict, tone = "rulers_agree", "agree", "same" if decided else "plain"
    yield Finding(
        kind="trust", sentence=sentence, values=values, evidence="effects", about="ruler", verdict=verdict,
        tone=cast(Tone, tone),
    )  # fmt: skip


def _judging_metric(analysis: Analysis, ruler: str) -> str:
    """Return the metric by which a ruler judges this matrix; empty where no run has it."""
    metric = replace(analysis, ruler=ruler).quality
    return metric if metric in analysis.outcome_by_name else ""


def find_audit_results(audit: Audit) -> Iterator[Finding]:
    """Yield whether every axis acts, with common random numbers, and whether all checks of the runs passed."""
    idle = [axis for axis in audit.axes if not axis.verdict.startswith("acts")]
    axes: tuple[str, str, Tone] = ("active_axes", "all act", "same")
    if idle and all(axis.verdict == "no pairs" for axis in idle):
        axes = ("unknown_axes", "not known", "open")
    elif idle:
        axes = ("idle_axes", "not all act", "bad")
    if audit.axes:
        sentence, verdict, tone = axes
        values: dict[str, Any] = {"axes": idle or audit.axes}
        yield Finding(
            kind="trust", sentence=sentence, values=values, evidence="audit", about="axes", verdict=verdict, tone=tone
        )
    if audit.failures:
        yield Finding(
            kind="trust", sentence="failed_checks", values={"checks": len(audit.failures)}, evidence="audit",
            about="checks", verdict="failed", tone="bad",
        )  # fmt: skip
    elif audit.runs:
        yield Finding(
            kind="trust", sentence="passed_checks", values={"runs": audit.runs}, evidence="audit", about="checks",
            verdict="passed", tone="same",
        )  # fmt: skip


def find_warnings(analysis: Analysis) -> Iterator[Finding]:
    """Yield how many warnings there were about the files that were read."""
    if analysis.results.notes:
        yield Finding(
            kind="trust", sentence="warnings", values={"warnings": len(analysis.results.notes)}, evidence="notes",
            about="files", verdict="warnings", tone="bad",
        )  # fmt: skip
