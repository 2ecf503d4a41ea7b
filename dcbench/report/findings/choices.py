"""Sentences about the axes: which choice matters and by how much, whether libraries are interchangeable, what depends.

In: an Analysis. Out: a Sentence for each choice of the matrix, however many values it has. A dataset is a condition:
effects are means over all of them, and none is called better.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from dcbench.analysis.statistics.finals import CLUSTERING
from dcbench.analysis.statistics.interactions import by_value
from dcbench.analysis.statistics.intervals import ALPHA
from dcbench.analysis.statistics.matching import FEWEST_SEEDS
from dcbench.analysis.summary import Analysis, is_condition, metric_spec
from dcbench.core.spec import STAGE_BACKENDS, format_value
from dcbench.report.findings.wording import TIMES, Kind, Sentence, Tone, count, listed, number, signed, times

BACKENDS = {"backend", *STAGE_BACKENDS}

PAIRWISE = 3
"""Values of a library's axis up to which each two are compared in a sentence; of other axes two are."""

MOST = 3
"""Interactions that are told, the largest first."""

FASTER = {"better": "faster", "worse": "slower", "same": "as fast", "cannot tell": "cannot tell"}
TOLD = ("better", "worse", "higher", "lower")


def value(found: object) -> str:
    """A value of an axis inside a sentence, quoted where it is several."""
    text = format_value(found)
    return f"\N{LEFT DOUBLE QUOTATION MARK}{text}\N{RIGHT DOUBLE QUOTATION MARK}" if ", " in text else text


def is_backend(axis: str) -> bool:
    """Whether the axis chooses nothing but libraries."""
    return BACKENDS.issuperset(axis.split(" + "))


def what_choices_did(analysis: Analysis) -> Iterator[Sentence]:
    """What each choice did, the libraries, the conditions, and what depends on what."""
    if analysis.quality not in [one.name for one in analysis.outcomes]:
        return
    choices = sorted((axis for axis in analysis.axes if not is_condition(axis)), key=is_backend)
    if choices and without_verdicts(analysis):
        yield _points_only(analysis, "backend" if is_backend(choices[0]) else "choice")
    for axis in choices:
        yield from _choice(analysis, axis)
    for axis in analysis.axes:
        if is_condition(axis):
            yield _condition(analysis, axis)
    yield from _interactions(analysis)


def without_verdicts(analysis: Analysis) -> bool:
    """Whether no swap has the seeds that a verdict needs."""
    lines = analysis.effects[analysis.effects["metric"] == analysis.quality]
    return not lines.empty and bool(lines["seeds"].max() < FEWEST_SEEDS)


def _points_only(analysis: Analysis, kind: Kind) -> Sentence:
    """Why there are no verdicts: the matrix plans too few seeds, or too few of them have matched runs yet."""
    planned = analysis.results.runs["seed"].nunique()
    matched = int(analysis.effects.loc[analysis.effects["metric"] == analysis.quality, "seeds"].max())
    if planned < FEWEST_SEEDS:
        why = f"{count(planned, 'seed')}: points only, no interval and no verdict."
        text = f"{why} Give the matrix {FEWEST_SEEDS} seeds or more."
    else:
        text = f"Of {planned} planned seeds, {matched} can be matched so far: points only, no interval and no verdict."
    return Sentence(kind, text, "rules", "", "no verdicts", "open")


def _choice(analysis: Analysis, axis: str) -> Iterator[Sentence]:
    swaps = _swaps(analysis, axis, analysis.quality)
    if swaps.empty:
        yield Sentence(
            "backend" if is_backend(axis) else "choice", _unpaired(analysis, axis), "coverage", axis, "no pairs", "open"
        )
    elif is_backend(axis) and len(analysis.axes[axis]) <= PAIRWISE:
        yield from (_libraries(analysis, swap) for _, swap in swaps.iterrows())
    elif len(analysis.axes[axis]) == 2:
        yield _swap(analysis, swaps.iloc[0])
    else:
        yield _summary(analysis, axis, swaps)


def _unpaired(analysis: Analysis, axis: str) -> str:
    """Why nothing can be said of an axis by the metric that choices are judged by."""
    if (analysis.effects["axis"] == axis).any():
        return f"no two runs that differ in it alone both have {metric_spec(analysis.quality).label}; other metrics stand below."
    return "no two finished runs differ in it alone, so nothing can be said of it."


