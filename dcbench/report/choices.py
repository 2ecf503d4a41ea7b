"""Sentences about the axes: which choice matters and by how much, whether libraries are interchangeable, what depends.

In: an Analysis. Out: a Sentence for each choice of the matrix, however many values it has. A dataset is a condition:
effects are means over all of them, and none is called better.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from dcbench.analysis import CONDITIONS, Analysis, column
from dcbench.report.words import TIMES, Kind, Sentence, Tone, count, listed, number, share, signed, times
from dcbench.spec import STAGE_BACKENDS, shown
from dcbench.statistics.finals import CLUSTERING
from dcbench.statistics.intervals import ALPHA, FEWEST_SEEDS

BACKENDS = {"backend", *STAGE_BACKENDS}

PAIRWISE = 3
"""Values of a library's axis up to which each two are compared in a sentence; of other axes two are."""

MOST = 3
"""Interactions that are told, the largest first."""

FASTER = {"better": "faster", "worse": "slower", "same": "as fast", "cannot tell": "cannot tell"}
TOLD = ("better", "worse", "higher", "lower")


def value(found: object) -> str:
    """A value of an axis inside a sentence, quoted where it is several."""
    text = shown(found)
    return f"\N{LEFT DOUBLE QUOTATION MARK}{text}\N{RIGHT DOUBLE QUOTATION MARK}" if ", " in text else text


def is_condition(axis: str) -> bool:
    """Whether the axis, or one that moves with it, is what is tried on and no choice."""
    return any(name in CONDITIONS for name in axis.split(" + "))


def is_backend(axis: str) -> bool:
    """Whether the axis chooses nothing but libraries."""
    return BACKENDS.issuperset(axis.split(" + "))


def sentences(told: Analysis) -> Iterator[Sentence]:
    """What each choice did, the libraries, the conditions, and what depends on what."""
    if told.quality not in told.levels["metric"].array:
        return
    choices = sorted((axis for axis in told.axes if not is_condition(axis)), key=is_backend)
    if choices and without_verdicts(told):
        yield _points_only(told, "backend" if is_backend(choices[0]) else "choice")
    for axis in choices:
        yield from _choice(told, axis)
    for axis in told.axes:
        if is_condition(axis):
            yield _condition(told, axis)
    yield from _interactions(told)


def without_verdicts(told: Analysis) -> bool:
    """Whether no swap has the seeds that a verdict needs."""
    lines = told.effects[told.effects["metric"] == told.quality]
    return not lines.empty and bool(lines["seeds"].max() < FEWEST_SEEDS)


def _points_only(told: Analysis, kind: Kind) -> Sentence:
    seeds = count(told.found.runs["seed"].nunique(), "seed")
    text = f"{seeds}: points only, no interval and no verdict. Give the matrix {FEWEST_SEEDS} seeds or more."
    return Sentence(kind, text, "rules", "", "no verdicts", "open")


def _choice(told: Analysis, axis: str) -> Iterator[Sentence]:
    swaps = _swaps(told, axis, told.quality)
    if swaps.empty:
        text = "no two finished runs differ in it alone, so nothing can be said of it."
        yield Sentence("backend" if is_backend(axis) else "choice", text, "coverage", axis, "no pairs", "open")
    elif is_backend(axis) and len(told.axes[axis]) <= PAIRWISE:
        yield from (_libraries(told, swap) for _, swap in swaps.iterrows())
    elif len(told.axes[axis]) == 2:
        yield _swap(told, swaps.iloc[0])
    else:
        yield _summary(told, axis, swaps)


def _swaps(told: Analysis, axis: str, metric: str) -> pd.DataFrame:
    return told.effects[(told.effects["axis"] == axis) & (told.effects["metric"] == metric)]


# --- one swap -------------------------------------------------------------------------------


def _swap(told: Analysis, swap: pd.Series) -> Sentence:
    """One value instead of the other."""
    along = f" (with {swap['brings']})" if swap["brings"] else ""
    text = f"{_instead(swap)}{along} {_changes(swap)}.{_time(told, swap)}"
    return Sentence("choice", text, "effects", swap["axis"], _word(swap), _tone(swap))


