"""The committed reports are what the committed results give, and the rows are those of the old layout of the package.

The digests in `tests/data/reports_before_the_new_layout.json` are those of results from before commit fe47945, the last
one of the old layout. The matrices were run again since. The columns of the rulers and the repeat are newer, and times
and memory are never the same twice, so these are not in the digests: all else is the same to the last digit.
"""

import json

import pytest

from dcbench.analysis.results import read_results
from dcbench.analysis.summary import analyse
from dcbench.audit.axes import audit
from dcbench.core.columns import COLUMNS
from dcbench.core.store.run_dir import MatrixDir
from dcbench.report.formats import TABLE_FORMATS
from dcbench.report.tables import make_tables
from tests.helpers.frames import frame_digest
from tests.helpers.paths import TOP

NEWER_COLUMNS = [
    *(name for name, column in COLUMNS.items() if column.space and column.space.scores),
    "test_knn_accuracy",
    "test_probe_accuracy",
    "repeat",
]
COSTS = [*(name for name, column in COLUMNS.items() if column.cost), "seconds", "timing"]

OLD_LAYOUT = json.loads((TOP / "tests" / "data" / "reports_before_the_new_layout.json").read_text())


def test_the_digests_cover_every_committed_report():
    assert set(OLD_LAYOUT) == {path.parent.name for path in (TOP / "reports").glob("*/index.html")}


@pytest.mark.parametrize("name", OLD_LAYOUT)
def test_tables_and_rows_agree_with_the_old_layout(name):
    folder = MatrixDir(TOP / "results" / name)
    results = read_results(folder)
    rows = results.rows.drop(columns=[*NEWER_COLUMNS, *COSTS])
    assert (len(rows), frame_digest(rows)) == (OLD_LAYOUT[name]["rows"], OLD_LAYOUT[name]["sha256"])
    tables = make_tables(analyse(results), audit(folder))
    committed = {path.stem: path.read_text() for path in (TOP / "reports" / name / "tables").glob("*.csv")}
    assert set(tables) == set(committed)
    for table, text in committed.items():
        assert TABLE_FORMATS["csv"](tables[table]) == text, table
