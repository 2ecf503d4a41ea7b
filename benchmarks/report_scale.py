"""What a report costs as the runs grow: `python -m benchmarks.report_scale [RUNS ...]`, by default 100 1000 10000.

`dcbench report` on two cores over so many made-up finished runs of 100 epochs (benchmarks/made_results.py). Prints, and
writes to docs/report_scale.csv, seconds in all and of each step, CPU seconds of all processes, the most memory that
they held together (resident; what several share is counted once), the size of the page and of data.parquet, and the
seconds of a look of `report --watch` at folders of which none has changed.
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
"""Step -> the functions that do it; tables are what is left of the report."""


# --- the process that is measured -----------------------------------------------------------


def report(folder: Path, out: Path) -> None:
    """`dcbench report` with a stopwatch around each step; prints the seconds as its last line."""
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
    """The most memory (MB) that a process and all below it held together."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.pid, self.most, self.over = pid, 0.0, threading.Event()

    def run(self) -> None:
        while not self.over.wait(0.1):
            self.most = max(self.most, sum(_held_mb(pid) for pid in _below(self.pid)))


def _below(pid: int) -> list[int]:
    """The process and all its descendants."""
    children = defaultdict(list)
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            children[int(stat.read_text().rpartition(")")[2].split()[1])].append(int(stat.parent.name))
    found = [pid]
    for one in found:
        found += children[one]
    return found


def _held_mb(pid: int) -> float:
    """Resident memory, of shared pages its share; 0 when the process has ended."""
    with suppress(OSError):
        told = re.search(r"^Pss:\s+(\d+) kB$", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
        return int(told[1]) / 1000 if told else 0.0
    return 0.0


def measure(folder: Path, out: Path) -> dict[str, float]:
    """Seconds by step and in all, CPU seconds, and the peak of the memory."""
    command = [sys.executable, "-m", "benchmarks.report_scale", str(folder), str(out)]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    before, start = os.times(), time.perf_counter()
    with subprocess.Popen(command, cwd=TOP, env=environment, stdout=subprocess.PIPE, text=True) as process:
        memory = Memory(process.pid)
        memory.start()
        told, _ = process.communicate()
        memory.over.set()
    whole, after = time.perf_counter() - start, os.times()
    if process.returncode:
        raise SystemExit(process.returncode)
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return {"all": whole, "CPU": cpu, "memory": memory.most} | json.loads(told.splitlines()[-1])


def look_seconds(folder: MatrixDir) -> float:
    """How long the watch looks at a matrix in which nothing has changed."""
    before, start = take_fingerprint(folder, None), time.perf_counter()
    assert take_fingerprint(folder, before) == before
    return time.perf_counter() - start


def line(runs: int) -> dict[str, object]:
    """One line of the table."""
    with TemporaryDirectory() as place:
        folder, out = made_results.write(Path(place, "results"), runs), Path(place, "reports")
        found, look = measure(folder.path, out), look_seconds(folder)
        page, data = (out / folder.path.name / name for name in ("index.html", "data.parquet"))
        sizes = [f"{path.stat().st_size / 1e6:.1f}" for path in (page, data)]
    steps = ("reading", "audit", "statistics", "drawing", "tables", "data.parquet", "page")
    seconds = {f"{step} (s)": f"{found[step]:.1f}" for step in ("all", *steps)}
    cost = {"CPU (s)": f"{found['CPU']:.0f}", "peak memory (MB)": f"{found['memory']:.0f}"}
    sized = dict(zip(("page (MB)", "data.parquet (MB)"), sizes, strict=True))
    return {"runs": runs} | seconds | cost | sized | {"look (s)": f"{look:.3f}"}


def main(sizes: list[int]) -> None:
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])
    lines = []
    for runs in sizes:
        lines.append(line(runs))
        print(", ".join(f"{name}: {value}" for name, value in lines[-1].items()), flush=True)
    if tuple(sizes) == SIZES:
        with TABLE.open("w", newline="") as file:
            table = csv.DictWriter(file, list(lines[0]), lineterminator="\n")
            table.writeheader()
            table.writerows(lines)


if __name__ == "__main__":
    match sys.argv[1:]:
        case [folder, out] if not folder.isdigit():
            report(Path(folder), Path(out))
        case sizes:
            main([int(size) for size in sizes] or list(SIZES))
