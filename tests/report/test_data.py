import errno
import os

import pandas as pd
import pytest
from pyarrow.parquet import ParquetWriter

from dcbench.analysis import results
from dcbench.core.store.run_state import RunState
from dcbench.report import data
from tests.helpers.matrices import plan_of
from tests.helpers.result_folders import TEXT


def test_one_line_of_pandas_gives_the_rows_back_with_their_types(folder, tmp_path):  # noqa: F811
    rows = results.read_results(folder).rows
    data.write(rows, tmp_path)
    back = pd.read_parquet(tmp_path / "data.parquet")
    pd.testing.assert_frame_equal(back, rows, check_categorical=False)
    assert list(back["optimizer"].cat.categories) == ["sgd", "adam"]
    assert back["k"].dtype == "int64" and back["nmi_true"].dtype == back["test_limit"].dtype == "float64"
    assert back["whiten"].dtype == bool and set(back["limit"].dropna()) == {500}


def test_it_is_written_in_pieces(folder, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.setattr(data, "GROUP", 7)
    rows = results.read_results(folder).rows
    data.write(rows, tmp_path)
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "data.parquet"), rows, check_categorical=False)


def test_without_a_finished_run_it_has_the_columns_and_no_row(folder, tmp_path):  # noqa: F811
    for run_id in plan_of(TEXT).run_ids:
        folder.run(run_id).set_state(RunState("failed", "nan"))
    rows = results.read_results(folder).rows
    data.write(rows, tmp_path)
    back = pd.read_parquet(tmp_path / "data.parquet")
    assert back.empty and list(back.columns) == list(rows.columns)


def test_a_disk_that_is_full_half_way_leaves_the_old_file_whole(folder, tmp_path, monkeypatch):  # noqa: F811
    rows = results.read_results(folder).rows
    data.write(rows, tmp_path)
    real, calls = ParquetWriter.write_table, []

    def full(self, table):
        calls.append(table)
        if len(calls) > 1:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(self, table)

    monkeypatch.setattr(ParquetWriter, "write_table", full)
    monkeypatch.setattr(data, "GROUP", 7)
    with pytest.raises(OSError, match="No space"):
        data.write(rows.head(8), tmp_path)
    assert [path.name for path in tmp_path.rglob("*parquet*")] == ["data.parquet"]
    assert len(pd.read_parquet(tmp_path / "data.parquet")) == len(rows)
