"""Compare predicted with measured times: `python -m benchmarks.prediction` (12 minutes on two cores).

Runs `dcbench plan --probe matrices/mnist_cifar_cpu.yaml` in an empty results folder, then `dcbench run` of the same
matrix. Writes the predicted and the measured times to docs/prediction.csv.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from dcbench.core.store.run_dir import RunDir

TOP = Path(__file__).parent.parent
TABLE = TOP / "docs" / "prediction.csv"
MATRIX = TOP / "matrices" / "mnist_cifar_cpu.yaml"


def dcbench(results: Path, *words: str) -> tuple[str, float]:
    """Run the command; return its output and its seconds."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    start = time.perf_counter()
    command = [sys.executable, "-m", "dcbench", words[0], str(MATRIX), "--results", str(results), *words[1:]]
    completed = subprocess.run(command, cwd=TOP, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return completed.stdout, time.perf_counter() - start


def main() -> None:
    with TemporaryDirectory() as folder:
        results = Path(folder)
        output, probing = dcbench(results, "plan", "--probe", "--json")
        forecast: dict[str, Any] = json.loads(output)["forecast"]
        _, whole = dcbench(results, "run")
        run_dirs = [RunDir(path.parent) for path in results.glob("*/*/state.json")]
        taken = sum(run_dir.read_state().seconds or 0.0 for run_dir in run_dirs)
    rows = ["figure,predicted (s),taken (s),ratio"]
    pairs = {
        "all runs, one after another": (forecast["run_seconds"], taken),
        "the matrix": (forecast["finish_seconds"], whole),
    }
    for name, (predicted, real) in pairs.items():
        rows.append(f"{name},{predicted:.0f},{real:.0f},{predicted / real:.2f}")
    rows.append(f"the probe itself ({len(forecast['classes'])} classes),,{probing:.0f},")
    TABLE.write_text("\n".join(rows) + "\n")
    print(TABLE.read_text(), end="")


if __name__ == "__main__":
    main()
