"""The examples of docs/api.md give the output that the page shows, and the committed notebook runs as it is."""

import doctest
import json

import matplotlib
import pandas as pd
import pytest

from tests.helpers.paths import TOP

NOTEBOOK = json.loads((TOP / "docs" / "small_cpu.ipynb").read_text())


@pytest.fixture(autouse=True)
def in_checkout(monkeypatch):
    monkeypatch.chdir(TOP)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")


def test_the_examples_of_the_page():
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE | doctest.IGNORE_EXCEPTION_DETAIL
    failed, tried = doctest.testfile(str(TOP / "docs" / "api.md"), module_relative=False, optionflags=flags)
    assert (failed, tried > 20) == (0, True)


def test_the_notebook_was_executed_from_top_to_bottom_and_still_runs():
    cells = [cell for cell in NOTEBOOK["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1)) and len(cells) >= 4
    assert all(cell["outputs"] for cell in cells[1:]), "every cell but the imports has an output"
    names: dict[str, object] = {}
    with matplotlib.rc_context(), pd.option_context("display.max_rows", None):
        for cell in cells:
            exec("".join(line for line in cell["source"] if not line.startswith("%")), names)
