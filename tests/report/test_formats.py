import pandas as pd
import pytest

from dcbench.report.formats import cell_text, latex, markdown

TABLE = pd.DataFrame({"run_id": ["a_b", "x|y"], "nmi": [0.123456, None], "swap": ["lr 0.05 \u2192 0.1", "50 % & <b>"]})


def test_markdown_has_a_line_a_row_and_nothing_ends_a_cell():
    lines = markdown(TABLE).splitlines()
    assert lines[:3] == ["| run_id | nmi | swap |", "| --- | --- | --- |", "| a_b | 0.1235 | lr 0.05 \u2192 0.1 |"]
    assert lines[3] == "| x\\|y |  | 50 % & &lt;b> |"
    assert markdown(pd.DataFrame({"told": ["two\nlines", "back\\slash"]})).splitlines()[2:] == [
        "| two lines |", "| back\\\\slash |",
    ]  # fmt: skip


def test_latex_is_escaped_and_may_go_over_pages():
    text = latex(TABLE)
    assert r"a\_b & 0.1235 & lr 0.05 $\to$ 0.1 \\" in text and r"x|y &  & 50 \% \& <b> \\" in text
    assert text.startswith(r"\begin{longtable}") and r"\toprule" in text


def test_latex_is_what_pandas_writes_and_words_of_latex_are_text():
    marks = pd.DataFrame({"a_b": ["x & y", "50 %", "{$#}"], "c": ["1", "2", "3"]})
    assert latex(marks) == marks.to_latex(index=False, escape=True, longtable=True)
    assert r"\textbackslash{}input\{x\} & \textasciitilde{} & \textasciicircum{} \\" in latex(
        pd.DataFrame({"a": [r"\input{x}"], "b": ["~"], "c": ["^"]})
    )


def test_a_table_without_lines_has_its_head():
    empty = TABLE.iloc[:0]
    assert markdown(empty).count("\n") == 2 and "run\\_id" in latex(empty)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.000012345, "1.234e-05"), (12345.0, "1.234e+04"), (7, "7"), (None, ""), (float("nan"), ""), (True, "true")],
)
def test_cells(value, text):
    assert cell_text(value) == text
