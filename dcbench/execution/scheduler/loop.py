"""The scheduler's main loop: start the runs that fit on a device, record how they end, and retry failures.

It yields a RunEvent whenever a run starts, returns to the queue or ends, and Notices for the user. A job is always in
exactly one of these places:

    place       meaning                                   transitions
    waiting     has no worker                             -> live: a device has room for it
                                                          -> elsewhere: another process has claimed it
                                                          -> ended: it is done already, or cannot start
    live        its worker is running                     -> ended: done, skipped, stopped, or failed for good
                                                          -> waiting: failed, and is tried again
                                                          -> elsewhere: another process had claimed it first
    elsewhere   another scheduler's worker holds it       -> ended: it is done, skipped or failed there
                                                          -> waiting: that worker released it unfinished
    ended       its last RunEvent has been yielded

The loop waits for workers in short ticks, so that it notices Ctrl-C and timeouts.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path
from typing import Literal

from dcbench.core import devices
from dcbench.core.store.run_dir import RunDir
from dcbench.core.store.run_state import RunState
from dcbench.core.store.status import PlannedRun
from dcbench.errors import ResultsError
from dcbench.execution.executors import EXIT_CLAIMED, EXIT_STOPPED, GRACE, LAST_WORDS, Executor, WorkerExit
from dcbench.execution.scheduler.faults import WorkerEnd, choose_next_step, has_shared_device, mark_stopped, settle
from dcbench.execution.scheduler.history import CostKey, get_cost_key
from dcbench.execution.scheduler.packing import Device, urgency
from dcbench.execution.scheduler.settings import SchedulerSettings

TICK = 0.2
"""Longest time (s) between two checks of Ctrl-C and timeouts."""

CHECK_INTERVAL = 1.0
"""Time (s) between two checks of jobs in `elsewhere`, and of the memory of idle GPUs."""

LAST_RESORT = GRACE + LAST_WORDS + 2
"""Time (s) without any live run after which a run starts even if memory seems too small: no run of this scheduler can
free more, and the workers of a scheduler that was killed have ended by then."""

STOPPED_EXIT_CODES = (-signal.SIGTERM, -signal.SIGKILL)
"""Exit codes of workers that were stopped before they handled SIGTERM, or that did not react to it in time."""


@dataclass(frozen=True, kw_only=True)
class RunEvent:
    """A planned run that has started, returned to the queue or ended, and its state."""

    folder: RunDir
    state: RunState
    step: Literal["started", "requeued", "ended"] = "ended"

    @property
    def ended(self) -> bool:
        """Whether this scheduler is finished with the run."""
        return self.step == "ended"


@dataclass(frozen=True)
class Notice:
    """A message for the user."""

    text: str


class Phase(Enum):
    """Progress of a stop."""

    WORKING = "no stop requested"
    FINISHING = "running epochs finish, nothing starts"
    ENDING = "workers are to end now"


@dataclass(kw_only=True, eq=False)
class Job:
    """A run to execute, and its history; times are in seconds of the loop's clock."""

    entry: PlannedRun
    key: CostKey

    retries: int = 0
    """How often it was retried after a failure that other runs did not cause."""
    exclusive: bool = False
    """Whether it must have its device alone."""
    shared: bool = False
    """Whether other runs of this scheduler were on its device during the current attempt."""
    new: bool = True
    """Whether this scheduler has not started it yet."""
    state_before: RunState = field(default_factory=RunState)
    """State on disk before the current attempt."""
    start_time: float = 0.0
    stop_time: float | None = None
    """When its worker was last asked to stop."""
    overdue: bool = False

    @property
    def path(self) -> Path:
        """The run's folder."""
        return self.entry.folder.path


