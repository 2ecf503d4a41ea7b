"""Check each sentence of a page against what follows from the results, which are computed without dcbench.

In: the results as independent_results.py reads them, and the items of a page. Out: an AssertionError where a sentence
is not true, or where none or several of the checkers know it.
"""

import re
from collections import Counter
from functools import cache

import numpy as np
import pandas as pd
import pytest

from tests.helpers.independent_results import BACKENDS, JUDGE, MARGIN, RULERS, STAGES
from tests.helpers.independent_statistics import ALPHA, median_time

SCORE = RULERS[JUDGE]
LABEL = "NMI with the truth, low whitened PCA"
JUDGING = f"the judging ruler {JUDGE}"

N = r"[+−]?\d+(?:\.\d+)?"
TIMES = rf"×{N}"
LIST = rf"[a-z_0-9]+ \({N}\)(?:(?:, | and )[a-z_0-9]+ \({N}\))*"
"""Rulers with their means."""
BASIS = r"(?P<cells>\d+) cells? × (?P<seeds>\d+) seeds?"
INTERVAL = rf"95 % interval (?P<low>{N}) to (?P<high>{N})"
UNCERTAINTY = rf"\({INTERVAL}; {BASIS}\)"

CHECKERS = []
"""Pairs of a pattern and a function that takes the results, the item and the match, and asserts that it is true."""


def sentence(*patterns):
    """Register a function for the sentences that match one of the patterns wholly."""

    def register(check):
        CHECKERS.extend((re.compile(pattern), check) for pattern in patterns)
        return check

    return register


def check_item(results, item):
    """Check the verdict of an item, and each of its sentences with the one checker that knows it."""
    assert item.verdict == find_verdict(results, item)
    for text in item.sentences:
        known = [(match, check) for pattern, check in CHECKERS if (match := pattern.fullmatch(text))]
        assert len(known) == 1, f"{len(known)} checkers know the sentence {text!r}"
        match, check = known[0]
        check(results, item, match)


# --- numbers in texts -----------------------------------------------------------------------


def assert_number(text, value, slack=0.0):
    """Assert that a text is the value, rounded to as many digits as it has.

    `slack` is for the limits of intervals, which the two computations integrate numerically.
    """
    number = float(text.strip("×").replace("−", "-"))
    digits = len(text.partition(".")[2])
    assert abs(number - value) <= 0.5 * 10**-digits + slack + 1e-9, f"{text} is not {value:.6g}"


def assert_difference(text, value, slack=0.0):
    """Assert the same of a difference, which has a sign unless it is rounded to 0."""
    assert_number(text, value, slack)
    assert (text[0] in "+−") == bool(float(text.strip("+−")))


def assert_significant(text, value, digits):
    """Assert that a text is the value, with as many significant digits."""
    assert float(text) == pytest.approx(value, rel=0.51 * 10 ** (1 - digits))
    assert len(text.replace(".", "").lstrip("0")) <= digits


def assert_limits(match, line):
    """Assert that the limits of a 95 % interval are those of a line of a table."""
    slack = 0.002 * (line["high"] - line["low"])
    for name in ("low", "high"):
        assert_difference(match[name], line[name], slack)


def assert_basis(match, cells, results):
    assert (int(match["cells"]), int(match["seeds"])) == (cells, len(results.seeds))


def assert_duration(text, seconds):
    """Assert that a text such as `14 min 05 s` or `13.5 s` is the duration."""
    if minutes := re.fullmatch(r"(\d+) min (\d+) s", text):
        assert int(minutes[1]) * 60 + int(minutes[2]) == round(seconds)
    else:
        assert_significant(text.removesuffix(" s"), seconds, 3)


def read_rulers(text):
    return dict(re.findall(rf"([a-z_0-9]+) \(({N})\)", text))


def assert_rulers(text, table):
    """Assert that a text names just the rulers of a table, each with its mean."""
    named = read_rulers(text or "")
    assert set(named) == set(table["ruler"])
    for ruler, mean in table.set_index("ruler")["mean"].items():
        assert_difference(named[ruler], mean)


# --- what an item is about ------------------------------------------------------------------


def find_swap(results, item):
    """Return the swap of an item: its axis and the two values, as the results have them."""
    after, before = re.match(r"Using (\S+) instead of (\S+)", item.text).groups()
    by_text = {str(value): value for value in results.axes[item.about]}
    return item.about, by_text[before], by_text[after]


def select(table, item):
    """Return the rows of the dataset that an item is about."""
    return table[table["dataset"] == item.about.removesuffix(", pixels")]


