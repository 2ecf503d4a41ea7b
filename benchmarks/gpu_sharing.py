"""Measure the gain from sharing a GPU: `python -m benchmarks.gpu_sharing [RUNS AT ONCE ...]`, by default 1 2 4 8.

Eight runs of three epochs on 10,000 CIFAR-10 images, that many at once on one GPU (without a GPU on the CPU, to try
the script out). Prints and writes to docs/gpu_sharing.csv: images a second of all runs together, from the first start
to the last end; the memory reserved for a run, and the peak that NVML measured for each run.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from dcbench.core import devices
from dcbench.core.store.run_dir import RunDir

TOP = Path(__file__).parent.parent
TABLE = TOP / "docs" / "gpu_sharing.csv"
RUNS, EPOCHS, IMAGES = 8, 3, 10_000
HEADER = "device,runs at once,images a second,ratio to one at once,reserved a run (MB),measured a run (MB)"


class Watch(threading.Thread):
    """The peak memory (MB) in use on the first GPU while the thread runs, over the memory in use at its start."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.before, self.peak_mb, self.finished = self._used(), 0.0, threading.Event()

    @staticmethod
    def _used() -> float:
        return next((gpu.used_mb for gpu in devices.list_gpus()), 0.0)

    def run(self) -> None:
        while not self.finished.wait(0.2):
            self.peak_mb = max(self.peak_mb, self._used() - self.before)


def run_at_once(at_once: int, images: int, epochs: int) -> tuple[str, float, float, float]:
    """Return the device, the images a second of all runs, and the reserved and the peak memory (MB) of a run."""
    with TemporaryDirectory() as folder:
        seeds = ", ".join(map(str, range(RUNS)))
        settings = f"{{dataset: cifar10, limit: {images}, test_limit: 1000, epochs: {epochs}}}"
        matrix = Path(folder, "m.yaml")
        matrix.write_text(f"name: sharing\naxes: {{optimizer: [sgd]}}\nseeds: [{seeds}]\nsettings: {settings}\n")
        options = ["--runs-per-gpu" if devices.list_gpus() else "--jobs", str(at_once)]
        watch = Watch()
        watch.start()
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        environment["PYTHONPATH"] = str(TOP)
        command = [sys.executable, "-m", "dcbench", "run", "m.yaml", *options]
        subprocess.run(command, cwd=folder, env=environment, check=True)
        watch.finished.set()
        watch.join()
        run_dirs = [RunDir(path.parent) for path in Path(folder).glob("results/sharing/*/state.json")]
        first = min(datetime.fromisoformat(run_dir.read_state().started or "") for run_dir in run_dirs).timestamp()
        seconds = max(run_dir.state_file.stat().st_mtime for run_dir in run_dirs) - first
        provenances = [json.loads(run_dir.provenance_file.read_text()) for run_dir in run_dirs]
    reserved = max(provenance["reserved_mb"] or 0.0 for provenance in provenances)
    return provenances[0]["device"], RUNS * epochs * images / seconds, reserved, watch.peak_mb / at_once


def main(counts: list[int], images: int = IMAGES, epochs: int = EPOCHS) -> None:
    rows, alone = [HEADER], None
    for at_once in counts:
        device, speed, reserved, measured = run_at_once(at_once, images, epochs)
        alone = alone or speed
        rows.append(f"{device},{at_once},{speed:.0f},{speed / alone:.2f},{reserved:.0f},{measured:.0f}")
        print(rows[-1], flush=True)
    if devices.list_gpus():
        TABLE.write_text("\n".join(rows) + "\n")


if __name__ == "__main__":
    main([int(word) for word in sys.argv[1:]] or [1, 2, 4, 8])
