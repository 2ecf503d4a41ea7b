"""Time the commands that must start instantly and write docs/start_times.csv: `python -m benchmarks.start_times`."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

TOP = Path(__file__).parent.parent
COMMANDS = ("dcbench --help", "dcbench plan matrices/mnist_cifar.yaml", "dcbench status results/mnist_cifar_cpu")
TIMES = 9


def seconds(command: str) -> float:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    start = time.perf_counter()
    words = [sys.executable, "-m", *command.split()]
    subprocess.run(words, cwd=TOP, env=environment, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - start


def main() -> None:
    rows = ["command,lowest,median,highest"]
    for command in COMMANDS:
        seconds(command)  # compiles the bytecode
        taken = sorted(seconds(command) for _ in range(TIMES))
        rows.append(f"`{command}`,{taken[0]:.2f} s,{statistics.median(taken):.2f} s,{taken[-1]:.2f} s")
    (TOP / "docs" / "start_times.csv").write_text("\n".join(rows) + "\n")


if __name__ == "__main__":
    main()