def choose_table(results, item):
    return select(leads_of(results) if item.about.endswith(", pixels") else gains_of(results), item)


@cache
def gains_of(results):
    return results.gains()


@cache
def leads_of(results):
    return results.leads()


@cache
def interactions_of(results):
    return results.interactions(SCORE)


def has_verdicts(results):
    return len(results.seeds) >= 3


def find_verdict(results, item):
    """Return the verdict that stands before the sentences of an item."""
    if item.text.startswith("Using "):
        return judge_swap(results, find_swap(results, item))
    if item.question == "Did training help?" and item.about not in ("stability", "health"):
        return judge_training(choose_table(results, item), item)
    if noise := re.fullmatch("noise on (.*)", item.about):
        return f"up to {results.noise_floor(noise[1], SCORE)['floor']:.2g}"
    if item.about == "ruler":
        return "depends" if disagreeing_swaps(results) else "agree"
    if item.about == "health":
        return "" if (results.health() == "healthy").any() else "none healthy"
    if item.text.startswith("With 1 seed"):
        return "no verdicts"
    fixed = {
        "dataset": "condition", "interactions": "none found", "timing": "read with care", "noise": "not known",
        "supervised": "no ceiling", "axes": "all act", "checks": "passed",
    }  # fmt: skip
    return "none" if item.question == "What is missing?" else fixed.get(item.about, "")


def judge_swap(results, swap):
    if not has_verdicts(results):
        return ""
    verdict = results.effect(swap, SCORE)["verdict"]
    parts = {dataset: results.effect(swap, SCORE, dataset)["verdict"] for dataset in results.datasets}
    undecided = [dataset for dataset, part in parts.items() if part == "cannot tell"]
    if {"better", "worse"} <= set(parts.values()):
        return "depends on the dataset"
    if verdict == "cannot tell" and 0 < len(undecided) < len(parts):
        return f"undecided on {' and '.join(undecided)}"
    if swap[0] in ("backend", *BACKENDS):
        return {"same": "interchangeable", "cannot tell": "cannot tell"}.get(verdict, "not interchangeable")
    return {"better": f"{swap[2]} better", "worse": f"{swap[1]} better"}.get(verdict, verdict)


def judge_training(table, item):
    decided = set(table["verdict"]) & {"up", "down"}
    if len(decided) > 1:
        return "depends"
    words = ("above", "below") if item.about.endswith(", pixels") else ("raised", "lowered")
    verdict = table.loc[table["ruler"] == JUDGE, "verdict"].item()
    return dict(zip(("up", "down"), words, strict=True)).get(verdict, verdict)


# --- Which choices matter? Are the libraries interchangeable? -------------------------------

USING = r"Using \S+ instead of \S+(?: \(with (?P<brings>[^)]*)\))? "
PARTS = {
    "too few seeds": rf"changes (?:it|{LABEL}) on (?P<dataset>\w+) by (?P<mean>{N})"
    rf"(?:, (?P<side>below|above) the noise floor of (?P<floor>{N}))?",
    "same": rf"leaves (?:it|{LABEL}) the same on (?P<dataset>\w+) within ±(?P<margin>{N}): (?P<mean>{N}) "
    rf"\(90 % interval (?P<low_90>{N}) to (?P<high_90>{N})\)",
    "cannot tell": rf"may or may not change (?:it|{LABEL}) on (?P<dataset>\w+): (?P<mean>{N}) "
    rf"\({INTERVAL}(?:; p = (?P<p_holm>{N}) after Holm's correction)?\)",
    "better": rf"raises (?:it|{LABEL}) on (?P<dataset>\w+) by (?P<mean>{N}) \({INTERVAL}\)",
    "worse": rf"lowers (?:it|{LABEL}) on (?P<dataset>\w+) by (?P<mean>{N}) \({INTERVAL}\)",
}
"""Verdict on a swap on one dataset -> its words."""
ANY_PART = "(?:" + "|".join(re.sub(r"\?P<\w+>", "?:", part) for part in PARTS.values()) + ")"


@sentence(r"With 1 seed there are only point estimates, without intervals and verdicts\.")
def check_single_seed(results, item, match):
    assert results.finals["seed"].nunique() == 1 == len(results.seeds)


@sentence(r"Give the matrix at least 3 seeds\.")
def check_advice(results, item, match):
    assert len(results.seeds) < 3


