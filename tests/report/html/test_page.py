"""The page of whatever the results are: whole, true, escaped; figures are left out but where they are asked about."""

import base64
import hashlib
import itertools
import re
from dataclasses import replace

import pandas as pd
import pytest

from dcbench.analysis.summary import analyse
from dcbench.audit.axes import Audit
from dcbench.audit.run_checks import CheckFailure
from dcbench.report.figures import DrawnFigure, draw_figures
from tests.helpers.analyses import FULL, make_results
from tests.helpers.learning import pixels
from tests.helpers.pages import NAMES, TEXT, Page, html, read
from tests.helpers.svg import drawn


@pytest.fixture(scope="module")
def whole():
    return html(make_results(TEXT))


def test_answers_stand_first_each_with_its_evidence(whole):
    told = Page(whole)
    assert told.text.index("Which choices matter?") < told.text.index("What each choice does Matched pairs")
    assert "Using adam instead of sgd" in told.text and "sklearn instead of faiss" in told.text
    evidence = [one for one in told.all("a") if one.get("aria-label", "").startswith("evidence: ")]
    assert len(evidence) > 8 and all(one["href"][1:] in told.ids for one in evidence)


@pytest.mark.slow
def test_the_page_of_288_runs_of_100_epochs_is_below_5_mb(tmp_path):
    found = make_results(FULL.replace("epochs: 5", "epochs: 100"))
    text = html(found, figures=draw_figures(analyse(found), tmp_path, []))
    assert len(found.runs) == 288 and len(found.rows) == 288 * 101 and text.count("<svg") > 15
    assert len(text.encode()) < 5e6


def test_rules_and_the_matrix_file_are_printed(whole):
    told = Page(whole)
    assert "How the verdicts are made" in told.text and "last row" in told.text and "±0.02" in told.text
    assert "The matrix file as it was run name: m" in told.text


