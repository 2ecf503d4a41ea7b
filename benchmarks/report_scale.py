"""Measure what a report of many runs costs: `python -m benchmarks.report_scale [RUNS ...]`, by default 100 1000 10000.

Runs `dcbench report` on two cores over made-up finished runs of 100 epochs (benchmarks/made_results.py). Prints, and
writes to docs/report_scale.csv: the seconds of the whole command and of each step, the CPU seconds of all processes,
their peak resident memory together (shared memory is counted once), the size of the page and of data.parquet, and the
seconds that `report --watch` takes to check folders that have not changed.
"""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import dcbench.report.writing  # noqa: F401  (the modules of the steps)
from benchmarks import made_results
from dcbench import cli
from dcbench.core.store.run_dir import MatrixDir
from dcbench.report.watch.fingerprint import take_fingerprint

TOP = Path(__file__).parent.parent
TABLE = TOP / "docs" / "report_scale.csv"
CORES = 2
SIZES = (100, 1_000, 10_000)
STEPS = {
    "reading": ("dcbench.report.writing.read_status", "dcbench.analysis.results.collect_results"),
    "audit": ("dcbench.audit.axes.audit_status",),
    "statistics": ("dcbench.report.writing.analyse",),
    "drawing": ("dcbench.report.writing.draw_figures",),
    "data.parquet": ("dcbench.report.writing.write_parquet",),
    "page": ("dcbench.report.writing.render_page",),
    "report": ("dcbench.report.writing.write_report",),
}
"""Step -> the functions that are timed for it; the time of the tables is the rest of the report."""


# --- the process that is measured -----------------------------------------------------------


def report(folder: Path, out: Path) -> None:
    """Run `dcbench report`, time each step, and print the seconds as JSON in the last line."""
    seconds: dict[str, float] = defaultdict(float)
    for step, functions in STEPS.items():
        for function in functions:
            _time(function, step, seconds)
    cli.app(["report", str(folder), "--out", str(out)], standalone_mode=False)
    inner = sum(taken for step, taken in seconds.items() if step != "report")
    print(json.dumps(seconds | {"tables": seconds.pop("report") - inner}))


def _time(name: str, step: str, seconds: dict[str, float]) -> None:
    module, _, function = name.rpartition(".")
    done: Callable[..., Any] = getattr(sys.modules[module], function)

    def timed(*args: Any, **kwargs: Any) -> Any:
        start = time.perf_counter()
        try:
            return done(*args, **kwargs)
        finally:
            seconds[step] += time.perf_counter() - start

    setattr(sys.modules[module], function, timed)


# --- the process that measures --------------------------------------------------------------


class Memory(threading.Thread):
    """The peak memory (MB) of a process and all its descendants together."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.pid, self.peak_mb, self.finished = pid, 0.0, threading.Event()

    def run(self) -> None:
        while not self.finished.wait(0.1):
            self.peak_mb = max(self.peak_mb, sum(_resident_mb(pid) for pid in _process_tree(self.pid)))


def _process_tree(pid: int) -> list[int]:
    """Return the process and all its descendants."""
    children = defaultdict(list)
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            children[int(stat.read_text().rpartition(")")[2].split()[1])].append(int(stat.parent.name))
    pids = [pid]
    for parent in pids:
        pids += children[parent]
    return pids


def _resident_mb(pid: int) -> float:
    """Return the resident memory with the process's share of shared pages; 0 when the process has ended."""
    with suppress(OSError):
        match = re.search(r"^Pss:\s+(\d+) kB$", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
        return int(match[1]) / 1000 if match else 0.0
    return 0.0


def measure(folder: Path, out: Path) -> dict[str, float]:
    """Return the seconds of each step and of the whole command, the CPU seconds and the peak memory."""
    command = [sys.executable, "-m", "benchmarks.report_scale", str(folder), str(out)]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    before, start = os.times(), time.perf_counter()
    with subprocess.Popen(command, cwd=TOP, env=environment, stdout=subprocess.PIPE, text=True) as process:
        memory = Memory(process.pid)
        memory.start()
        printed, _ = process.communicate()
        memory.finished.set()
    wall_seconds, after = time.perf_counter() - start, os.times()
    if process.returncode:
        raise SystemExit(process.returncode)
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return {"all": wall_seconds, "CPU": cpu, "memory": memory.peak_mb} | json.loads(printed.splitlines()[-1])


def look_seconds(folder: MatrixDir) -> float:
    """Return how long the watch takes to check a matrix in which nothing has changed."""
    before, start = take_fingerprint(folder, None), time.perf_counter()
    assert take_fingerprint(folder, before) == before
    return time.perf_counter() - start


def measure_row(runs: int) -> dict[str, object]:
    """Measure one row of the table."""
    with TemporaryDirectory() as temporary:
        folder, out = made_results.write(Path(temporary, "results"), runs), Path(temporary, "reports")
        measured, look = measure(folder.path, out), look_seconds(folder)
        page, data = (out / folder.path.name / name for name in ("index.html", "data.parquet"))
        sizes = [f"{path.stat().st_size / 1e6:.1f}" for path in (page, data)]
    steps = ("reading", "audit", "statistics", "drawing", "tables", "data.parquet", "page")
    seconds = {f"{step} (s)": f"{measured[step]:.1f}" for step in ("all", *steps)}
    cost = {"CPU (s)": f"{measured['CPU']:.0f}", "peak memory (MB)": f"{measured['memory']:.0f}"}
    file_sizes = dict(zip(("page (MB)", "data.parquet (MB)"), sizes, strict=True))
    return {"runs": runs} | seconds | cost | file_sizes | {"look (s)": f"{look:.3f}"}


def main(sizes: list[int]) -> None:
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])
    rows = []
    for runs in sizes:
        rows.append(measure_row(runs))
        print(", ".join(f"{name}: {value}" for name, value in rows[-1].items()), flush=True)
    if tuple(sizes) == SIZES:
        with TABLE.open("w", newline="") as file:
            table = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
            table.writeheader()
            table.writerows(rows)


if __name__ == "__main__":
    match sys.argv[1:]:
        case [folder, out] if not folder.isdigit():
            report(Path(folder), Path(out))
        case sizes:
            main([int(size) for size in sizes] or list(SIZES))
