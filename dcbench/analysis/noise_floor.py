"""The noise floor: how far the scores of twins differ, which are runs of the same experiment.

Twins are runs on images with one channel that differ only in whether the network gets it once or three times. All their
weights are drawn anew, so the floor is that of runs with different weights. Only SGD's steps do not depend on how often
the channel is repeated; Adam's do, so its runs have no twins.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from dcbench import registry
from dcbench.analysis.statistics.matching import make_grid
from dcbench.core.columns import RULERS
from dcbench.core.spec import TWIN_CHANNELS

FLOOR_COLUMNS = ["dataset", "ruler", "metric", "pairs", "floor"]

TWIN_AXIS = "input_channels"


def tabulate_noise_floor(finals: pd.DataFrame, axes: Iterable[str], rulers: Iterable[str]) -> pd.DataFrame:
    """Return the noise floor of each dataset that has twins, by each ruler: a table with the columns FLOOR_COLUMNS.

    `floor` is the root mean square of the difference of the final scores over the `pairs` of twins.
    """
    rulers, cells = list(rulers), [name for name in axes if name not in (TWIN_AXIS, "dataset")]
    table = []
    for dataset, runs in finals.groupby("dataset", sort=False, observed=True):
        grey = registry.facts("datasets", str(dataset)).get("channels") == 1
        if not grey:
            continue
        runs = runs[runs["optimizer"] == "sgd"]
        if not set(TWIN_CHANNELS) <= set(runs[TWIN_AXIS]):
            continue
        grid = make_grid(runs, [TWIN_AXIS], cells)
        first, second = grid.select(TWIN_CHANNELS)
        both = (first >= 0) & (second >= 0)
        for name in rulers:
            scores = runs[RULERS[name].column].to_numpy(dtype=float)
            differences = scores[first[both]] - scores[second[both]]
            if len(differences):
                floor = float(np.sqrt(np.mean(differences**2)))
                table.append((dataset, name, RULERS[name].column, len(differences), floor))
    return pd.DataFrame(table, columns=FLOOR_COLUMNS)
