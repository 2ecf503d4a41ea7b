import csv
import json
from dataclasses import replace

import pytest

from dcbench.errors import PluginError, ResultsError, SpecError
from dcbench.parity import table
from dcbench.parity.table import PARITY_COLUMNS, ParityFiles, ParitySettings, parse_settings
from tests.helpers.parity_rows import make_row

BOTH = ParitySettings(dataset="digits", limit=300, k_values=(4,), backends=("faiss", "torch"))


def make_settings(dataset="digits", limit=None, ks="10,100", backends=None, starts=3, pca_dim=16):
    return parse_settings(dataset=dataset, limit=limit, k_values=ks, backends=backends, starts=starts, pca_dim=pca_dim)


def test_options_are_parsed_to_settings():
    assert make_settings(limit=500, ks="10, 100,10", backends="torch,faiss") == ParitySettings(
        dataset="digits", limit=500, k_values=(10, 100), backends=("torch", "faiss"), starts=3, pca_dim=16
    )
    assert make_settings().backends == ("faiss", "sklearn", "torch")
    spec = make_settings(limit=500).make_spec(7)
    assert (spec.dataset, spec.limit, spec.k, spec.pca_dim, spec.width, spec.arch) == (
        "digits",
        500,
        7,
        16,
        0.25,
        "alexnet",
    )


def test_the_default_limit_is_10_000_or_the_whole_dataset():
    assert (make_settings("mnist").limit, make_settings("digits").limit, make_settings("imagefolder:photos").limit) == (
        10_000,
        1438,
        None,
    )


@pytest.mark.parametrize(
    ("options", "error", "expected"),
    [
        ({"dataset": "mnits"}, PluginError, "unknown dataset 'mnits'. Did you mean 'mnist'?"),
        ({"dataset": "imagefolder"}, PluginError, "needs its PATH"),
        ({"backends": "faiss,scikit"}, PluginError, "unknown backend 'scikit'"),
        ({"backends": "faiss,faiss"}, PluginError, "two or more of faiss, sklearn, torch"),
        ({"backends": ""}, PluginError, "unknown backend ''"),
        ({"ks": "10,many"}, SpecError, "--k 10,many: expected whole numbers"),
        ({"ks": "10,"}, SpecError, "expected whole numbers"),
        ({"ks": "2.5"}, SpecError, "expected whole numbers"),
        ({"ks": "1"}, SpecError, "k: "),
        ({"ks": "10,1439"}, SpecError, "digits: k 1439 is more than the 1438 training images"),
        ({"ks": "301", "limit": 300}, SpecError, "k 301 is more than the 300"),
        ({"limit": 1439}, SpecError, "limit 1439 is more than the 1438"),
        ({"limit": 0}, SpecError, "limit: "),
        ({"pca_dim": 2000}, SpecError, "pca_dim 2000 is more than the 1024 features"),
    ],
)
def test_invalid_options_are_errors(options, error, expected):
    with pytest.raises(error) as caught:
        make_settings(**options)
    assert expected in str(caught.value)


def test_a_row_has_median_and_range_or_nothing_without_values():
    row = make_row("kmeans", "ari", "faiss", "torch", 10, (0.9, 1.0, 0.4))
    assert (row.value, row.bounds) == (0.9, (0.4, 1.0))
    empty = make_row("kmeans", "ari", "faiss")
    assert (empty.value, empty.bounds) == (None, ())


def test_the_files_are_a_tidy_table_and_its_provenance(tmp_path):
    files = ParityFiles(tmp_path / "results", BOTH)
    files.prepare()
    rows = [
        make_row("defaults", "ari", "faiss", "torch", 4),
        make_row("kmeans", "parting_iteration", "faiss", "torch", 4, (3, 1)),
        make_row("pca", "seconds_pca", "torch", values=(0.25,)),
    ]
    files.write(rows, {"threads": 2})
    assert files.csv_file == tmp_path / "results" / "parity" / "digits-300.csv"
    with files.csv_file.open(newline="") as file:
        written = list(csv.DictReader(file))
    assert tuple(written[0]) == PARITY_COLUMNS
    assert [[row[column] for column in PARITY_COLUMNS] for row in written] == [
        ["digits", "300", "", "pca", "seconds_pca", "torch", "", "0.25", "0.25", "0.25", "1"],
        ["digits", "300", "4", "kmeans", "parting_iteration", "faiss", "torch", "2", "1", "3", "2"],
        ["digits", "300", "4", "defaults", "ari", "faiss", "torch", "", "", "", "0"],
    ]
    assert json.loads(files.json_file.read_text()) == {"threads": 2}
    assert sorted(path.name for path in files.csv_file.parent.iterdir()) == ["digits-300.csv", "digits-300.json"]


def test_rows_are_sorted_by_stage_measure_and_k():
    rows = [make_row("kmeans", measure, "a", k=k) for k in (100, 10) for measure in ("ari", "objective_ratio")]
    ordered = table.sort_rows([*rows, make_row("pca", "seconds_pca", "a")])
    assert [(row.measure, row.k) for row in ordered] == [
        ("seconds_pca", None), ("objective_ratio", 10), ("objective_ratio", 100), ("ari", 10), ("ari", 100)
    ]  # fmt: skip


def test_the_file_name_of_an_image_folder_without_a_limit(tmp_path):
    files = ParityFiles(tmp_path, replace(BOTH, dataset="imagefolder:/my photos/cats", limit=None))
    assert files.csv_file.name == "imagefolder-my-photos-cats-all.csv"


def test_an_unwritable_folder_is_reported_before_measuring(tmp_path, monkeypatch):
    (tmp_path / "parity").write_text("in the way")
    with pytest.raises(ResultsError, match="--results"):
        ParityFiles(tmp_path, BOTH).prepare()
    monkeypatch.setattr(table.os, "access", lambda path, mode: False)
    with pytest.raises(ResultsError, match="cannot be written"):
        ParityFiles(tmp_path / "other", BOTH).prepare()