def _swaps(analysis: Analysis, axis: str, metric: str) -> pd.DataFrame:
    return analysis.effects[(analysis.effects["axis"] == axis) & (analysis.effects["metric"] == metric)]


# --- one swap -------------------------------------------------------------------------------


def _swap(analysis: Analysis, swap: pd.Series) -> Sentence:
    """One value instead of the other."""
    along = f" (with {swap['brings']})" if swap["brings"] else ""
    text = f"{_instead(swap)}{along} {_changes(swap)}.{_time(analysis, swap)}"
    return Sentence("choice", text, "effects", swap["axis"], _word(swap), _tone(swap))


def _libraries(analysis: Analysis, swap: pd.Series) -> Sentence:
    """One library instead of the other: quality and time side by side."""
    words = {"same": "interchangeable", "cannot tell": "cannot tell", "too few seeds": ""}
    verdict = words.get(swap["verdict"], "not interchangeable")
    text = f"{_instead(swap)} {_changes(swap)}.{_time(analysis, swap, CLUSTERING, 'seconds')}"
    return Sentence("backend", text, "backends", swap["axis"], verdict, _tone(swap))


def _instead(swap: pd.Series) -> str:
    return f"{value(swap['after'])} instead of {value(swap['before'])}"


def _changes(swap: pd.Series) -> str:
    """What the swap does to the metric, in words that its verdict allows."""
    label, mean = metric_spec(swap["metric"]).label, signed(swap["mean"])
    if swap["verdict"] == "too few seeds":
        return f"moves {label} by {mean} in the mean; {_ups_and_downs(swap)}{_left_out(swap)}"
    spread = f" (95\N{NO-BREAK SPACE}% interval {signed(swap['low'])} to {signed(swap['high'])}; {_on(swap)})"
    if swap["verdict"] == "same":
        narrow = f"90\N{NO-BREAK SPACE}% interval {signed(swap['low_90'])} to {signed(swap['high_90'])}"
        return f"leaves {label} the same within ±{swap['margin']:g}: {mean} ({narrow}; {_on(swap)})"
    if swap["verdict"] == "cannot tell":
        return f"may or may not change {label}: {mean}{spread}{_corrected(swap)}"
    return f"{'raises' if swap['mean'] > 0 else 'lowers'} {label} by {number(abs(swap['mean']))}{spread}"


def _ups_and_downs(swap: pd.Series) -> str:
    """In how many pairs the metric is higher, lower and equal; the metric is one that is better when higher."""
    higher, equal = (round(swap[name] * swap["pairs"]) for name in ("improved", "tied"))
    parts = [
        f"higher in {higher}",
        f"lower in {swap['pairs'] - higher - equal}",
        *([f"equal in {equal}"] if equal else []),
    ]
    return f"{listed(parts)} of {count(swap['pairs'], 'pair')}"


def _corrected(line: pd.Series) -> str:
    """Why an effect whose interval excludes none cannot be told all the same."""
    if line["verdict"] == "cannot tell" and line["p"] < ALPHA:
        return f", not told apart among all swaps (p = {line['p_holm']:.2g} by Holm)"
    return ""


def _on(line: pd.Series) -> str:
    """What a mean stands on."""
    return f"{count(line['cells'], 'cell')} {TIMES} {count(line['seeds'], 'seed')}{_left_out(line)}"


def _left_out(line: pd.Series) -> str:
    """How many of the planned pairs a swap stands on, where not all; of interactions, how many were dropped."""
    if "planned" in line:
        return f", {line['pairs']} of {line['planned']} planned pairs" if line["pairs"] < line["planned"] else ""
    return f", {count(line['left_out'], 'pair')} left out" if line["left_out"] else ""


def _time(analysis: Analysis, swap: pd.Series, *metrics: str) -> str:
    """What the swap does to the times, as a sentence of its own; nothing where none is known."""
    parts = []
    for metric in metrics or ("seconds",):
        found = _swaps(analysis, swap["axis"], metric)
        found = found[_is(found["before"], swap["before"]) & _is(found["after"], swap["after"])]
        parts += [_ratio(line) for _, line in found.iterrows()]
    text = "; ".join(parts)
    return f" {text[0].upper()}{text[1:]}." if parts else ""


