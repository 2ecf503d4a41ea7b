"""The scheduler's loop: start what fits, settle what ended, try again what deserves it, until nothing is left.

In: the entries to do, and a Setting: devices, history, policy, the user's wish to stop. Out: an Outcome whenever a run
starts, ends or is tried again, and a Notice where a person should know more. The workers are waited for in short
ticks, so that Ctrl-C and deadlines are seen; the clock is the Setting's, so that a simulation can bring its own.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path
from typing import Literal

from dcbench.core import devices
from dcbench.core.store.run_dir import RunDir
from dcbench.core.store.run_state import RunState
from dcbench.core.store.status import PlannedRun
from dcbench.core.worker_config import WorkerConfig
from dcbench.errors import ResultsError
from dcbench.execution.executors import EXIT_CLAIMED, EXIT_STOPPED, GRACE, LAST_WORDS, Executor, WorkerExit
from dcbench.execution.scheduler.faults import FaultPolicy, WorkerEnd, mark_stopped, next_step, settle, shared_device
from dcbench.execution.scheduler.history import History, Key, key_of
from dcbench.execution.scheduler.order import Choice, urgency
from dcbench.execution.scheduler.packing import Device, Pool
from dcbench.execution.scheduler.stop import StopFlag

TICK = 0.2
"""Seconds between two looks at Ctrl-C and the deadlines."""

IDLE = GRACE + LAST_WORDS + 2
"""Seconds without any run of ours, after which whoever needs more memory than is free may try: it will not come."""

OUR_SIGNALS = (-signal.SIGTERM, -signal.SIGKILL)
"""Exit codes of workers that were stopped before they could listen, or too late."""

ELSEWHERE = 1.0
"""Seconds between two looks at runs that another scheduler holds, and at the memory of idle devices."""


@dataclass(frozen=True)
class RunEvent:
    """A planned run that has just started, will be tried again, or has ended, with its state then."""

    folder: RunDir
    state: RunState
    step: Literal["started", "again", "ended"] = "ended"

    @property
    def ended(self) -> bool:
        """Whether this scheduler is done with the run."""
        return self.step == "ended"


@dataclass(frozen=True)
class Notice:
    """Something that a person at the terminal should know."""

    text: str


class Phase(Enum):
    """How far somebody has asked to stop: not at all, once (running epochs finish), twice (now)."""

    WORKING, FINISHING, ENDING = range(3)


@dataclass(eq=False)
class Job:
    """A run to do, and what has happened to it so far; times (s) by the loop's clock.

    `before` is the state that the try began with, `began` its time, `asked` when its worker was asked to end. `tries`
    counts those that were the run's own doing; `company` says whether others were on its device.
    """

    entry: PlannedRun
    key: Key
    tries: int = 0
    alone: bool = False
    company: bool = False
    fresh: bool = True
    before: RunState = field(default_factory=RunState)
    began: float = 0.0
    asked: float | None = None
    overdue: bool = False

    @property
    def path(self) -> Path:
        """The run's folder."""
        return self.entry.folder.path


@dataclass
class SchedulerSettings:
    """What the loop works with; `config` is what all workers have in common."""

    config: WorkerConfig
    pool: Pool
    history: History
    policy: FaultPolicy = field(default_factory=FaultPolicy)
    first: Sequence[Choice] = ()
    stop: StopFlag = field(default_factory=StopFlag)
    clock: Callable[[], float] = time.monotonic


