"""Findings about the axes: which choice matters and by how much, whether libraries are interchangeable, what interacts.

A condition, such as the dataset, is no choice: effects are means over all of its values, and none is called better.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pandas as pd

from dcbench.analysis.axis import Axis
from dcbench.analysis.statistics.effects import tabulate_effects_by_value
from dcbench.analysis.statistics.intervals import ALPHA
from dcbench.analysis.statistics.matching import MIN_SEEDS
from dcbench.analysis.summary import Analysis
from dcbench.core.columns import CLUSTERING, METRICS
from dcbench.core.spec import format_value
from dcbench.report.findings.finding import Finding, Kind, Tone, join_words, render_sentence

MAX_LIBRARIES = 3
"""Up to this many libraries each two have a sentence of their own; of other axes only two values have."""

MAX_INTERACTIONS = 3
"""Interactions with a sentence of their own, the largest first."""

MAX_CONDITIONS = 6
"""Values of a condition that are all named; of more, half as many are."""

DIFFERENT = ("better", "worse", "higher", "lower")
"""Verdicts that tell two values apart."""

TONES: dict[str, Tone] = {"same": "same", "cannot tell": "open", "too few seeds": "plain"}
"""Verdict -> tone; all other verdicts tell two values apart."""

SWAP_SENTENCES = {"same": "swap_same", "cannot tell": "swap_unclear", "too few seeds": "swap_points"}
"""Verdict -> the sentence that words a swap on one dataset."""

MAX_DATASETS = 4
"""Datasets that a sentence tells apart; of more, the table does."""


def find_choice_effects(analysis: Analysis) -> Iterator[Finding]:
    """Yield what each choice did, then each condition, then which choices interact."""
    if analysis.quality not in analysis.outcome_by_name:
        return
    # Libraries come last, since they have a question of their own.
    choices = [axis for axis in analysis.axes.values() if not axis.is_condition]
    choices.sort(key=lambda axis: axis.is_backend)
    if choices and lacks_verdicts(analysis):
        planned = analysis.results.runs["seed"].nunique()
        matched = int(_select(analysis.effects, analysis)["seeds"].max())
        # The matrix plans too few seeds, or too few of them have matched runs yet.
        is_small = planned < MIN_SEEDS
        yield Finding(
            kind=_kind(choices[0]),
            sentence="too_few_planned_seeds" if is_small else "too_few_matched_seeds",
            values={"seeds": planned, "fewest": MIN_SEEDS} if is_small else {"planned": planned, "matched": matched},
            evidence="rules",
            verdict="no verdicts",
            tone="open",
        )
    for axis in choices:
        swaps = _select(analysis.effects, analysis, axis)
        if swaps.empty:
            yield explain_missing_pairs(analysis, axis)
        elif len(axis.values) <= (MAX_LIBRARIES if axis.is_backend else 2):
            for _, swap in swaps.iterrows():
                yield describe_swap(analysis, axis, swap)
        else:
            yield describe_many_values(analysis, axis, swaps)
    for axis in analysis.axes.values():
        if axis.is_condition:
            yield describe_condition(analysis, axis)
    yield from find_interactions(analysis)


def lacks_verdicts(analysis: Analysis) -> bool:
    """Return whether no swap has as many seeds as a verdict needs."""
    seeds = _select(analysis.effects, analysis)["seeds"]
    return not seeds.empty and bool(seeds.max() < MIN_SEEDS)


def explain_missing_pairs(analysis: Analysis, axis: Axis) -> Finding:
    """Say why no swap of an axis can be judged."""
    # Runs may well differ in this axis alone, and have every metric but the one that judges.
    has_other_metrics = (analysis.effects["axis"] == axis.name).any()
    return Finding(
        kind=_kind(axis),
        sentence="no_matched_metric" if has_other_metrics else "no_matched_runs",
        values={"metric": METRICS[analysis.quality].label} if has_other_metrics else {},
        evidence="coverage",
        about=axis.name,
        verdict="no pairs",
        tone="open",
    )


def describe_swap(analysis: Analysis, axis: Axis, swap: pd.Series) -> Finding:
    """Return what one value instead of the other does to the scores, on each dataset and on all, and to the time."""
    verdict, parts = swap["verdict"], describe_parts(analysis, axis, swap)
    sentence = SWAP_SENTENCES.get(verdict, "swap_differs") if len(parts) == 1 else "swap_on_datasets"
    # A library can only save time in clustering, so that is what its sentence states first.
    metrics = (CLUSTERING, "seconds") if axis.is_backend else ("seconds",)
    values: dict[str, Any] = {
        "swap": swap.to_dict(),
        "parts": parts,
        "metric": METRICS[swap["metric"]].label,
        "times": [time for metric in metrics for time in _time_changes(analysis, axis, swap, metric)],
    }
    if sentence in ("swap_unclear", "swap_on_datasets"):
        values["overruled"] = _is_overruled(swap)
    verdicts = {part["verdict"] for part in parts}
    undecided = [part["dataset"] for part in parts if part["verdict"] == "cannot tell"]
    depends = {"better", "worse"} <= verdicts or {"higher", "lower"} <= verdicts
    return Finding(
        kind=_kind(axis),
        sentence=sentence,
        values=values,
        evidence="backends" if axis.is_backend else "effects",
        about=axis.name,
        verdict=render_sentence(
            "swap_verdict",
            swap=swap.to_dict(),
            is_backend=axis.is_backend,
            depends=depends,
            undecided=undecided if len(undecided) < len(parts) else [],
        ),
        tone="difference" if depends else TONES.get(verdict, "difference"),
    )


def describe_parts(analysis: Analysis, axis: Axis, swap: pd.Series) -> list[dict[Any, Any]]:
    """Return a swap on each dataset, with the noise floor there; the swap itself if there are too many datasets."""
    rows = _select(analysis.effects_by_dataset, analysis, axis)
    rows = rows[_equals(rows["before"], swap["before"]) & _equals(rows["after"], swap["after"])]
    if len(rows) > MAX_DATASETS:
        return [swap.to_dict() | {"dataset": "", "floor": analysis.find_floor(swap["metric"])}]
    return [
        row | {"overruled": _is_overruled(row), "floor": analysis.find_floor(row["metric"], row["dataset"])}
        for row in rows.to_dict("records")
    ]


def _time_changes(analysis: Analysis, axis: Axis, swap: pd.Series, metric: str) -> Iterator[dict[Any, Any]]:
    """Yield what a swap does to a time: at most one change, none where the time is not known."""
    rows = _select(analysis.effects, analysis, axis, metric)
    for _, row in rows[_equals(rows["before"], swap["before"]) & _equals(rows["after"], swap["after"])].iterrows():
        # The verdict "same" rests on two one-sided tests at 5 %, which the 90 % interval shows.
        low, high = ("low_90", "high_90") if row["verdict"] == "same" else ("low", "high")
        limits = {"low": row[low], "high": row[high]}
        yield row.to_dict() | limits | {"label": METRICS[metric].label, "overruled": _is_overruled(row)}


def _is_overruled(swap: pd.Series | dict[Any, Any]) -> bool:
    """Return whether only the correction for many swaps keeps an effect from being told apart from none."""
    return bool(swap["verdict"] == "cannot tell" and swap["p"] < ALPHA)


def describe_many_values(analysis: Analysis, axis: Axis, swaps: pd.DataFrame) -> Finding:
    """Return the highest and the lowest value of an axis, and how many of its swaps make a difference."""
    levels = _select(analysis.levels, analysis, axis).sort_values("mean", ascending=False, kind="stable")
    counts = swaps["verdict"].value_counts()
    different = int(sum(counts.get(verdict, 0) for verdict in DIFFERENT))
    same, unclear, too_few = (int(counts.get(verdict, 0)) for verdict in ("same", "cannot tell", "too few seeds"))
    judged = different + same + unclear
    best = levels.iloc[0].to_dict() if len(levels) else None
    others = swaps[_equals(swaps["before"], best["value"]) | _equals(swaps["after"], best["value"])] if best else swaps
    verdict, tone = ("cannot tell", TONES["cannot tell"]) if judged else ("", TONES["too few seeds"])
    within = _select(analysis.effects_by_dataset, analysis, axis)
    matters_on = within.loc[within["verdict"].isin(DIFFERENT), "dataset"].unique().tolist()
    if different:
        verdict, tone = "matters", "difference"
    elif matters_on:  # effects that cancel in the mean over the datasets
        named = len(matters_on) <= MAX_DATASETS
        verdict, tone = f"matters on {join_words(matters_on) if named else 'some datasets'}", "difference"
    elif same == math.comb(len(axis.values), 2):  # values without matched runs would make it less
        verdict, tone = "same", "same"
    return Finding(
        kind=_kind(axis),
        sentence="many_values",
        values={
            "metric": METRICS[analysis.quality].label,
            "parts": describe_levels(analysis, axis),
            "best": best,
            "worst": levels.iloc[-1].to_dict() if len(levels) else None,
            "present": len(levels),
            "planned": len(axis.values),
            "others": len(others) if judged else 0,
            "apart": int(others["verdict"].isin(DIFFERENT).sum()),
            "verdicts": {
                "swaps": len(swaps),
                "different": different,
                "same": same,
                "margin": swaps["margin"].iloc[0],
                "unclear": unclear,
                "too_few": too_few,
                "fewest": MIN_SEEDS,
            }
            if judged
            else None,
        },
        evidence="backends" if axis.is_backend else "effects",
        about=axis.name,
        verdict=verdict,
        tone=tone,
    )


def describe_levels(analysis: Analysis, axis: Axis) -> list[dict[str, Any]]:
    """Return the highest and the lowest value of an axis on each dataset, without verdicts with the noise floor there.

    Nothing is returned for one dataset, which has the levels of all, or for too many.
    """
    table = _select(analysis.levels_by_dataset, analysis, axis)
    parts = []
    for dataset, levels in table.groupby("dataset", sort=False, observed=True):
        ordered = levels.sort_values("mean", ascending=False, kind="stable")
        # With verdicts the swaps say which values differ.
        floor = analysis.find_floor(analysis.quality, dataset) if lacks_verdicts(analysis) else None
        best, worst = (ordered.iloc[place].to_dict() for place in (0, -1))
        parts.append({"dataset": dataset, "best": best, "worst": worst, "floor": floor})
    return parts if 1 < len(parts) <= MAX_DATASETS else []


def describe_condition(analysis: Analysis, axis: Axis) -> Finding:
    """Return the scores under each value of what is given and not chosen."""
    levels = [row.to_dict() for _, row in _select(analysis.levels, analysis, axis).iterrows()]
    if not levels:
        return Finding(
            kind="choice", sentence="no_common_condition", values={}, evidence="effects", about=axis.name,
            verdict="condition",
        )  # fmt: skip
    named = levels if len(levels) <= MAX_CONDITIONS else levels[: MAX_CONDITIONS // 2]
    # With gaps an effect is no mean over all conditions, and the sentence must not say so.
    others = _select(analysis.effects, analysis)
    others = others[others["axis"] != axis.name]
    values = {
        "metric": METRICS[analysis.quality].label,
        "levels": named,
        "more": len(levels) - len(named),
        "all_conditions": bool(len(others) and (others["pairs"] == others["planned"]).all()),
    }
    return Finding(
        kind="choice", sentence="condition", values=values, evidence="effects", about=axis.name, verdict="condition"
    )


def find_interactions(analysis: Analysis) -> Iterator[Finding]:
    """Yield which swaps have another effect where another axis has another value."""
    rows = _select(analysis.interactions, analysis)
    judged = rows[rows["seeds"] >= MIN_SEEDS]
    significant = judged[judged["verdict"].isin(DIFFERENT)]
    # The largest come first, in whichever direction they go.
    significant = significant.reindex(significant["mean"].abs().sort_values(ascending=False).index)
    for _, row in significant.head(MAX_INTERACTIONS).iterrows():
        if analysis.axes[row["axis"]].is_condition:
            # An interaction is the same either way round. A choice is swapped, a condition says where.
            turned = {"axis": "with_axis", "before": "with_before", "after": "with_after"}
            row = row.rename(turned | {new: old for old, new in turned.items()})
        swap, where = (row["axis"], row["before"], row["after"]), row["with_axis"]
        outcome = analysis.outcome_by_name[row["metric"]]
        axes = {**analysis.axis_values, where: [row["with_before"], row["with_after"]]}
        effects = tabulate_effects_by_value(analysis.finals, axes, swap, where, outcome).to_dict("records")
        label = METRICS[row["metric"]].label
        yield Finding(
            kind="choice",
            sentence="interaction",
            values={"swap": row.to_dict(), "metric": label, "where": where, "effects": effects},
            evidence="effects",
            about=f"{row['axis']} by {where}",
            verdict="depends",
            tone="difference",
        )
    same = int((judged["verdict"] == "same").sum())
    if len(significant) > MAX_INTERACTIONS:
        values: dict[str, Any] = {"pairs": len(significant) - MAX_INTERACTIONS}
        yield Finding(
            kind="choice", sentence="more_interactions", values=values, evidence="effects", about="interactions"
        )
    elif len(judged) and significant.empty:
        values = {"pairs": len(judged), "same": same, "margin": judged["margin"].iloc[0]}
        yield Finding(
            kind="choice", sentence="no_interaction", values=values, evidence="effects", about="interactions",
            verdict="none found",
        )  # fmt: skip


def _kind(axis: Axis) -> Kind:
    """Return which question a finding about the axis answers."""
    return "backend" if axis.is_backend else "choice"


def _select(table: pd.DataFrame, analysis: Analysis, axis: Axis | None = None, metric: str = "") -> pd.DataFrame:
    """Return the rows of one metric, by default the one that judges choices, and of one axis or all."""
    rows = table[table["metric"] == (metric or analysis.quality)]
    return rows if axis is None else rows[rows["axis"] == axis.name]


def _equals(values: pd.Series, value: object) -> pd.Series:
    """Return where the values are the one given; pandas itself finds None equal to nothing."""
    return values.map(format_value) == format_value(value)
