"""Simulates 288 runs on four cards, to compare the time with packing with the least possible time.

There are six classes of runs; memory is the reserved memory of a run. Without packing each card does one run at a time.
"""

from dataclasses import dataclass
from pathlib import Path

from dcbench.core import devices
from dcbench.core.store import status
from dcbench.core.store.run_dir import MatrixDir
from dcbench.core.worker_config import WorkerConfig
from dcbench.execution.scheduler.history import MARGIN, History, Machine, MeasuredCost, get_cost_class
from dcbench.execution.scheduler.loop import Loop
from dcbench.execution.scheduler.settings import SchedulerSettings
from tests.helpers.fake_cluster import Cluster, Script
from tests.helpers.matrices import plan_of

CARDS, CARD_MB, RUNS_EACH = 4, 80_000, 48

CLASSES = ((4, 1), (6, 5), (10, 12), (16, 25), (24, 40), (40, 60))
"""GB and minutes of each class; classes differ in their number of clusters."""

TEXT = f"""name: simulated
axes: {{k: [{", ".join(str(10 + number) for number in range(len(CLASSES)))}]}}
seeds: [{", ".join(map(str, range(RUNS_EACH)))}]
"""


@dataclass(frozen=True)
class Simulated:
    """Minutes from the first start to the last end, the least possible, and the fullest that a card was (GB)."""

    minutes: float
    least: float
    fullest: float
    most_at_once: int


def lower_bound(slowdown):
    """Return the least possible minutes: total memory times time over the memory of the cards, and the longest run.

    A run takes its share of a card for its time, or `slowdown` times as long on a shared card; alone it takes the
    whole card. For shares up to a half, sharing never costs more, so this counts every run as shared.
    """
    area = sum(gb * 1000 * minutes * RUNS_EACH for gb, minutes in CLASSES) / (CARD_MB * CARDS)
    return max(area * slowdown, max(minutes for _, minutes in CLASSES))


def simulate(root: Path, packed: bool, slowdown: float) -> Simulated:
    """Do all runs with the scheduler's own loop."""
    plan, folder = plan_of(TEXT), MatrixDir(root / "simulated")
    cost = dict(zip((spec.k for spec in plan.runs[::RUNS_EACH]), CLASSES, strict=True))
    by_run = {spec.run_id: cost[spec.k] for spec in plan.runs}

    def script(run):
        gb, minutes = by_run[run.name]
        return Script(minutes * 60.0, [(0.0, gb * 500.0), (0.1, gb * 1000.0)])

    cluster = Cluster(CARDS, CARD_MB, script, slots=64 if packed else 1, slowdown=slowdown)
    history = History(Machine(device="simulated", cpu="", threads=1))
    for spec in plan.runs:
        gb, minutes = cost[spec.k]
        peak = (gb * 1000.0 - devices.HEADROOM_MB) / MARGIN
        history.costs.setdefault(get_cost_class(spec), [MeasuredCost(start=minutes * 60.0, row=0.0, memory_mb=peak)])
    settings = SchedulerSettings(config=WorkerConfig(), pool=cluster.pool(), history=history, clock=cluster.clock)
    entries = status.read_planned_runs(plan, folder)
    ended = [event for event in Loop(entries, cluster, settings).run() if getattr(event, "ended", False)]
    assert len(ended) == len(entries) == 288 and all(event.state.name == "done" for event in ended)
    fullest = max(cluster.most_reserved.values())
    assert max(cluster.most_claimed.values()) <= fullest
    least = lower_bound(slowdown if packed else 1.0)
    return Simulated(cluster.now / 60, least, fullest / 1000, cluster.most_runs)