def _libraries(told: Analysis, swap: pd.Series) -> Sentence:
    """One library instead of the other: quality and time side by side."""
    words = {"same": "interchangeable", "cannot tell": "cannot tell", "too few seeds": ""}
    verdict = words.get(swap["verdict"], "not interchangeable")
    text = f"{_instead(swap)} {_changes(swap)}.{_time(told, swap, CLUSTERING, 'seconds')}"
    return Sentence("backend", text, "backends", swap["axis"], verdict, _tone(swap))


def _instead(swap: pd.Series) -> str:
    return f"{value(swap['after'])} instead of {value(swap['before'])}"


def _changes(swap: pd.Series) -> str:
    """What the swap does to the metric, in words that its verdict allows."""
    label, mean = column(swap["metric"]).label, signed(swap["mean"])
    if swap["verdict"] == "too few seeds":
        improved = f"higher in {share(swap['improved'])} of {count(swap['pairs'], 'pair')}"
        return f"moves {label} by {mean} in the mean, {improved}{_left_out(swap)}"
    spread = f" (95\N{NO-BREAK SPACE}% interval {signed(swap['low'])} to {signed(swap['high'])}; {_on(swap)})"
    if swap["verdict"] == "same":
        return f"leaves {label} the same within ±{swap['margin']:g}: {mean}{spread}"
    if swap["verdict"] == "cannot tell":
        corrected = f", not told apart among all swaps (p = {swap['p_holm']:.2g} by Holm)" if swap["p"] < ALPHA else ""
        return f"may or may not change {label}: {mean}{spread}{corrected}"
    return f"{'raises' if swap['mean'] > 0 else 'lowers'} {label} by {number(abs(swap['mean']))}{spread}"


def _on(line: pd.Series) -> str:
    """What a mean stands on."""
    return f"{count(line['cells'], 'cell')} {TIMES} {count(line['seeds'], 'seed')}{_left_out(line)}"


def _left_out(line: pd.Series) -> str:
    left = count(line["left_out"], "pair") if line["left_out"] else ""
    return f", {left} left out" if left else ""


def _time(told: Analysis, swap: pd.Series, *metrics: str) -> str:
    """What the swap does to the times, as a sentence of its own; nothing where none is known."""
    parts = []
    for metric in metrics or ("seconds",):
        found = _swaps(told, swap["axis"], metric)
        found = found[(found["before"] == swap["before"]) & (found["after"] == swap["after"])]
        parts += [_ratio(line) for _, line in found.iterrows()]
    return f" {'; '.join(parts).capitalize()}." if parts else ""


def _ratio(line: pd.Series) -> str:
    text = f"{column(line['metric']).label} {times(line['mean'])}"
    if line["verdict"] == "too few seeds":
        return text
    return f"{text} ({times(line['low'])} to {times(line['high'])}, {FASTER[line['verdict']]})"


def _word(swap: pd.Series) -> str:
    """The verdict in a word or two: which of the two is better, same, cannot tell; none below three seeds."""
    if swap["verdict"] in ("better", "worse"):
        return f"{value(swap['after' if swap['verdict'] == 'better' else 'before'])} better"
    return "" if swap["verdict"] == "too few seeds" else str(swap["verdict"])


def _tone(swap: pd.Series) -> Tone:
    tones: dict[str, Tone] = {"same": "same", "cannot tell": "open", "too few seeds": "plain"}
    return tones.get(swap["verdict"], "told")


# --- many values ----------------------------------------------------------------------------


def _summary(told: Analysis, axis: str, swaps: pd.DataFrame) -> Sentence:
    """An axis of many values: its highest and lowest, and how many of its swaps are told apart."""
    levels = told.levels[(told.levels["axis"] == axis) & (told.levels["metric"] == told.quality)]
    verdicts = swaps["verdict"].value_counts()
    text = f"{_ends(told, levels)}{_among(levels, swaps)}{_counts(verdicts, swaps)}"
    verdict, tone = _matters(verdicts)
    if is_backend(axis):
        return Sentence("backend", text, "backends", axis, verdict, tone)
    return Sentence("choice", text, "effects", axis, verdict, tone)


