"""Results of small matrices that a watch serves."""

from __future__ import annotations

from dcbench.core.store import status
from dcbench.report.writing import ReportSettings

SMALL = "name: {}\naxes: {{optimizer: [sgd, adam]}}\nseeds: [0, 1]\nsettings: {{epochs: 2, pca_dim: 8}}\n"


FEW = ReportSettings(formats=("png", "csv"))


def runs_of(folder):
    """The planned runs' folders, in the plan's order."""
    return [folder.run_dir(run_id) for run_id in status.read_stored_plan(folder).run_ids]