class Loop:
    """The jobs that wait, those that work, and those that another scheduler holds."""

    def __init__(self, entries: Sequence[PlannedRun], executor: Executor, setting: SchedulerSettings) -> None:
        self.executor, self.setting = executor, setting
        self.pool, self.clock = setting.pool, setting.clock
        self.waiting = [Job(entry, key_of(entry.spec)) for entry in entries]
        self.live: dict[Path, Job] = {}
        self.elsewhere: dict[Path, Job] = {}
        self.looked_elsewhere: float | None = None
        self.looked_at_devices = self.clock()
        self.last_end = self.clock()
        self.phase = Phase.WORKING
        self.failed_fast = False
        self.changed = True
        self.kills = devices.count_oom_kills()
        self._sort()

    def outcomes(self) -> Iterator[RunEvent | Notice]:
        """All of it; what is stopped stays pending."""
        while self.live or (self.phase is Phase.WORKING and (self.waiting or self.elsewhere)):
            if self.phase is Phase.WORKING:
                yield from self._look_elsewhere()
                yield from self._begin()
            for ended in self.executor.wait(TICK):
                if job := self.live.get(ended.run_dir):
                    yield from self._settle(job, ended)
            self.kills = devices.count_oom_kills()
            yield from self._hear()
            self._deadlines()

    # --- starting ---------------------------------------------------------------------------

    def _begin(self) -> Iterator[RunEvent | Notice]:
        """Start every waiting run that has a place, the most urgent first."""
        now = self.clock()
        give_up = not self.live and now - self.last_end >= IDLE
        if not self.changed and not give_up and not self._look_at_devices(now):
            return
        self.changed = False
        self.setting.pool.look_again()
        queue, self.waiting = self.waiting, []
        too_large: set[tuple[float | None, bool]] = set()
        held: Device | None = None
        for number, job in enumerate(queue):
            if self.pool.full or self.setting.stop.presses or self.failed_fast:
                self.waiting += queue[number:]
                break
            need = (self.setting.history.expect(job.key).memory_mb, job.alone)
            force = give_up and not self.live
            if (need in too_large and not force) or self.pool.place(job.path, *need, held, force) is None:
                too_large.add(need)
                self.waiting.append(job)
                if held is None and self.pool.needs_its_own(*need):
                    held = self.pool.hold()
            elif (told := self._obstacle(job)) is not None:
                self.pool.release(job.path)
                for outcome in told:
                    yield from self._ended(outcome)
            else:
                yield self._start(job)

    def _look_at_devices(self, now: float) -> bool:
        """Whether it is time to see if other programs have let go of an idle device's memory."""
        if not self.waiting or not self.pool.on_gpus or not self.pool.idle or now - self.looked_at_devices < ELSEWHERE:
            return False
        self.looked_at_devices = now
        return True

    def _obstacle(self, job: Job) -> list[RunEvent] | None:
        """Why the run need not or cannot start: done or held by another scheduler meanwhile, or no folder for it."""
        folder, spec = job.entry.folder, job.entry.spec
        try:
            folder.prepare(spec)
        except ResultsError as error:
            return [RunEvent(folder, RunState(name="failed", kind="error", reason=str(error)))]
        if problem := folder.explain_unwritable():
            return [RunEvent(folder, RunState(name="failed", kind="error", reason=problem))]
        job.before = folder.read_planned_state(spec)
        if job.before.name == "running":
            self.elsewhere[job.path] = job
            return []
        if job.before.name in ("done", "skipped") and not (self.setting.config.redo and job.fresh):
            return [RunEvent(folder, job.before)]
        return None

    def _start(self, job: Job) -> RunEvent:
        device = self.pool.device_of(job.path)
        seconds = self.setting.history.expect(job.key).seconds
        job.began, job.asked, job.overdue = self.clock(), None, False
        self.live[job.path] = job
        job.company = len(device.runs) > 1
        if job.company:
            for path in device.runs:
                self.live[path].company = True
        reserved = device.runs[job.path] if device.gpu else None
        redo = self.setting.config.redo and job.fresh
        config = replace(self.setting.config, gpu=device.gpu, memory_mb=reserved, predicted_seconds=seconds, redo=redo)
        self.executor.submit(job.path, config)
        job.fresh = False
        return RunEvent(job.entry.folder, RunState(name="running"), "started")

    def _look_elsewhere(self) -> Iterator[RunEvent | Notice]:
        """Take back what another process has let go of, and tell what it has finished."""
        before = self.looked_elsewhere
        if not self.elsewhere or (before is not None and self.clock() - before < ELSEWHERE):
            return
        if before is None:
            yield Notice(
                "some runs are held by another dcbench run, or by workers of one that was killed: waiting for them"
            )
        self.looked_elsewhere = self.clock()
        for path, job in list(self.elsewhere.items()):
            state = job.entry.folder.read_planned_state(job.entry.spec)
            last, job.before = job.before, state
            if state.name == "running" or (state.name == "failed" and state.kind != "lost" and state != last):
                continue  # what has only just failed may be tried again there
            del self.elsewhere[path]
            if state.name == "pending" or state.kind == "lost":
                self.waiting.append(job)
                self.changed = True
            else:
                yield from self._ended(RunEvent(job.entry.folder, state))

    def _sort(self) -> None:
        history, share, first = self.setting.history, self.pool.share, self.setting.first
        self.waiting.sort(key=lambda job: urgency(job.entry.spec, history.expect(job.key), share, first))

    # --- ending -----------------------------------------------------------------------------

    def _settle(self, job: Job, ended: WorkerExit) -> Iterator[RunEvent | Notice]:
        """Give the place back, and tell what the run has come to or that it is tried again."""
        device = self.pool.device_of(job.path)
        reserved = device.runs[job.path]
        self.pool.release(job.path)
        del self.live[job.path]
        self.changed, self.last_end = True, self.clock()
        folder = job.entry.folder
        held = folder.read_planned_state(job.entry.spec).name == "running"
        if ended.exit_code == EXIT_CLAIMED or held:  # held: its process lives, though nobody can hear it any more
            self.elsewhere[job.path] = job
            yield RunEvent(folder, RunState(name="running"), "again")
        elif self._was_stopped(job, ended):
            yield RunEvent(folder, mark_stopped(folder))
        else:
            yield from self._follow(job, self._judge(job, ended, reserved), on_gpu=bool(device.gpu))

    def _was_stopped(self, job: Job, ended: WorkerExit) -> bool:
        """Whether the run ended because this scheduler's user asked to stop."""
        asked = job.asked is not None or self.setting.stop.presses > 0
        return asked and not job.overdue and ended.exit_code in (EXIT_STOPPED, *OUR_SIGNALS)

    def _judge(self, job: Job, ended: WorkerExit, reserved: float) -> RunState:
        """The state that the run ends this try in; what it cost, or lacked, goes into the history."""
        overdue = self.setting.policy.timeout if job.overdue else None
        end = WorkerEnd(ended.exit_code, overdue, starved=devices.count_oom_kills() > self.kills)
        state = settle(job.entry.folder, end, job.before)
        if state.name == "done":
            self._learn(job)
        if state.kind == "out_of_memory":
            self.setting.history.ran_out(job.entry.spec, reserved)
        return state

    def _follow(self, job: Job, state: RunState, on_gpu: bool) -> Iterator[RunEvent | Notice]:
        """Try the run again if its failure deserves it, else let it be over."""
        folder, policy = job.entry.folder, self.setting.policy
        company = not job.alone and (job.company or shared_device(folder))
        following = next_step(state, company, on_gpu, job.tries, policy)
        if following == "ended" or self.phase is not Phase.WORKING:
            yield from self._ended(RunEvent(folder, _counted(state, job.tries)))
            return
        job.alone = job.alone or following == "alone"
        job.tries += following == "again"
        self.waiting.insert(0, job)
        yield RunEvent(folder, state, "again")
        how = "alone on its device" if job.alone else f"try {job.tries + 1} of {policy.retries + 1}"
        yield Notice(f"again ({how}): {folder.path.name}: {state.kind}: {state.reason}")

    def _ended(self, outcome: RunEvent) -> Iterator[RunEvent | Notice]:
        """Tell it; with --fail-fast the first failure is the last."""
        yield outcome
        if outcome.state.name == "failed" and self.setting.policy.fail_fast and not self.failed_fast:
            self.failed_fast = True
            yield Notice("--fail-fast: a run has failed; running epochs finish, nothing new starts")

    def _learn(self, job: Job) -> None:
        """Take the run's cost into account, and the others of its class into their places."""
        unknown = self.setting.history.expect(job.key).seconds is None
        self.setting.history.learn(job.entry.folder, job.entry.spec)
        if unknown:
            self._sort()

    # --- stopping ---------------------------------------------------------------------------

    def _hear(self) -> Iterator[Notice]:
        """Once: let running epochs finish. Twice: end them now. A failure counts as once with --fail-fast."""
        presses = self.setting.stop.presses + self.failed_fast
        if presses and self.phase is Phase.WORKING:
            self.phase = Phase.FINISHING
            self._ask()
            if self.live and not self.failed_fast:
                yield Notice("stopping: running epochs finish and leave a checkpoint; Ctrl-C again ends them now")
        if presses > 1 and self.phase is Phase.FINISHING:
            self.phase = Phase.ENDING
            self._ask()
            yield Notice("stopping now")

    def _ask(self) -> None:
        for job in self.live.values():
            if not job.overdue:
                job.asked = self.clock()
                self.executor.stop(job.path)

    def _deadlines(self) -> None:
        """Ask runs whose time is over, and kill those that were asked in vain."""
        now, timeout = self.clock(), self.setting.policy.timeout
        for job in self.live.values():
            if timeout is not None and not job.overdue and now - job.began > timeout:
                job.overdue, job.asked = True, now
                self.executor.stop(job.path)
            patience = GRACE if job.overdue else LAST_WORDS if self.phase is Phase.ENDING else None
            if job.asked is not None and patience is not None and now - job.asked > patience:
                self.executor.kill(job.path)


def _counted(state: RunState, tries: int) -> RunState:
    return replace(state, reason=f"{state.reason} (tried {tries + 1} times)") if tries and state.reason else state