@sentence(rf"{USING}(?P<parts>{ANY_PART}(?:; it {ANY_PART})*)\.")
def check_swap_on_each_dataset(results, item, match):
    swap = find_swap(results, item)
    check_conditions(results, item, match)
    parts = match["parts"].split("; it ")
    assert [re.search(r" on (\w+)", part)[1] for part in parts] == results.datasets
    for dataset, part in zip(results.datasets, parts, strict=True):
        effect = results.effect(swap, SCORE, dataset)
        words = re.fullmatch(PARTS[effect["verdict"]], part)
        assert words, f"the verdict is {effect['verdict']}"
        if effect["verdict"] in ("better", "worse"):  # the verb has the sign
            assert_number(words["mean"], abs(effect["mean"]))
        else:
            assert_difference(words["mean"], effect["mean"])
        named = words.groupdict()
        if "high" in named:
            assert_limits(words, effect)
        if "high_90" in named:
            assert_limits({"low": named["low_90"], "high": named["high_90"]}, choose_90(effect))
            assert_significant(named["margin"], results.margin(SCORE, dataset), 2)
        if effect["verdict"] == "cannot tell":
            assert (named["p_holm"] is not None) == (effect["p"] < ALPHA)
        if effect["verdict"] == "too few seeds":
            check_floor(results, dataset, words, effect["mean"])


def choose_90(effect):
    """Return the limits of the 90 % interval, which lies within the margin where the verdict is `same`."""
    return {"low": effect["low_90"], "high": effect["high_90"]}


def check_conditions(results, item, match):
    """Check what else the swap changes, and that copies among the pairs have a sentence of their own."""
    swap = find_swap(results, item)
    assert set((match["brings"] or "").split(", ")) - {""} == results.list_changes(swap)
    pairs, distinct = results.count_pairs(swap)
    assert ("training and clusters" in item.text) == (distinct < pairs)


def check_floor(results, dataset, match, difference):
    floor = results.noise_floor(dataset, SCORE)
    assert (match["floor"] is None) == (floor is None)
    if floor:
        assert_number(match["floor"], floor["floor"])
        assert match["side"] == ("below" if abs(difference) <= floor["floor"] else "above")


@sentence(rf"Over both, the mean change is (?P<mean>{N}) \((?:{INTERVAL}; )?{BASIS}\)\.")
def check_mean_over_datasets(results, item, match):
    assert len(results.datasets) == 2
    effect = results.effect(find_swap(results, item), SCORE)
    assert_difference(match["mean"], effect["mean"])
    assert_basis(match, effect["cells"], results)
    assert (match["low"] is not None) == has_verdicts(results)
    if has_verdicts(results):
        assert_limits(match, effect)
        # Its own sentence would say that only the correction keeps it from being a difference.
        assert effect["verdict"] != "cannot tell" or effect["p"] >= ALPHA


@sentence(rf"{USING}changes {LABEL} by (?P<mean>{N}) on average over {BASIS}\.")
def check_point_estimate(results, item, match):
    swap = find_swap(results, item)
    effect = results.effect(swap, SCORE)
    check_conditions(results, item, match)
    assert len(results.datasets) == 1 and effect["verdict"] == "too few seeds"
    assert results.noise_floor(results.datasets[0], SCORE) is None, "the sentence would compare with it"
    assert_difference(match["mean"], effect["mean"])
    assert_basis(match, effect["cells"], results)


@sentence(r"The (?P<pairs>\d+) pairs hold only (?P<distinct>\d+) different pairs? of runs\.")
def check_different_pairs(results, item, match):
    pairs, distinct = results.count_pairs(find_swap(results, item))
    assert (int(match["pairs"]), int(match["distinct"])) == (pairs, distinct) and distinct < pairs


@sentence(r"In the others, training and clusters repeat those of another pair, or are the same in both runs\.")
def check_other_pairs(results, item, match):
    _, distinct = results.count_pairs(find_swap(results, item))
    assert distinct > 0


@sentence(r"In each of the (?P<pairs>\d+) pairs, training and clusters are the same in both runs, to the last digit\.")
def check_copies(results, item, match):
    assert results.count_pairs(find_swap(results, item)) == (int(match["pairs"]), 0)


@sentence(
    rf"The time of (?P<what>clustering|the run) changes by (?P<mean>{TIMES})"
    rf"(?: \((?P<low>{TIMES}) to (?P<high>{TIMES}), (?P<verdict>cannot tell|faster|slower|equally fast))?\)?\."
)
def check_time(results, item, match):
    metric = "seconds_clustering" if match["what"] == "clustering" else "seconds"
    effect = results.effect(find_swap(results, item), metric)
    assert_number(match["mean"], np.exp(effect["mean"]))
    words = {"better": "faster", "worse": "slower", "same": "equally fast", "cannot tell": "cannot tell"}
    assert match["verdict"] == words.get(effect["verdict"])
    if has_verdicts(results):
        assert effect["verdict"] != "cannot tell" or effect["p"] >= ALPHA, "the sentence would name the correction"
        limits = choose_90(effect) if effect["verdict"] == "same" else effect
        for name in ("low", "high"):
            assert_number(match[name], np.exp(limits[name]), slack=0.002 * (effect["high"] - effect["low"]))


