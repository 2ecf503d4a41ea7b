"""`dcbench plan`: what a matrix comes to."""

from __future__ import annotations

import json
from pathlib import Path

from dcbench import devices, ledger
from dcbench.cli.options import AsJson, Device, MatrixFile, Results
from dcbench.matrix import read_matrix
from dcbench.rundir import MatrixDir
from dcbench.screens.plan import show_plan


def plan(
    matrix: MatrixFile,
    results: Results = Path("results"),
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Expand a matrix: the count after each step, the axes, and which runs are done already."""
    kind, _ = devices.resolve(device)
    planned = read_matrix(matrix, devices.default_precision(kind))
    folder = MatrixDir(results / planned.name)
    counts = ledger.counts(ledger.entries(planned, folder))
    if as_json:
        facts = {"cells": planned.cells, "runs": len(planned.runs), "baselines": len(planned.baselines)}
        print(json.dumps(facts | {"done": counts["done"], "steps": planned.steps}))
    else:
        show_plan(planned, folder, counts)
