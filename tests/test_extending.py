"""Every example of docs/extending.md works: the files are written to a folder, checked, run, audited and reported."""

import json
import re
import shutil

import pandas as pd
import pytest

from dcbench import registry
from dcbench.core.columns import SPACES
from tests.helpers.command_line import shell
from tests.helpers.matrices import TINY
from tests.helpers.paths import TOP

PAGE = (TOP / "docs" / "extending.md").read_text()
FILES = dict(re.findall(r"```(?:python|yaml) (\S+)\n(.*?)```", PAGE, re.DOTALL))
PLUGINS = [name for name in FILES if name.startswith("my_parts/")]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """The files of the page in a folder, and its matrix run by its own executor."""
    folder = tmp_path_factory.mktemp("extending")
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    process = shell("run", "my_matrix.yaml", "--executor", "child", cwd=folder)
    assert process.returncode == 0, process.stdout + process.stderr
    assert "4 done" in process.stdout
    return folder


def test_the_page_shows_one_plugin_of_each_kind_and_a_figure_of_each_way():
    assert sorted(name.split("/")[1] for name in PLUGINS) == [
        "archs", "backends", "datasets", "executors", "figures", "figures", "methods"
    ]  # fmt: skip
    assert sorted(re.findall(r'"per_axis": (\w+)', "".join(FILES[name] for name in PLUGINS))) == ["False", "True"]


def test_the_tree_at_the_top_names_every_file():
    tree = PAGE.partition("my_parts/\n")[2].partition("```")[0]
    assert sorted(f"my_parts/{line.strip()}" for line in tree.splitlines() if line.strip()) == sorted(PLUGINS)


def test_the_table_of_facts_is_what_the_registry_checks():
    names = {"architecture": "arch"}  # the page's word -> the registry's
    table = {}
    for line in [line for line in PAGE.splitlines() if line.startswith("| ")][1:]:
        word, required, optional = (cell.strip() for cell in line.strip("|").split("|"))
        table[names.get(word, word)] = (set(re.findall(r"`(\w+)`", required)), set(re.findall(r"`(\w+)`", optional)))
    kinds = [kind for name, kind in registry.KINDS.items() if name != "run_figures"]
    assert table == {kind.word: (set(kind.required), set(kind.facts) - set(kind.required)) for kind in kinds}


@pytest.mark.slow
@pytest.mark.parametrize("name", PLUGINS)
def test_each_example_keeps_its_contract(name, home):
    process = shell("check-plugin", name, cwd=home)
    assert process.returncode == 0, process.stdout + process.stderr


@pytest.mark.slow
def test_runs_record_the_sources_and_the_results_remember_the_facts(home):
    (run, *_) = sorted((home / "results" / "mine").glob("stripes*tiny*mirror*"))
    recorded = json.loads((run / "provenance.json").read_text())["plugins"]
    assert set(recorded) == {"archs/tiny", "backends/mirror", "datasets/stripes", "methods/patient"}
    assert set(json.loads((home / "results" / "mine" / "plugins.json").read_text())) == set(recorded)


@pytest.mark.slow
def test_results_can_be_read_without_the_files(home, tmp_path):
    (tmp_path / "results").mkdir()
    (home / "results" / "mine").rename(tmp_path / "results" / "mine")
    try:
        assert "4 planned (4 done)" in shell("status", "results", cwd=tmp_path).stdout
        audit = shell("audit", "results/mine", cwd=tmp_path)
        assert "every check of every run passed" in audit.stdout, audit.stdout + audit.stderr
        report = shell("report", "results/mine", cwd=tmp_path)
        assert report.returncode == 0, report.stderr
        replay = shell("replay", str(next((tmp_path / "results" / "mine").glob("stripes*tiny*"))), cwd=tmp_path)
        assert replay.returncode == 2 and "name its folder with --plugins" in replay.stderr
    finally:
        (tmp_path / "results" / "mine").rename(home / "results" / "mine")


@pytest.mark.slow
def test_own_figures_are_part_of_the_report(home):
    process = shell("report", "results/mine", "--plugins", "my_parts", "--format", "svg", cwd=home)
    assert process.returncode == 0, process.stderr
    figures = {path.stem for path in (home / "reports" / "mine" / "figures").glob("losses*.svg")}
    assert figures == {"losses", "losses_by_value_arch", "losses_by_value_backend"}
    assert "Losses by backend" in (home / "reports" / "mine" / "index.html").read_text()


@pytest.mark.slow
def test_a_file_that_changed_between_runs_is_reported_by_the_audit(home):
    file = home / "my_parts" / "archs" / "tiny.py"
    text = file.read_text()
    (run, *_) = sorted((home / "results" / "mine").glob("stripes*tiny*mirror*"))
    file.write_text(text + "\n# changed\n")
    try:
        for path in run.iterdir():
            path.unlink()
        run.rmdir()
        again = shell("run", "my_matrix.yaml", "--executor", "inline", cwd=home)
        assert again.returncode == 0, again.stderr
        audit = shell("audit", "results/mine", cwd=home)
        assert audit.returncode == 1 and "archs/tiny: its source changed between the runs" in audit.stdout, audit.stdout
    finally:
        file.write_text(text)


@pytest.mark.slow
def test_the_example_metric_is_written_and_shown_where_its_declaration_says(tmp_path):
    shutil.copytree(TOP / "dcbench", tmp_path / "dcbench", ignore=shutil.ignore_patterns("__pycache__"))
    blocks = dict(re.findall(r"```python (above|in) (\w+ (?:in|of) \S+\n.*?)```", PAGE, re.DOTALL))
    for word, anchor in (("above", "TRUTH_SCORES: "), ("in", "SCORES = (\n")):
        head, _, code = blocks[word].partition("\n")
        file = tmp_path / head.split()[-1]
        text = file.read_text()
        assert text.count(f"\n{anchor}") == 1
        added = f"\n{code}\n\n{anchor}" if word == "above" else f"\n{anchor}{code}"
        file.write_text(text.replace(f"\n{anchor}", added))
    (tmp_path / "m.yaml").write_text(f"name: m\naxes: {{optimizer: [sgd, adam]}}\nsettings: {TINY}\n")
    for arguments in (("run", "m.yaml", "--executor", "inline", "--device", "cpu"), ("report", "results/m")):
        process = shell(*arguments, cwd=tmp_path)
        assert process.returncode == 0, process.stdout + process.stderr

    (header, *_) = (next((tmp_path / "results" / "m").glob("*/metrics.csv"))).read_text().splitlines()
    assert {f"{space.prefix}completeness" for space in SPACES if space.scores is None} < set(header.split(","))
    tables = {file.stem: pd.read_csv(file) for file in (tmp_path / "reports" / "m" / "tables").glob("*.csv")}
    assert {"completeness", "test_refit_completeness"} < set(tables["final"]), "finals"
    assert "refit_completeness" not in tables["final"], "a space that no view names is not shown"
    assert tables["final"]["completeness"].notna().all()
    assert {"completeness", "test_refit_completeness"} < set(tables["levels"]["metric"]), "effects"
    page = (tmp_path / "reports" / "m" / "index.html").read_text()
    assert "completeness, test, refit" in page and "1 when each class lies in one cluster" in page
