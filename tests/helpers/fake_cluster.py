"""A cluster that is not there: N devices of M MB in virtual time, whose runs claim memory as they go on.

It stands in for an executor's workers, so that the scheduler's own loop packs, overfills, shares and times out here as
it does on real cards.
"""

from dataclasses import dataclass, field, replace

from dcbench.core.store.run_dir import RunDir
from dcbench.core.store.run_state import STOPPED, RunState
from dcbench.execution.executors import EXIT_DONE, EXIT_FAILED, EXIT_STOPPED, WorkerExit
from dcbench.execution.scheduler.packing import Device, Pool

DONE = RunState(name="done")


@dataclass
class Script:
    """What a run does: seconds on its own, memory (MB) from which part of its time on, and how it ends."""

    seconds: float = 60.0
    memory: list[tuple[float, float]] = field(default_factory=lambda: [(0.0, 1000.0)])
    state: RunState = DONE
    exit_code: int = EXIT_DONE
    deaf: bool = False


@dataclass
class _Live:
    script: Script
    gpu: str
    reserved: float
    progress: float = 0.0

    @property
    def claim(self):
        share = self.progress / self.script.seconds
        return max(mb for start, mb in self.script.memory if start <= share + 1e-9)


class Cluster:
    """The devices, the clock, and what was seen: the most that was claimed and reserved on each."""

    def __init__(self, gpus, memory_mb, scripts, slots=64, slowdown=1.0, watched=False):
        self.capacity = {f"GPU-{number}": float(memory_mb) for number in range(gpus)}
        self.scripts, self.slots, self.slowdown = scripts, slots, slowdown
        self.watched = watched
        self.now = 0.0
        self.live, self.log = {}, []
        self.most_claimed = dict.fromkeys(self.capacity, 0.0)
        self.most_reserved = dict.fromkeys(self.capacity, 0.0)
        self.most_runs = 0
        self.gone = []

    def pool(self):
        return Pool(Device(gpu=gpu, memory_mb=mb, slots=self.slots) for gpu, mb in self.capacity.items())

    def clock(self):
        return self.now

    def submit(self, run, config):
        script = self.scripts(run)
        self.live[run] = _Live(script, config.gpu, config.memory_mb)
        self.log.append((self.now, "start", run.name, config.gpu))
        RunDir(run).write_state(RunState(name="running"))
        self._look()

    def wait(self, seconds):
        """Go on to the next thing that happens; where the clock is watched, not further than `seconds`."""
        if self.gone:
            return self._take_gone()
        step = min((self._until_next(one) for one in self.live.values()), default=seconds)
        step = min(step, seconds) if self.watched else step
        for one in self.live.values():
            one.progress += step / self._rate(one)
        self.now += step
        for run, one in list(self.live.items()):
            if one.progress >= one.script.seconds - 1e-6 and not one.script.deaf:
                self._end(run, one.script.state, one.script.exit_code)
        self._look()
        return self._take_gone()

    def stop(self, run):
        if not self.live[run].script.deaf:
            self._end(run, STOPPED, EXIT_STOPPED)

    def kill(self, run):
        self._end(run, None, -9)

    def close(self):
        for run in list(self.live):
            self._end(run, STOPPED, EXIT_STOPPED)

    def _take_gone(self):
        gone, self.gone = self.gone, []
        return gone

    def _rate(self, one):
        """Seconds that a second's work takes: more where the device is shared."""
        return self.slowdown if sum(other.gpu == one.gpu for other in self.live.values()) > 1 else 1.0

    def _until_next(self, one):
        marks = [start * one.script.seconds for start, _ in one.script.memory] + [one.script.seconds]
        return min(
            ((mark - one.progress) * self._rate(one) for mark in marks if mark > one.progress + 1e-6), default=1.0
        )

    def _look(self):
        """A run that asks for more than was reserved for it is refused, as the worker's limit does it, and dies."""
        for gpu in self.capacity:
            for run, one in list(self.live.items()):
                if one.gpu == gpu and one.claim > one.reserved:
                    self._end(
                        run, RunState(name="failed", kind="out_of_memory", reason="CUDA out of memory"), EXIT_FAILED
                    )
            here = [one for one in self.live.values() if one.gpu == gpu]
            self.most_claimed[gpu] = max(self.most_claimed[gpu], sum(one.claim for one in here))
            self.most_reserved[gpu] = max(self.most_reserved[gpu], sum(one.reserved for one in here))
            self.most_runs = max(self.most_runs, len(here))

    def _end(self, run, state, exit_code):
        one = self.live.pop(run)
        self.log.append((self.now, "end", run.name, one.gpu))
        if state is not None:
            RunDir(run).write_state(replace(state, pid=len(self.log)))
        if state is not None and state.name == "done":
            rows = RunDir(run).read_spec().epochs + 1
            RunDir(run).metrics_file.write_text("epoch\n" + "0\n" * rows)
        self.gone.append(WorkerExit(run_dir=run, exit_code=exit_code))
