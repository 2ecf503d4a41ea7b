"""How good is a prediction? `python -m benchmarks.prediction` (12 minutes on two cores).

`dcbench plan --probe matrices/mnist_cifar_cpu.yaml` in an empty results folder, then `dcbench run` of the same
matrix; what was predicted beside what it took goes into docs/prediction.csv.
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
    """What the command prints, and its seconds."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    start = time.perf_counter()
    command = [sys.executable, "-m", "dcbench", words[0], str(MATRIX), "--results", str(results), *words[1:]]
    told = subprocess.run(command, cwd=TOP, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return told.stdout, time.perf_counter() - start


def main() -> None:
    with TemporaryDirectory() as place:
        results = Path(place)
        told, probing = dcbench(results, "plan", "--probe", "--json")
        foreseen: dict[str, Any] = json.loads(told)["forecast"]
        _, whole = dcbench(results, "run")
        folders = [RunDir(path.parent) for path in results.glob("*/*/state.json")]
        taken = sum(folder.read_state().seconds or 0.0 for folder in folders)
    lines = ["figure,predicted (s),taken (s),ratio"]
    pairs = {
        "all runs, one after another": (foreseen["run_seconds"], taken),
        "the matrix": (foreseen["finish_seconds"], whole),
    }
    for name, (predicted, real) in pairs.items():
        lines.append(f"{name},{predicted:.0f},{real:.0f},{predicted / real:.2f}")
    lines.append(f"the probe itself ({len(foreseen['classes'])} classes),,{probing:.0f},")
    TABLE.write_text("\n".join(lines) + "\n")
    print(TABLE.read_text(), end="")


if __name__ == "__main__":
    main()