def test_headings_go_down_one_level_at_a_time_and_landmarks_are_there(whole):
    told = Page(whole)
    levels = [int(tag[1]) for tag, _ in told.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    assert {"header", "nav", "main", "footer"} <= {tag for tag, _ in told.tags} and told.links[0] == "#main"
    assert all(one["scope"] for one in told.all("th"))


def test_only_this_script_may_run_and_nothing_may_be_asked_for(whole):
    (policy,) = [
        one["content"] for one in Page(whole).all("meta") if one.get("http-equiv") == "Content-Security-Policy"
    ]
    script = re.search(r"<script>(.*?)</script>", whole, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}' 'self'" in policy and policy.startswith("default-src 'none'")
    assert "http" not in policy and "unsafe-inline" not in policy.split("style-src")[0]
    assert not re.search(r"\son\w+=", whole.split("<script>")[0]), "no handlers in attributes"
    assert "eval(" not in script and "innerHTML" not in script


def test_every_run_is_in_the_table_and_on_the_map(whole):
    told = Page(whole)
    assert [one["id"] for one in told.all("tr") if "data-filters" in one] == [
        f"run-{number}" for number in range(1, 25)
    ]
    squares = [one for one in told.all("a") if "data-run" in one]
    assert sorted(int(one["data-run"]) for one in squares) == list(range(24))
    assert {one["href"] for one in squares} == {f"#run-{number}" for number in range(1, 25)}


def test_figures_stand_in_their_sections_with_their_words_and_a_caption_once():
    svg = drawn()
    figures = [
        DrawnFigure(name="forest", title="Effects", caption="What moves what.", note="A note.", svg=svg),
        DrawnFigure(name="curves_dataset", title="Curves by dataset", caption="Over epochs.", note="", svg=svg),
        DrawnFigure(
            name="curves_optimizer + lr", title="Curves by optimizer + lr", caption="Over epochs.", note="", svg=svg
        ),
        DrawnFigure(name="coverage", title="Coverage", caption="Replaced by a table.", note="", svg=svg),
        DrawnFigure(name="brand_new", title="New", caption="Of a plot that nobody has placed.", note="", svg=svg),
    ]
    text = html(make_results(TEXT), figures=figures)
    told = Page(text)
    places = {
        name: text.index(f'<section id="{name}"') for name in ("effects", "rules", "curves", "cells", "more", "runs")
    }
    label = text.index('aria-label="Effects. What moves what. A note."')
    assert places["effects"] < label < places["rules"] and "figure-3" not in told.ids
    assert places["curves"] < text.index("Curves by optimizer + lr") < places["cells"]
    assert places["more"] < text.index("Of a plot that nobody has placed") < places["runs"]
    assert told.text.count("Over epochs.") == 1 and "Replaced by" not in text


# --- results that nobody wishes for ---------------------------------------------------------


def test_no_finished_run():
    told = read(make_results(TEXT, pending=range(24)))
    assert "No run is finished, so nothing was learned yet." in told.text and "24 pending" in told.text
    assert not told.all("select"), "there are no curves to choose"


def test_one_run():
    told = read(make_results(TEXT, failed=range(1, 24)))
    assert "No two finished runs differ in this choice alone" in told.text and "23 failed" in told.text


def test_one_seed():
    told = read(make_results(TEXT.replace("[0, 1, 2]", "[0]")))
    assert told.text.count("only point estimates, without intervals and verdicts") == 1 and "too few seeds" in told.text


def test_a_single_cell():
    told = read(make_results("name: m\nseeds: [0]\nsettings: {epochs: 1}\n"))
    assert "What each choice does" not in told.text and "The one planned run is done." in told.text


def test_all_collapsed():
    found = make_results(TEXT)
    facts = {"health": "collapsed", "health_why": "feature rank 1.01"}
    told = read(replace(found, runs=found.runs.assign(**facts), rows=found.rows.assign(**facts)))
    assert "0 of 24 finished runs learned something" in told.text and "none healthy" in told.text
    assert {one["class"] for one in told.all("a") if "data-run" in one} == {"square collapsed"}


def test_a_metric_that_half_the_runs_lack():
    found = make_results(TEXT)
    half = found.rows["nmi_true"].where(found.rows["optimizer"] == "sgd")
    told = read(replace(found, rows=found.rows.assign(nmi_true=half)))
    assert "12 of 24 finished runs have no NMI with the truth, so the effects on it leave them out." in told.text
    assert "optimizer no pairs" in told.text


def test_columns_of_nan():
    found = make_results(TEXT)
    nothing = dict.fromkeys(("nmi_true", "test_refit_nmi_true", "feature_rank", "seconds_pca"), float("nan"))
    told = read(replace(found, rows=found.rows.assign(**nothing)))
    assert "24 of 24 finished runs have no NMI with the truth" in told.text and "Which choices matter?" not in told.text


def test_names_that_mean_harm_are_text():
    found = make_results(TEXT.replace("optimizer: [sgd, adam]", "arch: [alexnet, vgg16]"))
    by = {"mnist": NAMES[0], "cifar10": NAMES[1]}
    runs, rows = (
        frame.assign(dataset=frame["dataset"].map(by), reason=NAMES[2], timing=NAMES[3])
        for frame in (found.runs, found.rows)
    )
    runs.loc[0, ["state", "kind", "reason"]] = ["failed", "error", NAMES[0]]
    found = replace(
        found, name=NAMES[0], runs=runs, rows=rows, varied=found.varied | {"dataset": list(by.values())}, notes=NAMES
    )
    audited = Audit(name="m", runs=1, axes=[], failures=[CheckFailure(run=NAMES[0], check=NAMES[1], message=NAMES[2])])
    facts = {NAMES[0]: [(name, 1) for name in NAMES]}
    text = html(found, audited, facts=facts)
    told = Page(text)
    assert told.open == [] and len(told.all("script")) == 2 and "alert(1)</script>" not in text
    assert all(name in "".join(told.texts) for name in NAMES)
    labels = {one["data-text"] for one in told.all("input") if "data-text" in one}
    assert {NAMES[0], NAMES[1]} <= labels


def test_baselines_warnings_and_provenance_have_their_places():
    line = pixels(state="failed", kind="error", reason="no data", seconds=None, test_refit_nmi_true=None)
    found = replace(make_results(TEXT), baselines=pd.DataFrame([line]), notes=["a torn line"])
    told = read(found, facts={"torch": [("2.9", 20), ("2.8", 4)], "device": [("cpu", 24)]})
    assert "24 runs and 1 baseline planned" in told.text
    assert "Read with care a torn line" in told.text and "Every baseline run (1 row)" in told.text
    assert re.search(r"torch 2.9 \(20 runs\) ?; 2.8 \(4 runs\)", told.text) and "1 failed" in told.text