def _ratio(line: pd.Series) -> str:
    text = f"{metric_spec(line['metric']).label} {times(line['mean'])}"
    if line["verdict"] == "too few seeds":
        return text
    limits = ("low_90", "high_90") if line["verdict"] == "same" else ("low", "high")
    low, high = (times(line[name]) for name in limits)
    among = f" among all swaps: p = {line['p_holm']:.2g} by Holm" if _corrected(line) else ""
    return f"{text} ({low} to {high}, {FASTER[line['verdict']]}{among})"


def _word(swap: pd.Series) -> str:
    """The verdict in a word or two: which of the two is better, same, cannot tell; none below three seeds."""
    if swap["verdict"] in ("better", "worse"):
        return f"{value(swap['after' if swap['verdict'] == 'better' else 'before'])} better"
    return "" if swap["verdict"] == "too few seeds" else str(swap["verdict"])


def _tone(swap: pd.Series) -> Tone:
    tones: dict[str, Tone] = {"same": "same", "cannot tell": "open", "too few seeds": "plain"}
    return tones.get(swap["verdict"], "told")


# --- many values ----------------------------------------------------------------------------


def _summary(analysis: Analysis, axis: str, swaps: pd.DataFrame) -> Sentence:
    """An axis of many values: its highest and lowest, and how many of its swaps are told apart."""
    levels = analysis.levels[(analysis.levels["axis"] == axis) & (analysis.levels["metric"] == analysis.quality)]
    verdicts = swaps["verdict"].value_counts()
    text = (
        f"{_ends(analysis, levels)}{_absent(analysis, axis, levels)}{_among(levels, swaps)}{_counts(verdicts, swaps)}"
    )
    every = len(analysis.axes[axis]) * (len(analysis.axes[axis]) - 1) // 2
    verdict, tone = _matters(verdicts, every)
    if is_backend(axis):
        return Sentence("backend", text, "backends", axis, verdict, tone)
    return Sentence("choice", text, "effects", axis, verdict, tone)


def _ends(analysis: Analysis, levels: pd.DataFrame) -> str:
    if levels.empty:
        return "its values share no cell and seed, so they are compared two by two only."
    label, ordered = metric_spec(analysis.quality).label, levels.sort_values("mean", ascending=False, kind="stable")
    best, worst = ordered.iloc[0], ordered.iloc[-1]
    ends = [f"{value(end['value'])} ({number(end['mean'])})" for end in (best, worst)]
    return f"{label} is highest at {ends[0]}, lowest at {ends[1]}; {_on(best)}."


def _absent(analysis: Analysis, axis: str, levels: pd.DataFrame) -> str:
    """How many values have no run to compare."""
    absent = len(analysis.axes[axis]) - len(levels)
    return f" {absent} of {len(analysis.axes[axis])} values have no matched run." if absent and len(levels) else ""


def _among(levels: pd.DataFrame, swaps: pd.DataFrame) -> str:
    """From how many of the others the highest value is told apart."""
    if levels.empty or (swaps["verdict"] == "too few seeds").all():
        return ""
    best = levels.sort_values("mean", ascending=False, kind="stable")["value"].iloc[0]
    against = swaps[_is(swaps["before"], best) | _is(swaps["after"], best)]["verdict"]
    return f" {value(best)} is told apart from {int(against.isin(TOLD).sum())} of the {len(against)} others."


def _is(values: pd.Series, wanted: Any) -> pd.Series:
    return values.map(format_value) == format_value(wanted)


def _counts(verdicts: pd.Series, swaps: pd.DataFrame) -> str:
    """How many swaps of two values have which verdict; nothing below three seeds."""
    apart = int(sum(verdicts.get(word, 0) for word in TOLD))
    if apart + verdicts.get("same", 0) + verdicts.get("cannot tell", 0) == 0:
        return ""
    same = f"{verdicts.get('same', 0)} the same within ±{swaps['margin'].iloc[0]:g}"
    few = verdicts.get("too few seeds", 0)
    parts = [f"{apart} told apart", same, f"{verdicts.get('cannot tell', 0)} cannot be told"]
    parts += [f"{few} with fewer than {FEWEST_SEEDS} seeds"] if few else []
    return f" Of {count(len(swaps), 'swap')}, {listed(parts)}."


