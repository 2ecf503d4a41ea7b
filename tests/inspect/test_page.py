"""The page of one run: whole, offline, escaped, and honest about what is missing."""

import re

import pandas as pd
import pytest

from dcbench import registry
from dcbench.inspect import page
from dcbench.inspect.result import InspectionResult
from tests.helpers.inspection_results import bundle
from tests.helpers.pages import Page

EVIL = "<script>alert('x')</script> & \"quotes\""


def written(found, place):
    found.save(place / "learned.npz")
    told = page.write(place)
    return told, told.page.read_text()


def without(found, *names, reason="it is gone", **facts):
    arrays = {name: values for name, values in found.arrays.items() if name not in names}
    return InspectionResult(arrays, {**found.facts, "missing": dict.fromkeys(names, reason), **facts})


def rows(*values):
    return [{"epoch": str(epoch), "nmi_true": value, "feature_rank": "30.5"} for epoch, value in enumerate(values)]


def test_every_picture_is_on_the_page_and_beside_it(tmp_path):
    told, page = written(bundle(), tmp_path)
    parts = registry.plugin_names("pictures")
    assert {path.name for path in (tmp_path / "figures").iterdir()} == {
        f"{part}.{kind}" for part in parts for kind in ("png", "svg")
    }
    seen = Page(page)
    assert seen.open == [] and len(seen.all("img")) == len(parts) and told.missing == {} and told.warnings == []
    places = [page.index(f'id="{part}"') for part in parts]
    ranks = [registry.facts("pictures", part)["place"] for part in parts]
    assert [rank for _, rank in sorted(zip(places, ranks, strict=True))] == sorted(ranks)


def test_the_page_asks_nobody_for_anything_and_runs_nothing(tmp_path):
    _, page = written(bundle(), tmp_path)
    links = [link for link in Page(page).links if not link.startswith(("data:", "#"))]
    plain = re.sub(r'base64,[^"]*', "", page)
    assert links == [] and not re.search(r"https?://|<script|@import|url\(", plain)
    assert "prefers-color-scheme: dark" in page and 'lang="en"' in page
    alts = re.findall(r'alt="([^"]*)"', plain)
    assert len(alts) == 6 and all(len(alt) > 60 for alt in alts)


def test_names_reasons_and_checks_are_escaped(tmp_path):
    found = bundle(names=[EVIL, "b", "c"])
    found = without(found, "map", reason=EVIL, way_out=f"to do the run again: dcbench inspect '{EVIL}' --replay")
    told, page = written(found.noted((False, EVIL)), tmp_path)
    assert "<script>" not in page and page.count("&lt;script&gt;") >= 4
    assert told.warnings == [EVIL] and "Read with care" in page


def test_what_is_missing_is_said_with_its_reason_and_the_way_out(tmp_path):
    found = without(bundle(), "filters", "filters_before", way_out="to do the run again: dcbench inspect R --replay")
    told, page = written(found, tmp_path)
    assert told.missing == {
        "First-layer filters": "it is gone",
        "What the first layer's filters answer to": "it is gone",
    }
    assert (
        told.way_out == "to do the run again: dcbench inspect R --replay"
        and "To do the run again: dcbench inspect R --replay" in page
    )
    assert "First-layer filters: it is gone." in page and 'id="filters"' not in page
    assert not (tmp_path / "figures" / "filters.png").exists()


def test_figures_of_an_earlier_look_do_not_stay(tmp_path):
    written(bundle(), tmp_path)
    written(without(bundle(), "map"), tmp_path)
    assert not (tmp_path / "figures" / "feature_map.svg").exists()


def test_the_table_has_every_cluster_and_the_page_the_largest(tmp_path):
    found = bundle(n=1500, k=1000, shown=20)
    _, page = written(found, tmp_path)
    table = pd.read_csv(tmp_path / "clusters.csv")
    sizes = found.counts.sum(axis=1)
    assert len(table) == (sizes > 0).sum() and table["images"].sum() == 1500
    assert table["images"].is_monotonic_decreasing
    assert all(sizes[line.cluster] == line.images for line in table.itertuples())
    assert f"And {len(table) - 20} smaller clusters" in page


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        (("0.25", "0.5"), ["0.250", "0.500", "+0.250"]),
        (("0.25",), ["0.250", "0.250", ""]),
        (("", "0.5"), []),
    ],
)
def test_scores_stand_beside_those_of_the_untrained_network(tmp_path, values, shown):
    found = bundle(epochs=len(values) - 1)
    _, page = written(InspectionResult(found.arrays, {**found.facts, "rows": rows(*values)}), tmp_path)
    line = re.search(r"NMI with the truth</th>(.*?)</tr>", page)
    assert (re.findall(r">([^<]*)</td>", line[1]) if line else []) == shown
    assert "30.5" in page and "healthy" in page


def test_a_run_without_rows_has_no_scores(tmp_path):
    _, page = written(bundle(), tmp_path)
    assert 'id="scores"' not in page and "After epoch 3 of 3; the run is done." in page


def test_the_same_arrays_give_the_same_page(tmp_path):
    assert written(bundle(), tmp_path)[1] == written(bundle(), tmp_path)[1]
