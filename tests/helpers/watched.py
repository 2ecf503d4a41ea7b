"""A small matrix and settings for the tests of `dcbench report --watch`."""

from __future__ import annotations

from dcbench.core.store import status
from dcbench.report.writing import ReportSettings

SMALL = "name: {}\naxes: {{optimizer: [sgd, adam]}}\nseeds: [0, 1]\nsettings: {{epochs: 2, pca_dim: 8}}\n"


FEW = ReportSettings(formats=("png", "csv"))


def runs_of(folder):
    """Return the folders of the planned runs, in the order of the plan."""
    return [folder.run_dir(run_id) for run_id in status.read_stored_plan(folder).run_ids]