@sentence(
    rf"On (?P<dataset>\w+), {LABEL} is highest at (?P<best>\w+) \((?P<highest>{N})\) and lowest at (?P<worst>\w+) "
    rf"\((?P<lowest>{N}); the difference is (?P<side>below|above) the noise floor of (?P<floor>{N})\)\.",
    rf"Over both datasets, {LABEL} is highest at (?P<best>\w+) \((?P<highest>{N})\) and lowest at (?P<worst>\w+) "
    rf"\((?P<lowest>{N})\), over {BASIS}\.",
)
def check_levels(results, item, match):
    dataset = match.groupdict().get("dataset")
    runs = results.finals if dataset is None else results.finals[results.finals["dataset"] == dataset]
    levels = runs.groupby(item.about)[SCORE].mean()
    assert (match["best"], match["worst"]) == (str(levels.idxmax()), str(levels.idxmin()))
    assert_number(match["highest"], levels.max())
    assert_number(match["lowest"], levels.min())
    if dataset is None:
        assert len(results.datasets) == 2
        assert_basis(match, len(runs) // len(levels) // len(results.seeds), results)
    else:
        check_floor(results, dataset, match, levels.max() - levels.min())


@sentence(rf"{LABEL} is (?P<levels>{N} on \w+(?:(?:, | and ){N} on \w+)*)\.")
def check_condition(results, item, match):
    levels = results.finals.groupby(item.about)[SCORE].mean()
    named = dict(re.findall(rf"({N}) on (\w+)", match["levels"]))
    assert list(named.values()) == results.axes[item.about]
    for number, dataset in named.items():
        assert_number(number, levels[dataset])


@sentence(r"A condition is not a choice, so no value is better\.")
def check_no_value_is_better(results, item, match):
    assert item.about == "dataset" and item.verdict == "condition"


@sentence(r"All effects are means over all of these values\.")
def check_every_effect_has_every_dataset(results, item, match):
    for swap in results.list_swaps():
        pairs = results.difference(swap, SCORE)
        assert set(pairs.index.get_level_values("dataset")) == set(results.axes["dataset"])


@sentence(r"No two swaps were found to interact: it is undecided for all (?P<pairs>\d+) pairs\.")
def check_interactions(results, item, match):
    table = interactions_of(results)
    assert len(table) == int(match["pairs"]) and set(table["verdict"]) == {"cannot tell"}


# --- Did training help? ---------------------------------------------------------------------


@sentence(
    rf"On (?P<dataset>\w+), training may or may not change the mean score under {JUDGING}: the mean change is "
    rf"(?P<mean>{N}) {UNCERTAINTY}\.",
    rf"On (?P<dataset>\w+), the trained networks may or may not score above the best pixels \((?P<level>{N})\) under "
    rf"{JUDGING}: the mean difference is (?P<mean>{N}) {UNCERTAINTY}\.",
)
def check_undecided_training(results, item, match):
    table = choose_table(results, item)
    check_judging(results, item, match, "cannot tell")
    assert match["dataset"] == item.about.removesuffix(", pixels")
    assert judge_training(table, item) == "cannot tell", "otherwise the sentence names the rulers that disagree"
    if "level" in match.groupdict():
        assert_number(match["level"], table.loc[table["ruler"] == JUDGE, "level"].item())


@sentence(
    rf"Under {JUDGING}, it is undecided: the mean (?P<word>change|difference) is (?P<mean>{N}) {UNCERTAINTY}\.",
)
def check_undecided_judge(results, item, match):
    assert (match["word"] == "difference") == item.about.endswith(", pixels")
    check_judging(results, item, match, "cannot tell")


@sentence(rf"Under {JUDGING}, the difference is (?P<mean>{N}) {UNCERTAINTY}\.")
def check_decided_judge(results, item, match):
    check_judging(results, item, match, "up" if match["mean"].startswith("+") else "down")


def check_judging(results, item, match, verdict):
    """Check what a sentence says of the judging ruler."""
    table = choose_table(results, item)
    line = table[table["ruler"] == JUDGE].squeeze()
    assert line["verdict"] == verdict
    assert_difference(match["mean"], line["mean"])
    assert_limits(match, line)
    assert_basis(match, line["cells"], results)
    # The interval is not corrected; where it excludes 0 and there is no verdict, the next sentence says so.
    is_overruled = verdict == "cannot tell" and line["p"] < ALPHA
    assert is_overruled == ("By itself, this would be a difference" in item.text)


@sentence(
    rf"By itself, this would be a difference \(p = (?P<p>{N})\), but not after Holm's correction over the datasets "
    rf"\(p = (?P<p_holm>{N})\)\."
)
def check_overruled(results, item, match):
    table = choose_table(results, item)
    line = table[table["ruler"] == JUDGE].squeeze()
    assert line["p"] < ALPHA <= line["p_holm"]
    assert_significant(match["p"], line["p"], 3)
    assert_significant(match["p_holm"], line["p_holm"], 3)


OTHERS = {
    "up": "it rose|they score above",
    "down": "it fell|they score below",
    "same": "it stayed the same within the margin|they score as high within the margin",
    "cannot tell": "it is undecided",
}


@sentence(
    r"Under the other rulers, corrected for their number \(Holm\): "
    + "(?:; )?".join(rf"(?:(?:{words}) under (?P<{key.split()[0]}>{LIST}))?" for key, words in OTHERS.items())
    + r"\."
)
def check_other_rulers(results, item, match):
    table = choose_table(results, item)
    others = table[table["ruler"] != JUDGE]
    for verdict in OTHERS:
        assert_rulers(match[verdict.split()[0]], others[others["verdict"] == verdict])


@sentence(
    rf"On (?P<dataset>\w+), the answer depends on the ruler: training raised the mean score under (?P<up>{LIST}) and "
    rf"lowered it under (?P<down>{LIST})(?:; it left it the same within the margin under (?P<same>{LIST}))?"
    rf"(?:; it is undecided under (?P<cannot>{LIST}))?\.",
    rf"On (?P<dataset>\w+), it depends on the ruler whether the trained networks score above the best pixels: they do "
    rf"under (?P<up>{LIST}), and score below them under (?P<down>{LIST})"
    rf"(?:; they score as high within the margin under (?P<same>{LIST}))?"
    rf"(?:; it is undecided under (?P<cannot>{LIST}))?\.",
)
def check_rulers_that_differ(results, item, match):
    table = choose_table(results, item)
    assert match["dataset"] == item.about.removesuffix(", pixels")
    assert ("training" in match[0]) == (not item.about.endswith(", pixels"))
    for verdict in ("up", "down", "same"):
        assert_rulers(match[verdict], table[table["verdict"] == verdict])
    # The judging ruler has a sentence of its own where it tells nothing.
    undecided = table[(table["verdict"] == "cannot tell") & (table["ruler"] != JUDGE)]
    assert_rulers(match["cannot"], undecided)


@sentence(
    rf"On (?P<dataset>\w+), training changes the mean score under {JUDGING} by (?P<mean>{N}) \({BASIS}\)\.",
    rf"On (?P<dataset>\w+), the mean score of the trained networks less that of the best pixels \((?P<level>{N})\) is "
    rf"(?P<mean>{N}) under {JUDGING} \({BASIS}\)\.",
)
def check_point_of_training(results, item, match):
    table = choose_table(results, item)
    line = table[table["ruler"] == JUDGE].squeeze()
    assert match["dataset"] == item.about.removesuffix(", pixels")
    assert_difference(match["mean"], line["mean"])
    assert_basis(match, line["cells"], results)
    if "level" in match.groupdict():
        assert item.about.endswith(", pixels")
        assert_number(match["level"], line["level"])


@sentence(r"One seed is too few for an interval and a verdict\.")
def check_too_few_seeds(results, item, match):
    assert set(choose_table(results, item)["verdict"]) == {"too few seeds"} and len(results.seeds) == 1


@sentence(
    rf"For comparison, 95 % of the differences between two runs of the same experiment are below (?P<floor>{N})\."
)
def check_floor_beside_training(results, item, match):
    assert_number(match["floor"], results.noise_floor(item.about, SCORE)["floor"])


@sentence(rf"Under the other rulers, the (?P<word>change|difference) is: (?P<rulers>{LIST})\.")
def check_points_of_other_rulers(results, item, match):
    assert (match["word"] == "difference") == item.about.endswith(", pixels")
    table = choose_table(results, item)
    assert_rulers(match["rulers"], table[table["ruler"] != JUDGE])


@sentence(
    r"NMI epoch to epoch reaches (?P<level>[\d.]+) and stays there to the end in (?P<settled>\d+) of (?P<runs>\d+) "
    r"runs\."
)
def check_settling(results, item, match):
    table = results.settling(float(match["level"]))
    assert float(match["level"]) == 0.9
    assert (int(match["settled"]), int(match["runs"])) == (table["reached"].sum(), len(table))
    # The next sentence would name the epoch by which half of the runs have settled.
    assert np.isnan(median_time(table["time"], table["reached"].astype(bool)))


@sentence(r"At the end, (?P<states>.*), by a rule that never looks at the labels\.")
def check_health(results, item, match):
    counts = {state: int(count) for count, state in re.findall(r"(\d+) (?:runs? )?(?:is|are) (\w+)", match["states"])}
    assert counts == results.health().value_counts().to_dict()
    assert list(counts) == [state for state in ("healthy", "degenerate", "collapsed") if state in counts]


# --- What is missing? What did it cost? -----------------------------------------------------


@sentence(r"All (?P<runs>\d+) planned runs are done\.")
def check_states(results, item, match):
    planned = np.prod([len(values) for values in results.axes.values()]) * len(results.seeds)
    assert (results.raw["state"] == "done").all() and len(results.raw) == int(match["runs"])
    assert len(results.finals) == planned == len(results.raw) - len(results.baselines)


@sentence(
    r"The times of (?P<runs>\d+) runs add up to (?P<total>.*? s)(?:, (?P<baselines>.*? s) of it for baselines)?\."
)
def check_total_time(results, item, match):
    assert int(match["runs"]) == len(results.raw)
    assert_duration(match["total"], results.raw["seconds"].sum())
    assert (match["baselines"] is None) == results.baselines.empty
    if match["baselines"]:
        assert_duration(match["baselines"], results.baselines["seconds"].sum())


@sentence(
    r"The median run(?P<without>, without the baselines,)? took (?P<median>.*? s) \((?P<low>.*? s) to "
    r"(?P<high>.*? s)\)\."
)
def check_median_time(results, item, match):
    assert (match["without"] is None) == results.baselines.empty
    seconds = results.raw.loc[results.raw["method"] == "deepcluster", "seconds"]
    for name, value in {"median": seconds.median(), "low": seconds.min(), "high": seconds.max()}.items():
        assert_duration(match[name], value)


@sentence(r"Most of the time of the epochs went into (?P<stages>.*)\.")
def check_stages(results, item, match):
    spent = results.rows[[f"seconds_{stage}" for stage in STAGES]].sum()
    shares = (spent / spent.sum()).sort_values(ascending=False).head(3)
    named = re.findall(r"(\w+) \((\d+) %\)", match["stages"])
    assert [f"seconds_{stage}" for stage, _ in named] == shares.index.tolist()
    for (_, percent), share in zip(named, shares, strict=True):
        assert_number(percent, 100 * share)
    assert shares.sum() > 0.5


@sentence(r"(?P<runs>\d+) runs shared the device with other runs\.")
def check_shared_devices(results, item, match):
    assert results.raw["shared"].sum() == int(match["runs"]) == len(results.raw), "others would be named too"


@sentence(r"A shared device slows runs down, so compare their times with care\.")
def check_advice_on_times(results, item, match):
    assert results.raw["shared"].any()


# --- How far can it be trusted? -------------------------------------------------------------


@sentence(rf"Choices are judged by {LABEL} \(last row\)\.")
def check_measure(results, item, match):
    last = results.raw.loc[results.finals.index, ["epoch", SCORE]]
    assert (last["epoch"] == results.finals["epochs"]).all()
    assert last[SCORE].to_numpy() == pytest.approx(results.finals[SCORE].to_numpy(), rel=1e-12)


@sentence(
    r"A change within ±(?P<margin>[\d.]+), and within a tenth of the distance from chance to the best score on its "
    r"dataset, counts as the same\."
)
def check_margin(results, item, match):
    assert float(match["margin"]) == MARGIN
    assert all(results.margin(SCORE, dataset) <= MARGIN for dataset in results.datasets)


@sentence(rf"The ruler is {JUDGE}: a whitened PCA to as many dimensions as classes, clustered anew\.")
def check_ruler(results, item, match):
    assert results.rows[SCORE].notna().all(), "the default ruler judges only where it scored all rows"


@sentence(r"Each effect is a mean over (?P<seeds>\d+) seeds and (?P<cells>\d+) matched cells of this matrix\.")
def check_seeds(results, item, match):
    cells = {results.effect(swap, SCORE)["cells"] for swap in results.list_swaps()}
    values = results.axes.get("dataset", [])
    # The swaps of the dataset are effects too.
    cells |= {len(results.finals) // len(values) // len(results.seeds)} if len(values) > 1 else set()
    assert int(match["seeds"]) == len(results.seeds) and {int(match["cells"])} == cells


@sentence(
    r"The (?P<runs>\d+) finished runs hold (?P<trajectories>\d+) different trajectories: in the others, training and "
    r"clusters repeat those of another run to the last digit\."
)
def check_trajectories(results, item, match):
    assert int(match["runs"]) == len(results.finals)
    assert int(match["trajectories"]) == len(set(results.traces.values())) < len(results.finals)


SOURCES = {
    "channels": "with 1 and with 3 input channels, which is the same for images of one channel",
    "rounding": "that differ only in how their libraries round",
}


@sentence(
    rf"Two runs of the same experiment on (?P<dataset>\w+) differ by less than (?P<floor>{N}) in {LABEL} 95 times out "
    rf"of 100 \((?P<pairs>\d+) pairs (?P<source>.*); root mean square (?P<rms>{N})\)\."
)
def check_noise(results, item, match):
    floor = results.noise_floor(match["dataset"], SCORE)
    assert item.about == f"noise on {match['dataset']}"
    assert_number(match["floor"], floor["floor"])
    assert_number(match["rms"], floor["rms"])
    assert (int(match["pairs"]), match["source"]) == (floor["pairs"], SOURCES[floor["source"]])


@sentence(
    r"So a smaller difference between two single runs can be chance alone; a mean over several seeds can show less\.",
    r"Runs with other random numbers may differ by more: repeats: 2 in the matrix measures it\.",
)
def check_reading_of_noise(results, item, match):
    floor = results.noise_floor(item.about.removeprefix("noise on "), SCORE)
    assert ("repeats: 2" in item.text) == (floor["source"] == "rounding")


@sentence(r"How far two runs of the same experiment on (?P<datasets>.*) differ by chance is not known\.")
def check_unknown_noise(results, item, match):
    unknown = [dataset for dataset in results.datasets if results.noise_floor(dataset, SCORE) is None]
    assert match["datasets"].split(", ") == unknown


@sentence(r"With repeats: 2 in the matrix, each cell and seed runs twice with other random numbers, which tells\.")
def check_advice_on_noise(results, item, match):
    assert (results.rows["repeat"] == 0).all()


@sentence(
    rf"By {LABEL}, supervised networks score (?P<parts>.*), so they are no upper bound here\.",
)
def check_ceiling(results, item, match):
    part = rf"({N}) on (\w+), where the best cell or the untrained networks score ({N})"
    named = {dataset: (score, best) for score, dataset, best in re.findall(part, match["parts"])}
    found = {}
    for dataset in results.datasets:
        runs = results.finals[results.finals["dataset"] == dataset]
        best = max(runs.groupby(list(results.choices))[SCORE].mean().max(), results.first.loc[runs.index, SCORE].mean())
        references = results.baselines.query("method == 'supervised' and dataset == @dataset")
        if references[SCORE].mean() <= best:
            found[dataset] = references[SCORE].mean(), best
    assert set(named) == set(found)
    for dataset, numbers in named.items():
        for text, value in zip(numbers, found[dataset], strict=True):
            assert_number(text, value)


def disagreeing_swaps(results):
    """Return each swap whose verdict over all datasets is not that of every ruler, with the rulers by verdict."""
    table = {}
    for swap in results.list_swaps():
        verdicts = {ruler: results.effect(swap, metric)["verdict"] for ruler, metric in RULERS.items()}
        if len(set(verdicts.values())) > 1:
            table[swap] = verdicts
    return table


@sentence(r"The verdict depends on the ruler for (?P<count>\d+) swaps?: (?P<swaps>.*)\.")
def check_rulers_that_disagree(results, item, match):
    expected = disagreeing_swaps(results)
    words = {"undecided": "cannot tell", "the same": "same", "better": "better", "worse": "worse"}
    named = {}
    for swap in match["swaps"].split("; "):
        after, before, axis, verdicts = re.fullmatch(r"(\S+) instead of (\S+) \((\w+)\) is (.*)", swap).groups()
        _, *clauses = re.split(r"(?:^|, )(undecided|the same|better|worse) by ", verdicts)
        clauses = zip(clauses[::2], clauses[1::2], strict=True)
        rulers = {ruler: words[word] for word, names in clauses for ruler in re.split(", | and ", names)}
        named[axis, before, after] = rulers
    assert int(match["count"]) == len(expected)
    assert named == expected


EVIDENCE = {
    "dataset": "data.training.sha256", "arch": "network.layers", "input_channels": "probe.input_shape.0",
    "optimizer": "optimizers.trunk.class", "top_optimizer": "optimizers.head.class",
    **{name: f"stages.{name.removesuffix('_backend')}.function" for name in BACKENDS},
}  # fmt: skip
"""Axis -> what must differ in the audit.json of two runs that differ in it."""

SHARED = {
    "images": "data.training.indices", "weights": "network.initial", "first centroids": "first.centroids",
    "first assignment": "first.assignment", "first batch": "first.batch",
}  # fmt: skip


def look_up(facts, path):
    for key in path.split("."):
        facts = facts[int(key)] if isinstance(facts, list) else facts[key]
    return facts


@sentence(r"Every axis acts\.")
def check_axes_act(results, item, match):
    for axis in results.axes:
        paths = [EVIDENCE[name] for name in (BACKENDS if axis == "backend" else (axis,))]
        for one, other in results.pairs_of(axis):
            for path in paths:
                assert look_up(results.audits[one], path) != look_up(results.audits[other], path), (axis, path)


@sentence(r"Two runs that differ in one axis share at least (?P<shares>.*)\.")
def check_shared_random_numbers(results, item, match):
    named = []
    for part in match["shares"].split("; "):
        what, axes = (re.split(", | and ", words) for words in part.split(" for "))
        named += axes
        for axis in axes:
            for one, other in results.pairs_of(axis):
                for name in what:
                    facts = [look_up(results.audits[run], SHARED[name]) for run in (one, other)]
                    assert facts[0] == facts[1] is not None, (axis, name, one, other)
    assert Counter(named) == Counter(results.choices.keys())


@sentence(r"Runs that differ in (?P<axes>.*) need not share any random number\.")
def check_free_axes(results, item, match):
    assert match["axes"] == "dataset" and "dataset" in results.axes


@sentence(r"All audit checks of all (?P<runs>\d+) finished runs passed\.")
def check_audit(results, item, match):
    assert int(match["runs"]) == len(results.audits)
    for run, facts in results.audits.items():
        spec = results.raw.loc[run]
        due = {"kmeans", *(["pca"] if pd.notna(spec["pca_dim"]) else []), *(["whiten"] if spec["whiten"] else [])}
        assert set(facts["stages"]) == due and len(facts["passes"]) == spec["epochs"]
        assert facts["data"]["shared_indices"] == 0
        for record in facts["passes"]:
            assert record["trunk_moved"] > 0 and record["head_moved"] > 0 and record["frozen_moved"] == 0
            assert record["targets_differ"] == 0 and record["inputs_differ"] <= 1e-4
            assert record["share_error"] <= record["share_slack"]
            assert not record["misplaced"] and not record["shared"] and not record["strangers"]
        if spec["method"] == "deepcluster":
            assert facts["optimizers"]["trunk"]["class"] == spec["optimizer"]
            assert facts["optimizers"]["head"]["class"] == spec["top_optimizer"]
            assert facts["optimizers"]["trunk"]["lr"] == spec["lr"]
            assert facts["optimizers"]["head"]["lr"] == spec["top_lr"]


# --- the whole page -------------------------------------------------------------------------


def check_page(results, items):
    """Check each item, and that no item is missing that such results call for."""
    for item in items:
        check_item(results, item)
    about = Counter((item.question, item.about) for item in items)
    for axis, values in results.choices.items():
        is_backend = axis in ("backend", *BACKENDS)
        question = "Are the libraries interchangeable?" if is_backend else "Which choices matter?"
        # Each two libraries have an item of their own.
        assert about[question, axis] == (len(values) * (len(values) - 1) // 2 if is_backend else 1), axis
    has_pixels = (results.baselines["method"] == "pixels").any()
    for dataset in results.datasets:
        assert about["Did training help?", dataset] == 1
        assert about["Did training help?", f"{dataset}, pixels"] == has_pixels
        is_known = results.noise_floor(dataset, SCORE) is not None
        assert about["How far can it be trusted?", f"noise on {dataset}"] == is_known
    trust = ["measure", "axes", "checks", *(["seeds", "ruler"] if has_verdicts(results) else [])]
    assert all(about["How far can it be trusted?", name] == 1 for name in trust)
    assert about["Which choices matter?", "interactions"] == has_verdicts(results)