def _ends(told: Analysis, levels: pd.DataFrame) -> str:
    if levels.empty:
        return "its values share no cell and seed, so they are compared two by two only."
    label, ordered = column(told.quality).label, levels.sort_values("mean", ascending=False, kind="stable")
    best, worst = ordered.iloc[0], ordered.iloc[-1]
    ends = [f"{value(end['value'])} ({number(end['mean'])})" for end in (best, worst)]
    return f"{label} is highest at {ends[0]}, lowest at {ends[1]}; {_on(best)}."


def _among(levels: pd.DataFrame, swaps: pd.DataFrame) -> str:
    """From how many of the others the highest value is told apart."""
    if levels.empty or (swaps["verdict"] == "too few seeds").all():
        return ""
    best = levels.sort_values("mean", ascending=False, kind="stable")["value"].iloc[0]
    against = swaps[_is(swaps["before"], best) | _is(swaps["after"], best)]["verdict"]
    return f" {value(best)} is told apart from {int(against.isin(TOLD).sum())} of the {len(against)} others."


def _is(values: pd.Series, wanted: Any) -> pd.Series:
    return values.map(shown) == shown(wanted)


def _counts(verdicts: pd.Series, swaps: pd.DataFrame) -> str:
    """How many swaps of two values have which verdict; nothing below three seeds."""
    apart = int(sum(verdicts.get(word, 0) for word in TOLD))
    if apart + verdicts.get("same", 0) + verdicts.get("cannot tell", 0) == 0:
        return ""
    same = f"{verdicts.get('same', 0)} the same within ±{swaps['margin'].iloc[0]:g}"
    parts = [f"{apart} told apart", same, f"{verdicts.get('cannot tell', 0)} cannot be told"]
    return f" Of {count(len(swaps), 'swap')}, {listed(parts)}."


def _matters(verdicts: pd.Series) -> tuple[str, Tone]:
    if any(word in verdicts for word in TOLD):
        return "matters", "told"
    if "cannot tell" in verdicts:
        return "cannot tell", "open"
    return ("same", "same") if "same" in verdicts else ("", "plain")


# --- conditions and interactions ------------------------------------------------------------


def _condition(told: Analysis, axis: str) -> Sentence:
    """What the scores are like under each value of what is no choice."""
    levels = told.levels[(told.levels["axis"] == axis) & (told.levels["metric"] == told.quality)]
    label = column(told.quality).label
    parts = [f"{number(line['mean'])} on {value(line['value'])}" for _, line in levels.iterrows()]
    if len(parts) > 2 * MOST:
        parts = [*parts[:MOST], f"… {len(parts) - MOST} more"]
    text = f"{label} is {listed(parts)}; no choice, so none of them is better." if parts else "no matched runs."
    return Sentence("choice", f"{text} Effects are means over all of them.", "effects", axis, "condition")


def _interactions(told: Analysis) -> Iterator[Sentence]:
    """Which swaps do more or less where another axis has another value."""
    lines = told.interactions[told.interactions["metric"] == told.quality]
    judged = lines[lines["seeds"] >= FEWEST_SEEDS]
    found = judged[judged["verdict"].isin(TOLD)]
    found = found.reindex(found["mean"].abs().sort_values(ascending=False).index)
    for line in (_choice_first(line) for _, line in found.head(MOST).iterrows()):
        yield Sentence("choice", _depends(line), "effects", f"{line['axis']} by {line['with_axis']}", "depends", "told")
    if len(found) > MOST:
        text = f"{len(found) - MOST} more pairs of swaps act on each other; they stand in the table."
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


def _depends(line: pd.Series) -> str:
    where = f"{line['with_axis']} {value(line['with_after'])} than with {value(line['with_before'])}"
    size = f"{number(abs(line['mean']))} {'higher' if line['mean'] > 0 else 'lower'}"
    limits = f"{signed(line['low'])} to {signed(line['high'])}"
    spread = f"(95\N{NO-BREAK SPACE}% interval of the difference {limits}; {_on(line)})"
    effect = f"The effect of {_instead(line)} on {column(line['metric']).label}"
    return f"{effect} is {size} with {where} {spread}."
