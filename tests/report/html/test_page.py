"""The HTML page of results of every kind is complete, correct and escaped; most tests leave out the figures."""

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
from tests.helpers.pages import NAMES, TEXT, Page, read_page, render_html
from tests.helpers.svg import draw_svg


@pytest.fixture(scope="module")
def page_html():
    return render_html(make_results(TEXT))


def test_the_page_starts_with_the_findings_and_links_to_their_evidence(page_html):
    page = Page(page_html)
    assert page.text.index("Which choices matter?") < page.text.index("What each choice does Matched pairs")
    assert "Using adam instead of sgd" in page.text and "sklearn instead of faiss" in page.text
    evidence = [link for link in page.all("a") if link.get("aria-label", "").startswith("evidence: ")]
    assert len(evidence) > 8 and all(link["href"][1:] in page.ids for link in evidence)


@pytest.mark.slow
def test_the_page_of_288_runs_of_100_epochs_is_below_5_mb(tmp_path):
    results = make_results(FULL.replace("epochs: 5", "epochs: 100"))
    text = render_html(results, figures=draw_figures(analyse(results), tmp_path, []))
    assert len(results.runs) == 288 and len(results.rows) == 288 * 101 and text.count("<svg") > 15
    assert len(text.encode()) < 5e6


def test_the_page_shows_the_rules_of_the_verdicts_and_the_matrix_file(page_html):
    page = Page(page_html)
    assert "How the verdicts are made" in page.text and "last row" in page.text and "±0.02" in page.text
    assert "The matrix file as it was run name: m" in page.text


def test_the_page_has_landmarks_and_headings_without_gaps_in_their_levels(page_html):
    page = Page(page_html)
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    assert {"header", "nav", "main", "footer"} <= {tag for tag, _ in page.tags} and page.links[0] == "#main"
    assert all(cell["scope"] for cell in page.all("th"))


def test_the_content_security_policy_allows_only_the_script_of_the_page(page_html):
    (policy,) = [
        meta["content"] for meta in Page(page_html).all("meta") if meta.get("http-equiv") == "Content-Security-Policy"
    ]
    script = re.search(r"<script>(.*?)</script>", page_html, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}' 'self'" in policy and policy.startswith("default-src 'none'")
    assert "http" not in policy and "unsafe-inline" not in policy.split("style-src")[0]
    assert not re.search(r"\son\w+=", page_html.split("<script>")[0]), "no event handlers in attributes"
    assert "eval(" not in script and "innerHTML" not in script


def test_every_run_is_in_the_table_and_on_the_coverage_map(page_html):
    page = Page(page_html)
    row_ids = [row["id"] for row in page.all("tr") if "data-filters" in row]
    assert row_ids == [f"run-{number}" for number in range(1, 25)]
    squares = [link for link in page.all("a") if "data-run" in link]
    assert sorted(int(square["data-run"]) for square in squares) == list(range(24))
    assert {square["href"] for square in squares} == {f"#run-{number}" for number in range(1, 25)}


def test_figures_are_in_their_sections_with_label_note_and_caption():
    svg = draw_svg()
    figures = [
        DrawnFigure(name="forest", title="Effects", caption="What moves what.", note="A note.", svg=svg),
        DrawnFigure(name="curves_dataset", title="Curves by dataset", caption="Over epochs.", note="", svg=svg),
        DrawnFigure(
            name="curves_optimizer + lr", title="Curves by optimizer + lr", caption="Over epochs.", note="", svg=svg
        ),
        DrawnFigure(name="coverage", title="Coverage", caption="Replaced by a table.", note="", svg=svg),
        DrawnFigure(name="brand_new", title="New", caption="Of a figure without a section.", note="", svg=svg),
    ]
    text = render_html(make_results(TEXT), figures=figures)
    page = Page(text)
    positions = {
        name: text.index(f'<section id="{name}"') for name in ("effects", "rules", "curves", "cells", "more", "runs")
    }
    label = text.index('aria-label="Effects. What moves what. A note."')
    assert positions["effects"] < label < positions["rules"] and "figure-3" not in page.ids
    assert positions["curves"] < text.index("Curves by optimizer + lr") < positions["cells"]
    assert positions["more"] < text.index("Of a figure without a section") < positions["runs"]
    assert page.text.count("Over epochs.") == 1 and "Replaced by" not in text


# --- unusual results ------------------------------------------------------------------------


def test_a_page_without_a_finished_run():
    page = read_page(make_results(TEXT, pending=range(24)))
    assert "No run is finished, so it is not known whether training helps." in page.text and "24 pending" in page.text
    assert not page.all("select"), "there are no curves to choose"


