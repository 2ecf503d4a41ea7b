"""The report as a whole: page, figures and tables, for every kind of results folder."""

import re
import shutil
from pathlib import Path

import pandas as pd
import pytest

from dcbench.analysis import parallel, results
from dcbench.core.store import status
from dcbench.core.store.run_dir import MatrixDir
from dcbench.core.store.run_state import RunState
from dcbench.errors import ResultsError
from dcbench.report import writing
from dcbench.report.writing import ReportSettings, write_report
from tests.helpers.matrices import plan_of
from tests.helpers.pages import Page
from tests.helpers.result_folders import TEXT, fill

pytestmark = pytest.mark.usefixtures("few_plots")


@pytest.fixture
def out(tmp_path):
    return tmp_path / "reports"


def page_of(written):
    return written.page.read_text()


def test_a_report_writes_page_figures_and_tables(folder, out):
    written = write_report(folder, out)
    assert (written.counts, written.notes) == ({"done": 8}, [])
    names = {path.name for path in (out / "m" / "figures").iterdir()}
    stems = {"curves_optimizer", "curves_k", "curves_limit", "stage_times"}
    assert names >= {f"{stem}.{kind}" for stem in stems for kind in ("png", "svg", "pdf")}
    assert {Path(name).suffix for name in names} == {".png", ".svg", ".pdf"} and len(names) % 3 == 0
    files = list((out / "m" / "tables").iterdir())
    tables = {
        path.stem: pd.read_csv(path, keep_default_na=False, na_values=[""]) for path in files if path.suffix == ".csv"
    }
    assert {path.name for path in files} == {f"{stem}.{kind}" for stem in tables for kind in ("csv", "md", "tex")}
    assert set(tables) == {
        "final", "runs", "stage_times", "unfinished", "baselines", "audit", "problems", "parity",
        "effects", "effects_by_dataset", "interactions", "levels", "stability", "ranks", "rulers", "over_pixels",
        "noise_floor",
    }  # fmt: skip
    assert len(tables["final"]) == 8 and tables["final"]["gain_nmi_true"].tolist() == pytest.approx([0.2] * 8)
    assert sorted(set(tables["final"]["limit"])) == ["500", "none"]
    assert len(tables["runs"]) == 8 and tables["unfinished"].empty


def test_the_page_is_complete_and_makes_no_external_requests(folder, out):
    text = page_of(write_report(folder, out))
    page = Page(text)
    assert page.open == [] and len(page.all("svg")) == len(list((out / "m" / "figures").glob("*.svg"))) - 1
    assert not re.search(r"\bnan\b", page.text)
    assert all(link.startswith("data:") or link[1:] in page.ids for link in page.links)
    assert set(re.findall(r"https?://[^/\"]*", text)) == {"http://www.w3.org"}, (
        "XML namespaces of SVG, which are not requested"
    )


def test_failed_and_missing_runs_are_listed_with_an_escaped_reason(folder, out):
    ids = plan_of(TEXT).run_ids
    folder.run_dir(ids[0]).write_state(
        RunState(name="failed", kind="error", reason="<script>alert('x')</script> & \"quotes\"")
    )
    shutil.rmtree(folder.run_dir(ids[1]).path)
    written = write_report(folder, out)
    text = page_of(written)
    assert written.counts["done"] == 6
    assert "<script>alert" not in text and "&lt;script&gt;alert" in text
    assert "Failed and missing runs" in text and ids[0] in text and ids[1] in text
    assert "1 failed" in text and "1 pending" in text
    assert len(pd.read_csv(out / "m" / "tables" / "unfinished.csv")) == 2


@pytest.mark.parametrize("keep", [0, 1])
def test_a_report_of_no_finished_run_or_one(folder, out, keep):
    for run_id in plan_of(TEXT).run_ids[keep:]:
        shutil.rmtree(folder.run_dir(run_id).path)
    written = write_report(folder, out)
    assert written.counts["done"] == keep and Page(page_of(written)).open == []
    assert f"{8 - keep} pending" in page_of(written)
    drawn = {path.stem for path in (out / "m" / "figures").glob("*.png")}
    assert ("curves_k" in drawn and "forest" not in drawn) if keep else drawn == {"coverage"}


def test_a_report_of_a_single_cell(tmp_path, out):
    plan = plan_of("name: one\nseeds: [0, 1]\nsettings: {epochs: 2}\n")
    matrix_dir = MatrixDir(tmp_path / "one")
    status.store_plan(plan, matrix_dir)
    for spec in plan.runs:
        fill(matrix_dir, spec.run_id, spec, nmi=0.3 + 0.1 * spec.seed)
    text = page_of(write_report(matrix_dir, out))
    assert (out / "one" / "figures" / "curves.png").exists()
    assert "2 of 2" in text and "0.550" in text and "0.500 to 0.600" in text


