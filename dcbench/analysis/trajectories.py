"""Tell which runs are copies of each other: the same trajectory, to the last digit of every row.

Two specs can differ and still lead to the same run, as two libraries do that make the same clusters. Such runs are one
observation and not several.
"""

from __future__ import annotations

import pandas as pd

TRACES = ["loss", "pseudo_label_accuracy", "nmi_true", "ari_true", "nmi_previous"]
"""Columns that runs of different trajectories do not share in all rows: the training, and each clustering."""


def number_trajectories(rows: pd.DataFrame) -> pd.Series:
    """Return the number of each run's trajectory, indexed by run; `rows` has a row for each run and epoch."""
    # The hash of a row has its epoch in it, so that the sum over the rows of a run tells their order as well.
    hashes = pd.util.hash_pandas_object(rows[["epoch", *TRACES]], index=False)
    sums = hashes.groupby(rows["run_id"], sort=False, observed=True).sum()
    return pd.Series(pd.factorize(sums)[0], index=sums.index.astype(object), name="trajectory")
