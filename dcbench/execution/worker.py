"""The one entry of every run: `python -m dcbench.execution.worker RUN_DIR`. Claim, signals, log, threads, device.

Whatever happens to the run, it ends in one state on disk, and its traceback in its log.
"""

from __future__ import annotations

import argparse
import faulthandler
import os
import signal
import socket
import sys
import time
import traceback
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

import torch

from dcbench import registry
from dcbench.core.spec import STAGE_BACKENDS, RunSpec
from dcbench.core.store.run_dir import RunDir
from dcbench.core.store.run_state import STOPPED, FailureKind, RunState, StateName, last_log_lines
from dcbench.errors import ClaimedError, DcbenchError, RunFailedError
from dcbench.execution.device_sharing import DeviceSeat, take_seat
from dcbench.execution.executors import EXIT_CLAIMED, EXIT_DONE, EXIT_FAILED, EXIT_STOPPED, default_data_dir
from dcbench.training import threads
from dcbench.training.checkpoint import INTERVAL
from dcbench.training.loop import Stopped, Workplace, train_run


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The worker's arguments; the only entry that Slurm, Ray and the local executor know."""
    parser = argparse.ArgumentParser(prog="python -m dcbench.execution.worker", description=__doc__)
    parser.add_argument("run_dir", type=Path)
    parser.add_argument("--data-dir", type=Path, default=default_data_dir())
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads")
    parser.add_argument("--jobs", type=int, default=1, help="runs at once on this machine, for the record")
    parser.add_argument("--memory-mb", type=float, help="of the GPU's memory, at the most; the scheduler reserved it")
    parser.add_argument("--predicted", type=float, help="seconds that it should take, for the record")
    parser.add_argument("--command", default="", help="the command that started it, for the record")
    parser.add_argument("--redo", action="store_true", help="also when the run is done, and from the start")
    parser.add_argument("--keep-weights", action="store_true", help="keep the last checkpoint")
    parser.add_argument("--checkpoint-every", type=float, default=INTERVAL, help="seconds, at the least")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Work on one run in a process of its own; all output goes to the run's log."""
    options = parse_arguments(arguments)
    folder = RunDir(options.run_dir)
    try:
        with folder.log_file.open("a") as log:
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
    except OSError as error:
        print(f"{folder.log_file}: {error.strerror}", file=sys.stderr)
        return EXIT_FAILED
    faulthandler.enable()
    signal.signal(signal.SIGTERM, _stop)
    return work_on_run(options)


_asked = {"stop": False, "done": False}


def _stop(number: int, frame: FrameType | None) -> None:
    """Once: stop after this row, with a checkpoint. Twice: now. Never once the work is done."""
    if _asked["done"]:
        return
    if _asked["stop"]:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the state must still be written
        raise Stopped
    _asked["stop"] = True


def work_on_run(options: argparse.Namespace) -> int:
    """Claim the run and do it; the exit code says how it ended."""
    folder = RunDir(options.run_dir)
    try:
        with folder.claim():
            spec = folder.spec()
            if folder.planned_state(spec).name == "done" and not options.redo:
                return EXIT_DONE
            return _attempt(folder, spec, options)
    except ClaimedError:
        return EXIT_CLAIMED
    except (DcbenchError, OSError) as error:
        print(f"{folder.path}: {error}", file=sys.stderr)
        return EXIT_FAILED


def _attempt(folder: RunDir, spec: RunSpec, options: argparse.Namespace) -> int:
    start = time.monotonic()
    _asked["done"] = False
    begun = RunState("running", started=_now(), host=socket.gethostname(), pid=os.getpid())
    try:
        folder.clear()
        if options.redo:
            folder.clear_rows()
        folder.log(f"--- {begun.started} on {begun.host}, pid {begun.pid}")
        folder.set_state(begun)
        reason = skip_reason(spec)
        if reason:
            folder.set_state(RunState("skipped", reason=reason))
            return EXIT_DONE
        device = os.environ.get("CUDA_VISIBLE_DEVICES", "0") if options.device == "cuda" else "cpu"
        with take_seat(device, folder.path.name) as taken:
            train_run(spec, folder, _workplace(options, taken))
        _asked["done"] = True  # too late to stop
        folder.set_state(_ended(begun, "done", start))
        return EXIT_DONE
    except (Stopped, KeyboardInterrupt) as stop:
        folder.set_state(STOPPED)
        if isinstance(stop, KeyboardInterrupt):
            raise
        return EXIT_STOPPED
    except Exception as error:
        _record(folder, _ended(begun, "failed", start, failure_kind(error), _reason(error)), traceback.format_exc())
        return EXIT_FAILED


def _record(folder: RunDir, state: RunState, told: str) -> None:
    """The traceback into the log and its end into the state, each if the disk allows it."""
    with suppress(OSError):
        folder.log(told)
    with suppress(OSError):
        folder.set_state(replace(state, last_lines=last_log_lines(told)))


def _ended(
    begun: RunState, name: StateName, start: float, kind: FailureKind | None = None, reason: str = ""
) -> RunState:
    seconds = round(time.monotonic() - start, 3)
    return RunState(name, kind, reason, seconds, begun.started, begun.host, begun.pid)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "cublas_status_alloc_failed")
"""What torch, faiss and cuBLAS say in errors of no type of their own."""


def failure_kind(error: Exception) -> FailureKind:
    """The failure kind of an exception."""
    if isinstance(error, RunFailedError):
        return error.kind
    told = str(error).lower()
    if isinstance(error, torch.cuda.OutOfMemoryError | MemoryError) or any(words in told for words in OUT_OF_MEMORY):
        return "out_of_memory"
    return "error"


def _reason(error: Exception) -> str:
    told = " ".join(str(error).split())
    return told if isinstance(error, DcbenchError | RunFailedError) else f"{type(error).__name__}: {told}"


def skip_reason(spec: RunSpec) -> str | None:
    """Why one of the spec's parts cannot do this run, from its optional `skip(spec)`."""
    chosen = [("methods", spec.method), ("datasets", spec.dataset), ("archs", spec.arch)]
    chosen += [("backends", name) for name in dict.fromkeys(getattr(spec, stage) for stage in STAGE_BACKENDS)]
    for room, part in chosen:
        skip = getattr(registry.load(room, part), "skip", None)
        if skip is not None and (reason := skip(spec)):
            return str(reason)
    return None


def _workplace(options: argparse.Namespace, taken: DeviceSeat | None) -> Workplace:
    return Workplace(
        options.data_dir,
        _device(options),
        options.threads,
        options.jobs,
        options.command,
        options.checkpoint_every,
        options.keep_weights,
        options.memory_mb,
        options.predicted,
        lambda: _asked["stop"],
        lambda: taken and taken.others(),
    )


def _device(options: argparse.Namespace) -> torch.device:
    """Set the thread counts of all libraries, and return the device."""
    threads.limit_threads(options.threads)
    return torch.device(options.device)


if __name__ == "__main__":
    sys.exit(main())
