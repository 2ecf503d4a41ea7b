"""What sharing a GPU gains: `python -m benchmarks.gpu_sharing [RUNS AT ONCE ...]`, by default 1 2 4 8.

Eight runs of three epochs on 10,000 CIFAR-10 images, so many at once on one GPU (without a GPU on the CPU, to try
the script out). Prints and writes to docs/gpu_sharing.csv: images a second of all runs together, from the first start
to the last end; the memory reserved for a run beside the most that NVML saw in use for each run.
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
    """The most memory (MB) that was in use on the first GPU while it looked, beyond what was when it began."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.before, self.most, self.over = self._used(), 0.0, threading.Event()

    @staticmethod
    def _used() -> float:
        return next((gpu.used_mb for gpu in devices.list_gpus()), 0.0)

    def run(self) -> None:
        while not self.over.wait(0.2):
            self.most = max(self.most, self._used() - self.before)


def together(at_once: int, images: int, epochs: int) -> tuple[str, float, float, float]:
    """Device, images a second of all runs, MB reserved for one, MB that one took at the most."""
    with TemporaryDirectory() as place:
        seeds = ", ".join(map(str, range(RUNS)))
        settings = f"{{dataset: cifar10, limit: {images}, test_limit: 1000, epochs: {epochs}}}"
        matrix = Path(place, "m.yaml")
        matrix.write_text(f"name: sharing\naxes: {{optimizer: [sgd]}}\nseeds: [{seeds}]\nsettings: {settings}\n")
        how = ["--runs-per-gpu" if devices.list_gpus() else "--jobs", str(at_once)]
        watch = Watch()
        watch.start()
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        environment["PYTHONPATH"] = str(TOP)
        subprocess.run([sys.executable, "-m", "dcbench", "run", "m.yaml", *how], cwd=place, env=environment, check=True)
        watch.over.set()
        watch.join()
        folders = [RunDir(path.parent) for path in Path(place).glob("results/sharing/*/state.json")]
        first = min(datetime.fromisoformat(folder.read_state().started or "") for folder in folders).timestamp()
        seconds = max(folder.state_file.stat().st_mtime for folder in folders) - first
        facts = [json.loads(folder.provenance_file.read_text()) for folder in folders]
    reserved = max(one["reserved_mb"] or 0.0 for one in facts)
    return facts[0]["device"], RUNS * epochs * images / seconds, reserved, watch.most / at_once


def main(counts: list[int], images: int = IMAGES, epochs: int = EPOCHS) -> None:
    lines, alone = [HEADER], None
    for at_once in counts:
        device, speed, reserved, measured = together(at_once, images, epochs)
        alone = alone or speed
        lines.append(f"{device},{at_once},{speed:.0f},{speed / alone:.2f},{reserved:.0f},{measured:.0f}")
        print(lines[-1], flush=True)
    if devices.list_gpus():
        TABLE.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main([int(word) for word in sys.argv[1:]] or [1, 2, 4, 8])