def _matters(verdicts: pd.Series, every: int) -> tuple[str, Tone]:
    """The verdict on an axis with so many swaps of two of its values; same only where all of them are."""
    if any(word in verdicts for word in TOLD):
        return "matters", "told"
    if verdicts.get("same", 0) == every:
        return "same", "same"
    return ("cannot tell", "open") if {"same", "cannot tell"} & set(verdicts.index) else ("", "plain")


# --- conditions and interactions ------------------------------------------------------------


def _condition(analysis: Analysis, axis: str) -> Sentence:
    """What the scores are like under each value of what is no choice."""
    levels = analysis.levels[(analysis.levels["axis"] == axis) & (analysis.levels["metric"] == analysis.quality)]
    label = metric_spec(analysis.quality).label
    parts = [f"{number(line['mean'])} on {value(line['value'])}" for _, line in levels.iterrows()]
    if len(parts) > 2 * MOST:
        parts = [*parts[:MOST], f"… {len(parts) - MOST} more"]
    if not parts:
        return Sentence("choice", "its values share no cell and seed yet.", "effects", axis, "condition")
    text = f"{label} is {listed(parts)}; no choice, so none of them is better."
    mine = analysis.effects[(analysis.effects["metric"] == analysis.quality) & (analysis.effects["axis"] != axis)]
    whole = " Effects are means over all of them." if (mine["pairs"] == mine["planned"]).all() and len(mine) else ""
    return Sentence("choice", f"{text}{whole}", "effects", axis, "condition")


def _interactions(analysis: Analysis) -> Iterator[Sentence]:
    """Which swaps do more or less where another axis has another value."""
    lines = analysis.interactions[analysis.interactions["metric"] == analysis.quality]
    judged = lines[lines["seeds"] >= FEWEST_SEEDS]
    found = judged[judged["verdict"].isin(TOLD)]
    found = found.reindex(found["mean"].abs().sort_values(ascending=False).index)
    for line in (_choice_first(line) for _, line in found.head(MOST).iterrows()):
        yield Sentence(
            "choice", _depends(analysis, line), "effects", f"{line['axis']} by {line['with_axis']}", "depends", "told"
        )
    if len(found) > MOST:
        text = f"{count(len(found) - MOST, 'more pair')} of swaps act on each other, which the table has."
        yield Sentence("choice", text, "effects", "interactions")
    elif len(judged) and found.empty:
        yield Sentence("choice", _independent(judged), "effects", "interactions", "none found")


def _independent(judged: pd.DataFrame) -> str:
    same = int((judged["verdict"] == "same").sum())
    pairs, within = count(len(judged), "pair"), f"within ±{judged['margin'].iloc[0]:g}"
    if not same:
        told = f"whether they do cannot be told for any of {pairs}"
    elif same < len(judged):
        told = f"{same} of {pairs} do not, {within}; for the others it cannot be told"
    else:
        told = f"{pairs} looked at, {within}"
    return f"No two swaps are found to act on each other: {told}."


def _choice_first(line: pd.Series) -> pd.Series:
    """An interaction is the same either way round: the choice is what is swapped, the condition where."""
    if not is_condition(line["axis"]):
        return line
    turned = {"axis": "with_axis", "before": "with_before", "after": "with_after"}
    return line.rename(turned | {name: old for old, name in turned.items()})


def _depends(analysis: Analysis, line: pd.Series) -> str:
    """The effect of a swap at both values of the other axis, and their difference."""
    outcome = next(one for one in analysis.outcomes if one.name == line["metric"])
    swap = (line["axis"], line["before"], line["after"])
    both = {line["with_axis"]: [line["with_before"], line["with_after"]]}
    table = by_value(analysis.finals, {**analysis.axes, **both}, swap, line["with_axis"], outcome)
    each = [f"{signed(one['mean'])} with {line['with_axis']} {value(one['value'])}" for _, one in table.iterrows()]
    limits = f"{signed(line['low'])} to {signed(line['high'])}"
    spread = f"(95\N{NO-BREAK SPACE}% interval {limits}; {_on(line)})"
    moves = f"{_instead(line)} moves {metric_spec(line['metric']).label} by {listed(each)}"
    return f"{moves}: a difference of {signed(line['mean'])} {spread}."