def test_warnings_are_on_the_page(folder, out):
    run = folder.run_dir(plan_of(TEXT).run_ids[0])
    run.metrics_file.write_text(run.metrics_file.read_text() + "3,1")
    written = write_report(folder, out)
    assert written.notes and "Read with care" in page_of(written)


def test_figures_of_removed_axes_are_removed(folder, out):
    write_report(folder, out)
    assert (out / "m" / "figures" / "curves_limit.png").exists()
    status.store_plan(plan_of(TEXT.replace("limit: [null, 500]", "limit: [500]")), folder)
    write_report(folder, out)
    assert not (out / "m" / "figures" / "curves_limit.png").exists()


def test_inspected_runs_are_linked_and_their_pages_are_kept(folder, out, few_plots):
    first, second, *_ = plan_of(TEXT).run_ids
    (out / "m" / "inspect" / first).mkdir(parents=True)
    (out / "m" / "inspect" / first / "index.html").write_text("pictures")
    (out / "m" / "inspect" / second).mkdir()
    page = page_of(write_report(folder, out))
    assert f'<a href="inspect/{first}/index.html">' in page and f"inspect/{second}" not in page
    assert (out / "m" / "inspect" / first / "index.html").read_text() == "pictures"


def test_a_failing_report_keeps_the_old_one(folder, out, monkeypatch):
    few = ReportSettings(formats=("png", "csv"))
    write_report(folder, out, few)
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    folder.run_dir(plan_of(TEXT).run_ids[0]).write_state(
        RunState(name="failed", kind="nan", reason="the loss became nan")
    )
    with monkeypatch.context() as patch:
        patch.setattr(writing, "render_page", lambda *arguments: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            write_report(folder, out, few)
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before
    assert "1 failed" in page_of(write_report(folder, out, few))


def test_the_same_results_give_the_same_files_with_one_or_several_processes(folder, out, monkeypatch):
    def write_files():
        write_report(folder, out)
        return {path: path.read_bytes() for path in out.rglob("*.*") if path.is_file()}

    first = write_files()
    monkeypatch.setattr(parallel, "MIN_PARALLEL_ROWS", 0)
    again = write_files()
    assert again.keys() == first.keys() and [path for path in first if again[path] != first[path]] == []


def test_data_parquet_has_the_columns_of_the_results_only(tmp_path, out):
    plan = plan_of("name: m\nzip:\n  - {k: [5, 6], pca_dim: [8, 9]}\nsettings: {epochs: 1}\n")
    matrix_dir = MatrixDir(tmp_path / "m")
    status.store_plan(plan, matrix_dir)
    for spec in plan.runs:
        fill(matrix_dir, spec.run_id, spec, epochs=1)
    write_report(matrix_dir, out, ReportSettings(formats=("parquet",)))
    assert list(pd.read_parquet(out / "m" / "data.parquet").columns) == list(
        results.read_results(matrix_dir).rows.columns
    )
    assert not list((out / "m").glob("*/*"))


def test_an_unwritable_output_folder_is_an_error(folder, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ResultsError, match="--out"):
        write_report(folder, tmp_path / "file")


def test_an_axis_of_three_values_has_ranks_in_a_table(tmp_path, out):
    made, plan = (
        MatrixDir(tmp_path / "r"),
        plan_of("name: r\naxes: {width: [0.05, 0.1, 0.15]}\nsettings: {epochs: 1, pca_dim: 8}\n"),
    )
    status.store_plan(plan, made)
    for spec in plan.runs:
        fill(made, spec.run_id, spec, epochs=1, nmi=2 * spec.width)
    write_report(made, out)
    ranks = pd.read_csv(out / "r" / "tables" / "ranks.csv").query("metric == 'nmi_true'")
    assert ranks["mean_rank"].tolist() == [3, 2, 1] and ranks["value"].tolist() == [0.05, 0.1, 0.15]
    assert ranks["why_not"].str.contains("1 seed; a critical difference needs 10").all()


def test_folders_that_no_report_wrote_are_not_overwritten(folder, out, few_plots):
    user_file = out / "m" / "figures" / "notes.pdf"
    user_file.parent.mkdir(parents=True)
    user_file.write_text("the user's")
    with pytest.raises(ResultsError, match="figures: not written by dcbench report; choose another folder with --out"):
        write_report(folder, out)
    assert user_file.read_text() == "the user's"
    (out / "m" / ".new.killed").mkdir()
    assert write_report(folder, out).page.exists()


def test_data_parquet_of_an_earlier_report_is_removed(folder, out, few_plots):
    write_report(folder, out)
    assert (out / "m" / "data.parquet").exists()
    write_report(folder, out, ReportSettings(formats=("csv",)))
    assert not (out / "m" / "data.parquet").exists()
