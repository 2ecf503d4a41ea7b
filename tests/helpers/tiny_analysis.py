"""The smallest analysis from which figures can be drawn."""

from __future__ import annotations

import pandas as pd

from dcbench.analysis.results import Results
from dcbench.analysis.summary import analyse
from dcbench.core.columns import COLUMNS

ROWS = pd.DataFrame({"run_id": ["a", "a"], "seed": 0, "epoch": [0, 1], "nmi_true": 0.5, "nmi_previous": 0.5})

DEFAULTS = {"dataset": "digits", "epochs": 1, "repeat": 0} | dict.fromkeys(COLUMNS, float("nan"))
"""Columns that every analysis needs, for rows that lack them."""


def fill_rows(rows):
    """Return the rows with the columns that every analysis needs."""
    return rows.assign(**{name: value for name, value in DEFAULTS.items() if name not in rows})


def make_analysis(rows=ROWS, **axes):
    """Return the analysis of one run that has the first value of each axis; its axes have all of them."""
    rows = fill_rows(rows).assign(**{name: [values[0]] * len(rows) for name, values in axes.items()})
    runs = rows.drop_duplicates("run_id")
    return analyse(Results(name="m", varied=axes, runs=runs, rows=rows, groups=tuple((name,) for name in axes)))
