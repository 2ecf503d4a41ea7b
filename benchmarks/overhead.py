"""Measure the overhead of a run beyond its own work: `python -m benchmarks.overhead [RUNS]`.

1,000 runs of one epoch on 64 of scikit-learn's digits, two at once. A run's own work is what its stage clock counts:
features, PCA, whitening, k-means, training, evaluation. Everything else is overhead: the fork, the claim, reading the
data, building the network, the first calls of the libraries, seven files on disk, the next start. Writes
docs/overhead.csv.
"""

from __future__ import annotations

import csv
import os
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from dcbench.core.columns import STAGES
from dcbench.core.store.run_dir import RunDir

TABLE = Path(__file__).parent.parent / "docs" / "overhead.csv"
JOBS = 2


def own_work(folder: RunDir) -> float:
    """Return the seconds that the stage clock counted."""
    rows = csv.DictReader(folder.read_metrics_text()[0].splitlines())
    return sum(float(row[f"seconds_{stage}"] or 0) for row in rows for stage in STAGES)


def memory_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1000 for line in lines if line.startswith("VmRSS"))


def run_all(folder: Path, runs: int) -> tuple[float, list[float]]:
    """Return the seconds of the whole command, and the scheduler's memory (MB) after each tenth of the runs."""
    settings = "{limit: 64, test_limit: 64, width: 0.05, pca_dim: 8, k: 4, epochs: 1, batch_size: 32}"
    seeds = ", ".join(map(str, range(runs)))
    (folder / "m.yaml").write_text(f"name: tiny\naxes: {{optimizer: [sgd]}}\nseeds: [{seeds}]\nsettings: {settings}\n")
    command = [sys.executable, "-m", "dcbench", "run", "m.yaml", "--jobs", str(JOBS), "--device", "cpu"]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    start, sizes = time.perf_counter(), []
    process = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for ended, _ in enumerate(line for line in process.stdout if line.startswith("[")):
        if (ended + 1) % max(1, runs // 10) == 0:
            sizes.append(memory_mb(process.pid))
    assert process.wait() == 0
    return time.perf_counter() - start, sizes


def main(runs: int = 1000) -> None:
    with TemporaryDirectory() as folder:
        whole, sizes = run_all(Path(folder), runs)
        folders = [RunDir(path.parent) for path in Path(folder).glob("results/tiny/*/state.json")]
        states = [folder.read_state() for folder in folders]
        assert len(states) == runs
        assert {state.name for state in states} == {"done"}
        own = sum(own_work(folder) for folder in folders)
        inside = sum(state.seconds or 0.0 for state in states)
        first = min(datetime.fromisoformat(state.started or "") for state in states).timestamp()
        last = max(path.stat().st_mtime for path in Path(folder).glob("results/tiny/*/state.json"))
    busy = last - first
    facts = {
        "runs": runs,
        "at once": JOBS,
        "whole command (s)": f"{whole:.1f}",
        "from the first start to the last end (s)": f"{busy:.1f}",
        "own work a run (s)": f"{own / runs:.3f}",
        "overhead a run (s)": f"{(busy - own / JOBS) / runs:.3f}",
        "a worker's overhead inside its run (s)": f"{(inside - own) / runs:.3f}",
        "a worker's overhead outside its run (s)": f"{(busy * JOBS - inside) / runs:.3f}",
        "scheduler's memory after a tenth and at the end (MB)": f"{sizes[0]:.0f} and {sizes[-1]:.0f}",
    }
    if runs == 1000:
        TABLE.write_text("figure,value\n" + "".join(f"{name},{value}\n" for name, value in facts.items()))
    for name, value in facts.items():
        print(f"{name}: {value}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