class Loop:
    """The jobs of one call of the scheduler, by the place that each is in."""

    def __init__(self, entries: Sequence[PlannedRun], executor: Executor, settings: SchedulerSettings) -> None:
        self.executor, self.settings = executor, settings
        self.pool, self.history, self.clock = settings.pool, settings.history, settings.clock
        self.waiting = [Job(entry=entry, key=get_cost_key(entry.spec)) for entry in entries]
        self.live: dict[Path, Job] = {}
        self.elsewhere: dict[Path, Job] = {}
        self.phase = Phase.WORKING
        self.failed_fast = False
        self.changed = True  # whether a waiting job may fit now that did not fit before
        self.last_end = self.last_memory_check = self.clock()
        self.last_elsewhere_check: float | None = None
        self.oom_kills = devices.count_oom_kills()
        self._sort_waiting()

    def run(self) -> Iterator[RunEvent | Notice]:
        """Yield events until all jobs have ended; after a stop, until no worker is left."""
        while self.live or (self.phase is Phase.WORKING and (self.waiting or self.elsewhere)):
            if self.phase is Phase.WORKING:
                yield from self._check_elsewhere()
                yield from self._start_waiting()
            for worker_exit in self.executor.wait(TICK):
                if job := self.live.get(worker_exit.run_dir):
                    yield from self._settle(job, worker_exit)
            self.oom_kills = devices.count_oom_kills()
            yield from self._handle_interrupts()
            self._enforce_deadlines()

    def _sort_waiting(self) -> None:
        predict, share, first = self.history.predict, self.pool.share, self.settings.first
        self.waiting.sort(key=lambda job: urgency(job.entry.spec, predict(job.key), share, first))

    # --- waiting -> live ------------------------------------------------------------------------

    def _start_waiting(self) -> Iterator[RunEvent | Notice]:
        """Start every waiting job that a device has room for, the most urgent first."""
        now = self.clock()
        last_resort = not self.live and now - self.last_end >= LAST_RESORT
        if not self.changed and not last_resort:
            # Another program may still have freed memory of an idle GPU.
            waits_for_memory = self.waiting and self.pool.on_gpus and self.pool.idle
            if not waits_for_memory or now - self.last_memory_check < CHECK_INTERVAL:
                return
            self.last_memory_check = now
        self.changed = False
        self.pool.refresh_memory()
        queue, self.waiting = self.waiting, []
        too_large = set()  # needs that did not fit: thousands of jobs share a few, and each is tried once
        cleared: Device | None = None
        for position, job in enumerate(queue):
            if self.pool.full or self.settings.interrupts.count or self.failed_fast:
                self.waiting += queue[position:]
                break
            need = (self.history.predict(job.key).memory_mb, job.exclusive)
            force = last_resort and not self.live
            if (need in too_large and not force) or self.pool.place(job.path, *need, cleared, force) is None:
                too_large.add(need)
                self.waiting.append(job)
                # Clear a device for the first job that needs one alone. Otherwise smaller jobs would take every free
                # slot, and it would wait until the queue is empty.
                if cleared is None and self.pool.needs_own_device(*need):
                    cleared = self.pool.choose_to_clear()
            else:
                yield from self._start(job)

    def _start(self, job: Job) -> Iterator[RunEvent | Notice]:
        """Start a worker for a job that has a device, unless the run cannot start, is finished or is held elsewhere."""
        folder, spec, config = job.entry.folder, job.entry.spec, self.settings.config
        redo = config.redo and job.new
        try:
            folder.prepare(spec)
            problem = folder.explain_unwritable()
        except ResultsError as error:
            problem = str(error)
        if problem:
            job.state_before = RunState(name="failed", kind="error", reason=problem)
        else:
            job.state_before = folder.read_planned_state(spec)
        if not problem and job.state_before.name == "running":
            self.pool.release(job.path)
            self.elsewhere[job.path] = job
        elif problem or (job.state_before.name in ("done", "skipped") and not redo):
            self.pool.release(job.path)
            yield from self._end(RunEvent(folder=folder, state=job.state_before))
        else:
            device = self.pool.get_device(job.path)
            job.new, job.start_time, job.stop_time, job.overdue = False, self.clock(), None, False
            self.live[job.path] = job
            job.shared = len(device.runs) > 1
            if job.shared:
                for path in device.runs:
                    self.live[path].shared = True
            config = replace(
                config,
                gpu=device.gpu,
                memory_mb=device.runs[job.path] if device.gpu else None,
                predicted_seconds=self.history.predict(job.key).seconds,
                redo=redo,
            )
            self.executor.submit(job.path, config)
            yield RunEvent(folder=folder, state=RunState(name="running"), step="started")

    # --- elsewhere -> waiting, ended ------------------------------------------------------------

    def _check_elsewhere(self) -> Iterator[RunEvent | Notice]:
        """Return jobs that another process has released to the queue, and report those that it has finished."""
        if not self.elsewhere:
            return
        if self.last_elsewhere_check is None:
            yield Notice("waiting for runs held by another dcbench run, or by workers of one that was killed")
        elif self.clock() - self.last_elsewhere_check < CHECK_INTERVAL:
            return
        self.last_elsewhere_check = self.clock()
        for path, job in list(self.elsewhere.items()):
            state = job.entry.folder.read_planned_state(job.entry.spec)
            state_before, job.state_before = job.state_before, state
            if state.name == "running":
                continue
            # The other scheduler may retry a failure, so it counts only if the next check finds it, too.
            if state.name == "failed" and state.kind != "lost" and state != state_before:
                continue
            del self.elsewhere[path]
            if state.name == "pending" or state.kind == "lost":
                self.waiting.append(job)
                self.changed = True
            else:
                yield from self._end(RunEvent(folder=job.entry.folder, state=state))

    # --- live -> ended, waiting, elsewhere ------------------------------------------------------

    def _settle(self, job: Job, worker_exit: WorkerExit) -> Iterator[RunEvent | Notice]:
        """Release the device of a job whose worker has ended, and decide what to do with the job."""
        folder, spec, policy = job.entry.folder, job.entry.spec, self.settings.policy
        device = self.pool.get_device(job.path)
        reserved_mb = device.runs[job.path]
        self.pool.release(job.path)
        del self.live[job.path]
        self.changed, self.last_end = True, self.clock()

        # Another process claimed the run first. Or the run is still claimed, although its worker is reported dead:
        # when the fork server dies, its workers' exit codes are lost, and the workers go on.
        if worker_exit.exit_code == EXIT_CLAIMED or folder.read_planned_state(spec).name == "running":
            self.elsewhere[job.path] = job
            yield RunEvent(folder=folder, state=RunState(name="running"), step="requeued")
            return

        stop_requested = job.stop_time is not None or self.settings.interrupts.count > 0
        if stop_requested and not job.overdue and worker_exit.exit_code in (EXIT_STOPPED, *STOPPED_EXIT_CODES):
            yield RunEvent(folder=folder, state=mark_stopped(folder))
            return

        oom_killed = devices.count_oom_kills() > self.oom_kills
        end = WorkerEnd(
            exit_code=worker_exit.exit_code, timeout=policy.timeout if job.overdue else None, oom_killed=oom_killed
        )
        state = settle(folder, end, job.state_before)
        if state.name == "done":
            cost_was_unknown = self.history.predict(job.key).seconds is None
            self.history.add_run(folder, spec)
            if cost_was_unknown:
                self._sort_waiting()  # its class no longer has priority
        if state.kind == "out_of_memory":
            self.history.add_out_of_memory(spec, reserved_mb)

        shared = not job.exclusive and (job.shared or has_shared_device(folder))
        step = choose_next_step(state, shared, bool(device.gpu), job.retries, policy)
        if step == "end" or self.phase is not Phase.WORKING:
            if job.retries and state.reason:
                state = replace(state, reason=f"{state.reason} (tried {job.retries + 1} times)")
            yield from self._end(RunEvent(folder=folder, state=state))
            return
        job.exclusive = job.exclusive or step == "retry_alone"
        job.retries += step == "retry"
        self.waiting.insert(0, job)
        yield RunEvent(folder=folder, state=state, step="requeued")
        how = "alone on its device" if job.exclusive else f"try {job.retries + 1} of {policy.retries + 1}"
        yield Notice(f"retrying ({how}): {folder.path.name}: {state.kind}: {state.reason}")

    def _end(self, event: RunEvent) -> Iterator[RunEvent | Notice]:
        """Report the end of a job; with --fail-fast, nothing starts after the first failure."""
        yield event
        if event.state.name == "failed" and self.settings.policy.fail_fast and not self.failed_fast:
            self.failed_fast = True
            yield Notice("--fail-fast: a run has failed; running epochs finish, nothing new starts")

    # --- stopping ---------------------------------------------------------------------------

    def _handle_interrupts(self) -> Iterator[Notice]:
        """Act on Ctrl-C: the first lets running epochs finish, the second ends workers now.

        A failure with --fail-fast counts as the first.
        """
        requests = self.settings.interrupts.count + self.failed_fast
        if requests and self.phase is Phase.WORKING:
            self.phase = Phase.FINISHING
            self._stop_live()
            if self.live and not self.failed_fast:
                yield Notice("stopping: running epochs finish and leave a checkpoint; Ctrl-C again ends them now")
        if requests > 1 and self.phase is Phase.FINISHING:
            self.phase = Phase.ENDING
            self._stop_live()
            yield Notice("stopping now")

    def _stop_live(self) -> None:
        """Ask all workers to stop, except those over the timeout, which a second request would end at once."""
        for job in self.live.values():
            if not job.overdue:
                job.stop_time = self.clock()
                self.executor.stop(job.path)

    def _enforce_deadlines(self) -> None:
        """Stop runs that exceed the timeout, and kill workers that have not reacted to a stop in time."""
        now, timeout = self.clock(), self.settings.policy.timeout
        for job in self.live.values():
            if timeout is not None and not job.overdue and now - job.start_time > timeout:
                job.overdue, job.stop_time = True, now
                self.executor.stop(job.path)
            # After the first Ctrl-C there is no limit: an epoch may take long, and the user can press it again.
            limit = GRACE if job.overdue else LAST_WORDS if self.phase is Phase.ENDING else None
            if job.stop_time is not None and limit is not None and now - job.stop_time > limit:
                self.executor.kill(job.path)
