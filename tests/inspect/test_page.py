"""The page of one run is complete, offline and escaped, and lists what is missing."""

import re

import pandas as pd
import pytest

from dcbench import registry
from dcbench.inspect.page import write_page
from dcbench.inspect.result import InspectionResult
from dcbench.inspect.subject import Check
from tests.helpers.inspection_results import make_result
from tests.helpers.pages import Page

EVIL = "<script>alert('x')</script> & \"quotes\""


def write_result(result, folder):
    result.save(folder / "learned.npz")
    page = write_page(folder)
    return page, page.path.read_text()


def without(result, *names, reason="it is missing", **facts):
    arrays = {name: values for name, values in result.arrays.items() if name not in names}
    return InspectionResult(arrays=arrays, facts={**result.facts, "missing": dict.fromkeys(names, reason), **facts})


def make_rows(*values):
    return [{"epoch": str(epoch), "nmi_true": value, "feature_rank": "30.5"} for epoch, value in enumerate(values)]


def test_every_figure_is_on_the_page_and_in_a_file(tmp_path):
    page, html = write_result(make_result(), tmp_path)
    figure_names = registry.plugin_names("run_figures")
    assert {path.name for path in (tmp_path / "figures").iterdir()} == {
        f"{name}.{kind}" for name in figure_names for kind in ("png", "svg")
    }
    parsed = Page(html)
    assert (
        parsed.open == [] and len(parsed.all("img")) == len(figure_names) and page.missing == {} and page.warnings == []
    )
    positions = [html.index(f'id="{name}"') for name in figure_names]
    ranks = [registry.facts("run_figures", name)["place"] for name in figure_names]
    assert [rank for _, rank in sorted(zip(positions, ranks, strict=True))] == sorted(ranks)


def test_the_page_has_no_external_resources_and_no_scripts(tmp_path):
    _, html = write_result(make_result(), tmp_path)
    links = [link for link in Page(html).links if not link.startswith(("data:", "#"))]
    plain = re.sub(r'base64,[^"]*', "", html)
    assert links == [] and not re.search(r"https?://|<script|@import|url\(", plain)
    assert "prefers-color-scheme: dark" in html and 'lang="en"' in html
    alts = re.findall(r'alt="([^"]*)"', plain)
    assert len(alts) == 6 and all(len(alt) > 60 for alt in alts)


def test_names_reasons_and_checks_are_escaped(tmp_path):
    result = make_result(names=[EVIL, "b", "c"])
    result = without(result, "map", reason=EVIL, way_out=f"to repeat the run: dcbench inspect '{EVIL}' --replay")
    page, html = write_result(result.with_checks([Check(False, EVIL)]), tmp_path)
    assert "<script>" not in html and html.count("&lt;script&gt;") >= 4
    assert page.warnings == [EVIL] and "Read with care" in html


def test_missing_figures_are_listed_with_reason_and_command(tmp_path):
    result = without(
        make_result(), "filters", "filters_before", way_out="to repeat the run: dcbench inspect R --replay"
    )
    page, html = write_result(result, tmp_path)
    assert page.missing == {
        "First-layer filters": "it is missing",
        "What the first layer's filters respond to": "it is missing",
    }
    assert (
        page.replay_hint == "to repeat the run: dcbench inspect R --replay"
        and "To repeat the run: dcbench inspect R --replay" in html
    )
    assert "First-layer filters: it is missing." in html and 'id="filters"' not in html
    assert not (tmp_path / "figures" / "filters.png").exists()


def test_figures_of_an_earlier_inspection_are_removed(tmp_path):
    write_result(make_result(), tmp_path)
    assert (tmp_path / "figures" / "feature_map.svg").exists()
    write_result(without(make_result(), "map"), tmp_path)
    assert not (tmp_path / "figures" / "feature_map.svg").exists()


def test_the_csv_has_every_cluster_and_the_page_the_largest(tmp_path):
    result = make_result(n=1500, k=1000, clusters_shown=20)
    _, html = write_result(result, tmp_path)
    table = pd.read_csv(tmp_path / "clusters.csv")
    sizes = result.counts.sum(axis=1)
    assert len(table) == (sizes > 0).sum() and table["images"].sum() == 1500
    assert table["images"].is_monotonic_decreasing
    assert all(sizes[row.cluster] == row.images for row in table.itertuples())
    assert f"And {len(table) - 20} smaller clusters" in html


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (("0.25", "0.5"), ["0.250", "0.500", "+0.250"]),
        (("0.25",), ["0.250", "0.250", ""]),
        (("", "0.5"), []),
    ],
)
def test_scores_are_compared_with_the_untrained_network(tmp_path, values, expected):
    result = make_result(epochs=len(values) - 1)
    _, html = write_result(
        InspectionResult(arrays=result.arrays, facts={**result.facts, "rows": make_rows(*values)}), tmp_path
    )
    match = re.search(r"NMI with the truth</th>(.*?)</tr>", html)
    assert (re.findall(r">([^<]*)</td>", match[1]) if match else []) == expected
    assert "30.5" in html and "healthy" in html


def test_a_run_without_rows_has_no_scores(tmp_path):
    _, html = write_result(make_result(), tmp_path)
    assert 'id="scores"' not in html and "After epoch 3 of 3; the run is done." in html


def test_the_same_arrays_give_the_same_page(tmp_path):
    assert write_result(make_result(), tmp_path)[1] == write_result(make_result(), tmp_path)[1]
