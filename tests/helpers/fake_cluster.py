"""A simulated cluster: N devices of M MB in virtual time, whose runs claim memory as they progress.

It replaces the workers of an executor, so that the scheduler's own loop packs runs, runs out of memory, shares devices
and times out as it does on real cards.
"""

from dataclasses import dataclass, field, replace

from dcbench.core.store.run_dir import RunDir
from dcbench.core.store.run_state import STOPPED, RunState
from dcbench.execution.executors import EXIT_DONE, EXIT_FAILED, EXIT_STOPPED, WorkerExit
from dcbench.execution.scheduler.packing import Device, Pool

DONE = RunState(name="done")


@dataclass
class Script:
    """What a run does: its seconds without sharing, its memory (MB) from a share of its time on, and how it ends."""

    seconds: float = 60.0
    memory: list[tuple[float, float]] = field(default_factory=lambda: [(0.0, 1000.0)])
    state: RunState = DONE
    exit_code: int = EXIT_DONE
    ignores_stop: bool = False


@dataclass
class _LiveRun:
    script: Script
    gpu: str
    reserved: float
    progress: float = 0.0

    @property
    def claim(self):
        share = self.progress / self.script.seconds
        return max(mb for start, mb in self.script.memory if start <= share + 1e-9)


class Cluster:
    """The devices, the clock, and the most memory that was claimed and reserved on each device."""

    def __init__(self, gpus, memory_mb, scripts, slots=64, slowdown=1.0, watched=False):
        self.capacity = {f"GPU-{number}": float(memory_mb) for number in range(gpus)}
        self.scripts, self.slots, self.slowdown = scripts, slots, slowdown
        self.watched = watched
        self.now = 0.0
        self.live, self.log = {}, []
        self.most_claimed = dict.fromkeys(self.capacity, 0.0)
        self.most_reserved = dict.fromkeys(self.capacity, 0.0)
        self.most_runs = 0
        self.ended = []

    def pool(self):
        return Pool(Device(gpu=gpu, memory_mb=mb, slots=self.slots) for gpu, mb in self.capacity.items())

    def clock(self):
        return self.now

    def submit(self, run, config):
        script = self.scripts(run)
        self.live[run] = _LiveRun(script, config.gpu, config.memory_mb)
        self.log.append((self.now, "start", run.name, config.gpu))
        RunDir(run).write_state(RunState(name="running"))
        self._enforce_memory()

    def wait(self, seconds):
        """Advance the clock to the next event; where the clock is watched, by `seconds` at most."""
        if self.ended:
            return self._take_ended()
        step = min((self._until_next(worker) for worker in self.live.values()), default=seconds)
        step = min(step, seconds) if self.watched else step
        for worker in self.live.values():
            worker.progress += step / self._rate(worker)
        self.now += step
        for run, worker in list(self.live.items()):
            if worker.progress >= worker.script.seconds - 1e-6 and not worker.script.ignores_stop:
                self._end(run, worker.script.state, worker.script.exit_code)
        self._enforce_memory()
        return self._take_ended()

    def stop(self, run):
        if not self.live[run].script.ignores_stop:
            self._end(run, STOPPED, EXIT_STOPPED)

    def kill(self, run):
        self._end(run, None, -9)

    def close(self):
        for run in list(self.live):
            self._end(run, STOPPED, EXIT_STOPPED)

    def _take_ended(self):
        ended, self.ended = self.ended, []
        return ended

    def _rate(self, worker):
        """Return the seconds that one second of work takes: more on a shared device."""
        return self.slowdown if sum(other.gpu == worker.gpu for other in self.live.values()) > 1 else 1.0

    def _until_next(self, worker):
        marks = [start * worker.script.seconds for start, _ in worker.script.memory] + [worker.script.seconds]
        return min(
            ((mark - worker.progress) * self._rate(worker) for mark in marks if mark > worker.progress + 1e-6),
            default=1.0,
        )

    def _enforce_memory(self):
        """Fail each run that claims more than its reserved memory, as a worker's limit does; record the peaks."""
        for gpu in self.capacity:
            for run, worker in list(self.live.items()):
                if worker.gpu == gpu and worker.claim > worker.reserved:
                    self._end(
                        run, RunState(name="failed", kind="out_of_memory", reason="CUDA out of memory"), EXIT_FAILED
                    )
            workers = [worker for worker in self.live.values() if worker.gpu == gpu]
            self.most_claimed[gpu] = max(self.most_claimed[gpu], sum(worker.claim for worker in workers))
            self.most_reserved[gpu] = max(self.most_reserved[gpu], sum(worker.reserved for worker in workers))
            self.most_runs = max(self.most_runs, len(workers))

    def _end(self, run, state, exit_code):
        worker = self.live.pop(run)
        self.log.append((self.now, "end", run.name, worker.gpu))
        if state is not None:
            RunDir(run).write_state(replace(state, pid=len(self.log)))
        if state is not None and state.name == "done":
            rows = RunDir(run).read_spec().epochs + 1
            RunDir(run).metrics_file.write_text("epoch\n" + "0\n" * rows)
        self.ended.append(WorkerExit(run_dir=run, exit_code=exit_code))
