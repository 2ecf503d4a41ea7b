"""Datasets that are not there yet: fetched before the first run starts, each once."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from dcbench import registry
from dcbench.core.spec import RunSpec
from dcbench.core.store.run_state import RunState
from dcbench.core.store.status import PlannedRun
from dcbench.errors import ResultsError
from dcbench.execution.scheduler.faults import record_state
from dcbench.execution.scheduler.stop import StopFlag


def fetch_all(specs: Sequence[RunSpec], data_dir: Path, stop: StopFlag) -> dict[str, str]:
    """Dataset -> why it cannot be had, for those that cannot; what somebody stopped is no failure."""
    problems = {}
    for name in dict.fromkeys(spec.dataset for spec in specs):
        if not stop.presses and (problem := fetch(name, data_dir)):
            problems[name] = problem
    return {} if stop.presses else problems


def fetch(dataset: str, data_dir: Path) -> str | None:
    """Download a dataset that is not there, its progress bar on this terminal; why it failed, or None."""
    files = registry.facts("datasets", dataset).get("files", [])
    if all((data_dir / file).exists() for file in files):
        return None
    command = [sys.executable, "-m", "dcbench.training.datasets", dataset, str(data_dir)]
    fetched = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    return None if fetched.returncode == 0 else fetched.stdout.strip() or f"{dataset}: the download failed"


def failed(entry: PlannedRun, problem: str) -> RunState:
    """Record that the run's dataset cannot be had; a folder that is another run's is left as it is."""
    try:
        entry.folder.prepare(entry.spec)
    except ResultsError as error:
        return RunState(name="failed", kind="error", reason=str(error))
    return record_state(entry.folder, RunState(name="failed", kind="error", reason=problem))
