"""Rulers of the analysis: which one judges choices, and what training did under each of them."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from dcbench.analysis.results import Results
from dcbench.analysis.statistics.intervals import interval_over_seeds
from dcbench.analysis.statistics.matching import make_grid, match_runs
from dcbench.core.columns import DEFAULT_RULER, RULERS
from dcbench.errors import ResultsError

GAIN_COLUMNS = ["dataset", "ruler", "metric", "runs", "seeds", "untrained", "trained", "gain", "low", "high"]


def list_rulers(rows: pd.DataFrame) -> list[str]:
    """Return the rulers that have scored every one of these rows."""
    return [name for name, ruler in RULERS.items() if ruler.column in rows and rows[ruler.column].notna().all()]


def choose_ruler(results: Results, ruler: str | None) -> str:
    """Return the ruler that judges choices: the one asked for, else the default one, else the runs' own clustering.

    Raises ResultsError where some row lacks the ruler that is asked for.
    """
    present = list_rulers(results.rows)
    if ruler is None:
        # Results from before a ruler existed, and those with some runs from before it, are judged by what all have.
        return DEFAULT_RULER if DEFAULT_RULER in present else "own"
    if ruler not in present and len(results.rows):
        raise ResultsError(
            f"{results.name}: not all rows were scored by the ruler {ruler!r}; all rows have "
            f"{', '.join(present) or 'none'}. `dcbench run --redo` runs the matrix again and scores by every ruler"
        )
    return ruler


def tabulate_gains(
    finals: pd.DataFrame, rows: pd.DataFrame, rulers: Iterable[str], axes: Iterable[str]
) -> pd.DataFrame:
    """Return what training did under each ruler: a row for each dataset and ruler, with the columns GAIN_COLUMNS.

    `finals` has a row for each finished run, `rows` all of its epochs. `untrained` and `trained` are the mean scores of
    row 0 and of the final row, over the runs with at least one training pass. `gain` is the mean difference with its
    95 % interval over the seeds, NaN with fewer than three. Runs that not every seed has are left out.
    """
    untrained = rows[rows["epoch"] == 0].set_index("run_id")
    cells = [name for name in axes if name != "dataset"]
    table = []
    for dataset, runs in finals[finals["epoch"] > 0].groupby("dataset", sort=False, observed=True):
        grid = make_grid(runs, [], cells)
        first = untrained.loc[runs["run_id"]]
        for name in rulers:
            column = RULERS[name].column
            scores = [match_runs(grid, side[column].to_numpy(dtype=float), [()]).metric[0] for side in (first, runs)]
            gain = interval_over_seeds(scores[1] - scores[0])
            table.append(
                {
                    "dataset": dataset, "ruler": name, "metric": column, "runs": scores[0].size,
                    "seeds": len(scores[0]), "untrained": scores[0].mean(), "trained": scores[1].mean(),
                    "gain": gain.mean, "low": gain.low, "high": gain.high,
                }
            )  # fmt: skip
    return pd.DataFrame(table, columns=GAIN_COLUMNS)