def test_a_page_with_one_finished_run():
    page = read_page(make_results(TEXT, failed=range(1, 24)))
    assert "No two finished runs differ in this choice alone" in page.text and "23 failed" in page.text


def test_a_page_with_one_seed():
    page = read_page(make_results(TEXT.replace("[0, 1, 2]", "[0]")))
    assert page.text.count("only point estimates, without intervals and verdicts") == 1 and "too few seeds" in page.text


def test_a_page_of_a_single_cell():
    page = read_page(make_results("name: m\nseeds: [0]\nsettings: {epochs: 1}\n"))
    assert "What each choice does" not in page.text and "The one planned run is done." in page.text


def test_a_page_of_repeats_lists_them_beside_the_seeds():
    text = "name: m\naxes: {optimizer: [sgd, adam]}\nseeds: [0, 3]\nrepeats: 2\nsettings: {epochs: 1}\n"
    html = render_html(make_results(text))
    assert "<dt>seeds</dt><dd>0, 3</dd>" in html and "<dt>repeats</dt><dd>0, 1</dd>" in html
    assert "<dt>repeats</dt>" not in render_html(make_results(text.replace("repeats: 2", "repeats: 1")))


def test_a_page_of_collapsed_runs():
    results = make_results(TEXT)
    facts = {"health": "collapsed", "health_why": "feature rank 1.01"}
    page = read_page(replace(results, runs=results.runs.assign(**facts), rows=results.rows.assign(**facts)))
    assert "24 runs are collapsed" in page.text and "none healthy" in page.text
    assert {link["class"] for link in page.all("a") if "data-run" in link} == {"square collapsed"}


def test_runs_without_a_metric_are_counted():
    results = make_results(TEXT)
    half = results.rows["nmi_true"].where(results.rows["optimizer"] == "sgd")
    page = read_page(replace(results, rows=results.rows.assign(nmi_true=half)))
    assert "12 of 24 finished runs have no NMI with the truth, so the effects on it leave them out." in page.text
    assert "optimizer no pairs" in page.text


def test_a_page_of_columns_without_values():
    results = make_results(TEXT)
    nothing = dict.fromkeys(("nmi_true", "test_refit_nmi_true", "feature_rank", "seconds_pca"), float("nan"))
    page = read_page(replace(results, rows=results.rows.assign(**nothing)))
    assert "24 of 24 finished runs have no NMI with the truth" in page.text and "Which choices matter?" not in page.text


def test_names_are_escaped():
    results = make_results(TEXT.replace("optimizer: [sgd, adam]", "arch: [alexnet, vgg16]"))
    by = {"mnist": NAMES[0], "cifar10": NAMES[1]}
    runs, rows = (
        frame.assign(dataset=frame["dataset"].map(by), reason=NAMES[2], timing=NAMES[3])
        for frame in (results.runs, results.rows)
    )
    runs.loc[0, ["state", "kind", "reason"]] = ["failed", "error", NAMES[0]]
    results = replace(
        results,
        name=NAMES[0],
        runs=runs,
        rows=rows,
        varied=results.varied | {"dataset": list(by.values())},
        notes=NAMES,
    )
    audited = Audit(name="m", runs=1, axes=[], failures=[CheckFailure(run=NAMES[0], check=NAMES[1], message=NAMES[2])])
    facts = {NAMES[0]: [(name, 1) for name in NAMES]}
    text = render_html(results, audited, facts=facts)
    page = Page(text)
    assert page.open == [] and len(page.all("script")) == 2 and "alert(1)</script>" not in text
    assert all(name in "".join(page.texts) for name in NAMES)
    labels = {field["data-text"] for field in page.all("input") if "data-text" in field}
    assert {NAMES[0], NAMES[1]} <= labels


def test_baselines_warnings_and_provenance_are_on_the_page():
    baseline = pixels(state="failed", kind="error", reason="no data", seconds=None, test_refit_nmi_true=None)
    results = replace(make_results(TEXT), baselines=pd.DataFrame([baseline]), notes=["a torn line"])
    page = read_page(results, facts={"torch": [("2.9", 20), ("2.8", 4)], "device": [("cpu", 24)]})
    assert "24 runs and 1 baseline planned" in page.text
    assert "Read with care a torn line" in page.text and "Every baseline run (1 row)" in page.text
    assert re.search(r"torch 2.9 \(20 runs\) ?; 2.8 \(4 runs\)", page.text) and "1 failed" in page.text
