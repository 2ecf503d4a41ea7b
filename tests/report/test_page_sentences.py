"""Every sentence of three committed matrices, and every number in it, follows from data.parquet and the raw files.

The pages are written anew. What each sentence should say is computed by tests/helpers/independent_results.py, which
uses nothing of dcbench, and compared by tests/helpers/sentence_checkers.py. A sentence that no checker knows is a
failure. Planted faults show that the checkers notice.
"""

import ast
import copy
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, stats

from dcbench import registry
from dcbench.core.store.run_dir import MatrixDir
from dcbench.report.writing import ReportSettings, write_report
from tests.helpers import independent_results, independent_statistics, page_sentences, sentence_checkers
from tests.helpers.independent_results import MatrixResults
from tests.helpers.independent_statistics import floor_of, holm, median_time, moderate, student
from tests.helpers.page_sentences import Item, read_answers
from tests.helpers.paths import TOP
from tests.helpers.sentence_checkers import SCORE, check_item, check_page

MATRICES = ("small_cpu", "backends", "mnist_cifar_cpu")


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Write the three reports without figures, whose sentences need none; return their results and items."""
    out = tmp_path_factory.mktemp("reports")
    names = registry.plugin_names
    written = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registry, "plugin_names", lambda kind: [] if kind == "figures" else names(kind))
        for name in MATRICES:
            folder = TOP / "results" / name
            report = write_report(MatrixDir(folder), out, ReportSettings(formats=("parquet",)))
            written[name] = MatrixResults(out / name / "data.parquet", folder), read_answers(report.page.read_text())
    return written


@pytest.mark.parametrize("name", MATRICES)
def test_every_sentence_is_true(pages, name):
    check_page(*pages[name])


@pytest.mark.parametrize("name", MATRICES)
def test_data_parquet_has_every_row_of_every_run(pages, name):
    results, _ = pages[name]
    raw = results.raw[results.raw["method"] == "deepcluster"]
    for run, rows in results.rows.groupby("run_id"):
        metrics = pd.read_csv(TOP / "results" / name / run / "metrics.csv")
        written = rows[metrics.columns].to_numpy(dtype=float)
        assert np.array_equal(written, metrics.to_numpy(dtype=float), equal_nan=True)
    assert set(results.rows["run_id"]) == set(raw.index)


def test_the_computation_uses_nothing_of_dcbench():
    helpers = (independent_statistics, independent_results, page_sentences, sentence_checkers)
    names = {module.__name__ for module in helpers}
    for module in helpers:
        nodes = list(ast.walk(ast.parse(Path(module.__file__).read_text())))
        imported = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
        imported += [node.module for node in nodes if isinstance(node, ast.ImportFrom)]
        outside = {name.partition(".")[0] for name in imported if name not in names}
        assert outside <= {"numpy", "pandas", "scipy", "pytest", *sys.stdlib_module_names}, module


# --- planted faults -------------------------------------------------------------------------

FAULTS = {
    "a mean": ("small_cpu", "optimizer", "+0.013", "+0.014"),
    "a sign": ("small_cpu", "optimizer", "cifar10: −0.006", "cifar10: +0.006"),
    "a limit": ("small_cpu", "top_optimizer", "−0.004 to +0.042", "−0.005 to +0.042"),
    "a verdict in words": ("small_cpu", "backend", "leaves it the same on cifar10",
        "may or may not change it on cifar10"),
    "a faster library": ("small_cpu", "backend", "faster", "slower"),
    "a dropped seed": ("small_cpu", "optimizer", "× 3 seeds", "× 2 seeds"),
    "a dropped cell": ("small_cpu", "mnist", "8 cells", "7 cells"),
    "a margin": ("small_cpu", "backend", "±0.016", "±0.02"),
    "a margin of all": ("small_cpu", "measure", "±0.02", "±0.03"),
    "swapped datasets": ("small_cpu", "dataset", "on mnist and 0.101 on cifar10", "on cifar10 and 0.101 on mnist"),
    "swapped values": ("small_cpu", "optimizer", "Using adam instead of sgd", "Using sgd instead of adam"),
    "what else changes": ("small_cpu", "optimizer", "lr 0.05", "lr 0.5"),
    "the number of copies": ("small_cpu", "backend", "22 different", "23 different"),
    "a p value": ("small_cpu", "mnist", "0.0496", "0.0396"),
    "a corrected p value": ("small_cpu", "mnist", "0.0993", "0.0496"),
    "a missing correction": ("small_cpu", "mnist", " By itself", None),
    "a ruler that is certain": ("small_cpu", "cifar10", "undecided under own", "undecided under knn"),
    "a ruler's mean": ("small_cpu", "mnist, pixels", "probe (+0.173)", "probe (+0.137)"),
    "another level of pixels": ("small_cpu", "cifar10, pixels", "pixels (0.109)", "pixels (0.119)"),
    "another ruler's verdict": ("small_cpu", "ruler", "better by pca and knn", "better by pca and l2"),
    "a floor": ("small_cpu", "noise on mnist", "less than 0.068", "less than 0.086"),
    "a root mean square": ("small_cpu", "noise on cifar10", "root mean square 0.006", "root mean square 0.060"),
    "the pairs of a floor": ("small_cpu", "noise on mnist", "7 pairs", "8 pairs"),
    "the source of a floor": ("mnist_cifar_cpu", "noise on cifar10", "that differ only in how their libraries round",
        "with 1 and with 3 input channels, which is the same for images of one channel"),
    "the side of a floor": ("mnist_cifar_cpu", "arch", "above the noise floor", "below the noise floor"),
    "the highest value": ("mnist_cifar_cpu", "input_channels", "highest at 1 (0.442)", "highest at 2 (0.442)"),
    "a ceiling": ("mnist_cifar_cpu", "supervised", "0.501", "0.701"),
    "the health": ("mnist_cifar_cpu", "health", "41 are degenerate and 19 are collapsed",
        "42 are degenerate and 18 are collapsed"),
    "runs that settle": ("backends", "stability", "in 0 of", "in 1 of"),
    "a copy": ("backends", "whiten_backend", "In each of the 9 pairs", "In each of the 8 pairs"),
    "what axes share": ("small_cpu", "axes", "first centroids for backend", "first batch for backend"),
    "a share of the time": ("backends", "stages", "(40 %)", "(41 %)"),
    "a minute": ("backends", "", "8 min", "9 min"),
    "the baselines": ("small_cpu", "timing", "66 runs", "48 runs"),
    "an unknown sentence": ("small_cpu", "checks", "passed.", "passed. All is well."),
}  # fmt: skip
"""What is wrong -> the matrix, the item, the words and those that replace them; None cuts the sentence."""


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_in_the_text_is_noticed(pages, fault):
    name, about, words, others = FAULTS[fault]
    results, items = pages[name]
    item = next(item for item in items if item.about == about and words in item.text)
    check_item(results, item)
    faulty = copy.copy(item)
    if others is None:
        others, words = "", next(text for text in item.sentences if text.startswith(words.strip())) + " "
    faulty.text = item.text.replace(words, others, 1)
    assert faulty.text != item.text
    with pytest.raises(AssertionError):
        check_item(results, faulty)


@pytest.mark.parametrize("about", ["optimizer", "dataset", "interactions", "cifar10", "ruler", "checks"])
def test_a_wrong_verdict_is_noticed(pages, about):
    results, items = pages["small_cpu"]
    item = copy.copy(next(item for item in items if item.about == about))
    item.verdict = "better"
    with pytest.raises(AssertionError):
        check_item(results, item)


def test_a_missing_item_is_noticed(pages):
    results, items = pages["small_cpu"]
    with pytest.raises(AssertionError):
        check_page(results, [item for item in items if item.about != "noise on mnist"])


@pytest.mark.parametrize("about", ["optimizer", "mnist", "dataset", "noise on mnist"])
def test_a_fault_in_the_data_is_noticed(pages, about):
    results, items = pages["small_cpu"]
    changed = copy.copy(results)
    changed.finals = results.finals.copy()
    is_one = (changed.finals[["dataset", "optimizer", "backend"]] == ["mnist", "adam", "sklearn"]).all(axis=1)
    changed.finals.loc[is_one, SCORE] += 0.05
    for cache in ("_effects", "_intervals"):
        changed.__dict__.pop(cache, None)
    with pytest.raises(AssertionError):
        check_item(changed, next(item for item in items if item.about == about))


# --- the independent statistics -------------------------------------------------------------


def test_one_swap_by_itself_has_students_t():
    means = np.array([0.1, 0.3, 0.2])
    (mean,) = moderate({"swap": means}).values()
    expected = student(means, 0.05)
    assert mean.interval(0.95) == pytest.approx((expected["low"], expected["high"]), rel=1e-4)
    assert mean.p == pytest.approx(expected["p"], rel=1e-3)
    assert mean.p_same(0.05) == pytest.approx(expected["p_same"], rel=1e-4)


def test_a_family_agrees_with_an_adaptive_integral():
    family = {"one": np.array([0.1, 0.3, 0.2]), "other": np.array([0.0, 0.02, 0.07])}
    variances = [means.var(ddof=1) for means in family.values()]

    def density(log_prior, inverse_d0, tail):
        prior, d0 = np.exp(log_prior), 1 / inverse_d0
        seen = np.prod([stats.f.pdf(variance / prior, 2, d0) / prior for variance in variances])
        scale = np.sqrt((d0 * prior + 2 * variances[0]) / (d0 + 2) / 3)
        return seen * (stats.t.sf(0.2 / scale, d0 + 2) if tail else 1)

    total, beyond = (integrate.dblquad(density, 0.001, 1, -25, 15, args=(tail,), epsrel=1e-4)[0] for tail in (0, 1))
    assert moderate(family)["one"].p == pytest.approx(2 * beyond / total, rel=0.01)


def test_holm_and_kaplan_and_the_floor_by_hand():
    assert holm(pd.Series([0.01, 0.04, 0.03])).tolist() == pytest.approx([0.03, 0.06, 0.06])
    times, reached = pd.Series([1.0, 2, 2, 3]), pd.Series([True, True, False, False])
    assert median_time(times, reached) == 2.0, "3/4, and of the three left one: 3/4 · 2/3 = 1/2"
    floor = floor_of([np.array([0.0, 0.2]), np.array([0.5, 0.4])])
    assert floor["rms"] == pytest.approx(np.sqrt((0.2**2 + 0.1**2) / 2))
    assert floor["floor"] == pytest.approx(4.302653 * floor["rms"], rel=1e-6)


def test_an_item_is_read_without_its_link():
    text = """<section id="answers"><div><h3>Why?</h3><ul><li><strong>k</strong> <span class="verdict">no</span> At 1.5,
    a &amp; b. So is c. <a href="#x">evidence</a></li></ul></div></section><section id="x"><ul><li>No.</li></ul>"""
    (item,) = read_answers(text)
    assert item == Item("Why?", "k", "no", "At 1.5, a & b. So is c.")
    assert item.sentences == ["At 1.5, a & b.", "So is c."]
