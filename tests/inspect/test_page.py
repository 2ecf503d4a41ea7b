"""The page of one run: whole, offline, escaped, and honest about what is missing."""

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


def written(result, place):
    result.save(place / "learned.npz")
    page = write_page(place)
    return page, page.path.read_text()


def without(result, *names, reason="it is gone", **facts):
    arrays = {name: values for name, values in result.arrays.items() if name not in names}
    return InspectionResult(arrays=arrays, facts={**result.facts, "missing": dict.fromkeys(names, reason), **facts})


def rows(*values):
    return [{"epoch": str(epoch), "nmi_true": value, "feature_rank": "30.5"} for epoch, value in enumerate(values)]


def test_every_figure_is_on_the_page_and_a_file(tmp_path):
    page, html = written(make_result(), tmp_path)
    parts = registry.plugin_names("run_figures")
    assert {path.name for path in (tmp_path / "figures").iterdir()} == {
        f"{part}.{kind}" for part in parts for kind in ("png", "svg")
    }
    seen = Page(html)
    assert seen.open == [] and len(seen.all("img")) == len(parts) and page.missing == {} and page.warnings == []
    places = [html.index(f'id="{part}"') for part in parts]
    ranks = [registry.facts("run_figures", part)["place"] for part in parts]
    assert [rank for _, rank in sorted(zip(places, ranks, strict=True))] == sorted(ranks)


def test_the_page_loads_nothing_and_runs_nothing(tmp_path):
    _, html = written(make_result(), tmp_path)
    links = [link for link in Page(html).links if not link.startswith(("data:", "#"))]
    plain = re.sub(r'base64,[^"]*', "", html)
    assert links == [] and not re.search(r"https?://|<script|@import|url\(", plain)
    assert "prefers-color-scheme: dark" in html and 'lang="en"' in html
    alts = re.findall(r'alt="([^"]*)"', plain)
    assert len(alts) == 6 and all(len(alt) > 60 for alt in alts)


def test_names_reasons_and_checks_are_escaped(tmp_path):
    result = make_result(names=[EVIL, "b", "c"])
    result = without(result, "map", reason=EVIL, way_out=f"to repeat the run: dcbench inspect '{EVIL}' --replay")
    page, html = written(result.with_checks([Check(False, EVIL)]), tmp_path)
    assert "<script>" not in html and html.count("&lt;script&gt;") >= 4
    assert page.warnings == [EVIL] and "Read with care" in html


def test_what_is_missing_is_listed_with_its_reason_and_the_command(tmp_path):
    result = without(
        make_result(), "filters", "filters_before", way_out="to repeat the run: dcbench inspect R --replay"
    )
    page, html = written(result, tmp_path)
    assert page.missing == {
        "First-layer filters": "it is gone",
        "What the first layer's filters respond to": "it is gone",
    }
    assert (
        page.replay_hint == "to repeat the run: dcbench inspect R --replay"
        and "To repeat the run: dcbench inspect R --replay" in html
    )
    assert "First-layer filters: it is gone." in html and 'id="filters"' not in html
    assert not (tmp_path / "figures" / "filters.png").exists()


def test_figures_of_an_earlier_look_do_not_stay(tmp_path):
    written(make_result(), tmp_path)
    written(without(make_result(), "map"), tmp_path)
    assert not (tmp_path / "figures" / "feature_map.svg").exists()


def test_the_table_has_every_cluster_and_the_page_the_largest(tmp_path):
    result = make_result(n=1500, k=1000, shown=20)
    _, html = written(result, tmp_path)
    table = pd.read_csv(tmp_path / "clusters.csv")
    sizes = result.counts.sum(axis=1)
    assert len(table) == (sizes > 0).sum() and table["images"].sum() == 1500
    assert table["images"].is_monotonic_decreasing
    assert all(sizes[line.cluster] == line.images for line in table.itertuples())
    assert f"And {len(table) - 20} smaller clusters" in html


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        (("0.25", "0.5"), ["0.250", "0.500", "+0.250"]),
        (("0.25",), ["0.250", "0.250", ""]),
        (("", "0.5"), []),
    ],
)
def test_scores_stand_beside_those_of_the_untrained_network(tmp_path, values, shown):
    result = make_result(epochs=len(values) - 1)
    _, html = written(InspectionResult(arrays=result.arrays, facts={**result.facts, "rows": rows(*values)}), tmp_path)
    line = re.search(r"NMI with the truth</th>(.*?)</tr>", html)
    assert (re.findall(r">([^<]*)</td>", line[1]) if line else []) == shown
    assert "30.5" in html and "healthy" in html


def test_a_run_without_rows_has_no_scores(tmp_path):
    _, html = written(make_result(), tmp_path)
    assert 'id="scores"' not in html and "After epoch 3 of 3; the run is done." in html


def test_the_same_arrays_give_the_same_page(tmp_path):
    assert written(make_result(), tmp_path)[1] == written(make_result(), tmp_path)[1]
