import errno
import os

import pandas as pd
import pytest
from pyarrow.parquet import ParquetFile, ParquetWriter

from dcbench.analysis import results
from dcbench.core.store.run_state import RunState
from dcbench.report import formats
from dcbench.report.formats import format_cell, format_latex, format_markdown, write_parquet
from tests.helpers.matrices import plan_of
from tests.helpers.result_folders import TEXT

TABLE = pd.DataFrame({"run_id": ["a_b", "x|y"], "nmi": [0.123456, None], "swap": ["lr 0.05 \u2192 0.1", "50 % & <b>"]})


def test_markdown_has_a_line_for_each_row_and_escapes_cells():
    lines = format_markdown(TABLE).splitlines()
    assert lines[:3] == ["| run_id | nmi | swap |", "| --- | --- | --- |", "| a_b | 0.1235 | lr 0.05 \u2192 0.1 |"]
    assert lines[3] == "| x\\|y |  | 50 % & &lt;b> |"
    assert format_markdown(pd.DataFrame({"text": ["two\nlines", "back\\slash"]})).splitlines()[2:] == [
        "| two lines |", "| back\\\\slash |",
    ]  # fmt: skip


def test_latex_is_escaped_and_uses_a_longtable():
    text = format_latex(TABLE)
    assert r"a\_b & 0.1235 & lr 0.05 $\to$ 0.1 \\" in text and r"x|y &  & 50 \% \& <b> \\" in text
    assert text.startswith(r"\begin{longtable}") and r"\toprule" in text


def test_latex_agrees_with_pandas_and_escapes_commands():
    marks = pd.DataFrame({"a_b": ["x & y", "50 %", "{$#}"], "c": ["1", "2", "3"]})
    assert format_latex(marks) == marks.to_latex(index=False, escape=True, longtable=True)
    assert r"\textbackslash{}input\{x\} & \textasciitilde{} & \textasciicircum{} \\" in format_latex(
        pd.DataFrame({"a": [r"\input{x}"], "b": ["~"], "c": ["^"]})
    )


def test_an_empty_table_has_a_head():
    empty = TABLE.iloc[:0]
    assert format_markdown(empty).count("\n") == 2 and "run\\_id" in format_latex(empty)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.000012345, "1.234e-05"), (12345.0, "1.234e+04"), (7, "7"), (None, ""), (float("nan"), ""), (True, "true")],
)
def test_cells_have_four_significant_digits(value, text):
    assert format_cell(value) == text


# --- data.parquet ---------------------------------------------------------------------------


def test_pandas_reads_data_parquet_with_the_original_types(folder, tmp_path):
    rows = results.read_results(folder).rows
    write_parquet(rows, tmp_path)
    back = pd.read_parquet(tmp_path / "data.parquet")
    pd.testing.assert_frame_equal(back, rows, check_categorical=False)
    assert list(back["optimizer"].cat.categories) == ["sgd", "adam"]
    assert back["k"].dtype == "int64" and back["nmi_true"].dtype == back["test_limit"].dtype == "float64"
    assert back["whiten"].dtype == bool and set(back["limit"].dropna()) == {500}


def test_data_parquet_can_be_written_in_several_row_groups(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(formats, "ROWS_PER_GROUP", 7)
    rows = results.read_results(folder).rows
    write_parquet(rows, tmp_path)
    assert ParquetFile(tmp_path / "data.parquet").num_row_groups == -(-len(rows) // 7) > 1
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "data.parquet"), rows, check_categorical=False)


def test_data_parquet_without_a_finished_run_has_columns_and_no_rows(folder, tmp_path):
    for run_id in plan_of(TEXT).run_ids:
        folder.run_dir(run_id).write_state(RunState(name="failed", kind="nan"))
    rows = results.read_results(folder).rows
    write_parquet(rows, tmp_path)
    back = pd.read_parquet(tmp_path / "data.parquet")
    assert back.empty and list(back.columns) == list(rows.columns)


def test_a_full_disk_keeps_the_old_data_parquet(folder, tmp_path, monkeypatch):
    rows = results.read_results(folder).rows
    write_parquet(rows, tmp_path)
    real, calls = ParquetWriter.write_table, []

    def full(self, table):
        calls.append(table)
        if len(calls) > 1:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(self, table)

    monkeypatch.setattr(ParquetWriter, "write_table", full)
    monkeypatch.setattr(formats, "ROWS_PER_GROUP", 7)
    with pytest.raises(OSError, match="No space"):
        write_parquet(rows.head(8), tmp_path)
    assert [path.name for path in tmp_path.rglob("*parquet*")] == ["data.parquet"]
    assert len(pd.read_parquet(tmp_path / "data.parquet")) == len(rows)
