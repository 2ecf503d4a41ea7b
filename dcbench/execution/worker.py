"""Execute one run in a process of its own: `python -m dcbench.execution.worker RUN_DIR --config JSON`.

The run always ends in exactly one state on disk, the traceback of a failure is in log.txt, and the exit code says how
the run ended (see `dcbench.execution.executors`).
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
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

import torch

from dcbench import registry
from dcbench.core.spec import RunSpec
from dcbench.core.store.run_dir import RunDir
from dcbench.core.store.run_state import STOPPED, FailureKind, RunState, extract_last_lines
from dcbench.core.worker_config import WorkerConfig
from dcbench.errors import ClaimedError, DcbenchError, RunFailedError
from dcbench.execution.device_sharing import take_seat
from dcbench.execution.executors import EXIT_CLAIMED, EXIT_DONE, EXIT_FAILED, EXIT_STOPPED
from dcbench.training import threads
from dcbench.training.loop import Stopped, train_run

OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "cublas_status_alloc_failed")
"""Parts of messages of out-of-memory errors of torch, faiss and cuBLAS that have no type of their own."""


def parse_arguments(arguments: Sequence[str] | None = None) -> tuple[Path, WorkerConfig]:
    """Return the run folder and the configuration; without `--config`, the default one."""
    parser = argparse.ArgumentParser(prog="python -m dcbench.execution.worker", description=__doc__)
    parser.add_argument("run_dir", type=Path, metavar="RUN_DIR", help="the run folder, with its spec.yaml")
    parser.add_argument("--config", metavar="JSON", help="a WorkerConfig as JSON (default: on the CPU, one thread)")
    options = parser.parse_args(arguments)
    try:
        return options.run_dir, WorkerConfig() if options.config is None else WorkerConfig.from_json(options.config)
    except ValueError as error:
        # Nobody may see the stderr of a worker, but the scheduler shows the end of the log when a worker fails.
        with suppress(OSError):
            RunDir(options.run_dir).append_log(f"--config: {error}")
        parser.error(f"--config: {error}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Execute one run in this process and return the exit code; all output goes to the run's log."""
    run_dir, config = parse_arguments(arguments)
    folder = RunDir(run_dir)
    try:
        # Replace the descriptors, not sys.stdout: the libraries' C code and faulthandler write to them directly.
        with folder.log_file.open("a") as log:
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
    except OSError as error:
        print(f"{folder.log_file}: {error.strerror}", file=sys.stderr)
        return EXIT_FAILED
    faulthandler.enable()  # a segmentation fault leaves a Python traceback in the log
    stop = StopFlag()
    signal.signal(signal.SIGTERM, stop.handle_signal)
    return work_on_run(run_dir, config, stop)


@dataclass(kw_only=True)
class StopFlag:
    """Stop requests by SIGTERM.

    The first signal sets `requested`: the run ends after its current row, with a checkpoint. The second raises Stopped
    at once. When the work is `finished`, signals have no effect.
    """

    requested: bool = False
    finished: bool = False

    def handle_signal(self, number: int, frame: FrameType | None) -> None:
        """Handle SIGTERM."""
        if self.finished:
            return
        if self.requested:
            # A third signal must not interrupt the writing of the state that Stopped leads to.
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            raise Stopped
        self.requested = True


def work_on_run(run_dir: Path, config: WorkerConfig, stop: StopFlag | None = None) -> int:
    """Claim the run, execute it and return the exit code that says how it ended."""
    folder = RunDir(run_dir)
    if config.gpu:
        os.environ["CUDA_VISIBLE_DEVICES"] = config.gpu  # takes effect because nothing has initialised CUDA yet
    try:
        with folder.claim():
            spec = folder.read_spec()
            if folder.read_planned_state(spec).name == "done" and not config.redo:
                return EXIT_DONE
            return _execute(folder, spec, config, stop or StopFlag())
    except ClaimedError:
        return EXIT_CLAIMED
    except (DcbenchError, OSError) as error:
        print(f"{folder.path}: {error}", file=sys.stderr)
        return EXIT_FAILED


def _execute(folder: RunDir, spec: RunSpec, config: WorkerConfig, stop: StopFlag) -> int:
    """Execute a claimed run, and write its state however it ends."""
    start = time.monotonic()
    running = RunState(
        name="running",
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        host=socket.gethostname(),
        pid=os.getpid(),
    )

    def elapsed() -> float:
        return round(time.monotonic() - start, 3)

    try:
        folder.clear()
        if config.redo:
            folder.clear_rows()
        folder.append_log(f"--- {running.started} on {running.host}, pid {running.pid}")
        folder.write_state(running)
        registry.use_plugins(config.plugins)
        if reason := skip_reason(spec):
            folder.write_state(RunState(name="skipped", reason=reason))
            return EXIT_DONE
        device = os.environ.get("CUDA_VISIBLE_DEVICES", "0") if config.device == "cuda" else "cpu"
        with take_seat(device, folder.path.name) as seat:
            threads.limit_threads(config.threads)
            train_run(
                spec,
                folder,
                config,
                stop_requested=lambda: stop.requested,
                neighbours=lambda: None if seat is None else seat.neighbours(),
            )
        # From here on a stop must not turn a finished run into a pending one.
        stop.finished = True
        folder.write_state(replace(running, name="done", seconds=elapsed()))
        return EXIT_DONE
    except (Stopped, KeyboardInterrupt) as interruption:
        folder.write_state(STOPPED)
        if isinstance(interruption, KeyboardInterrupt):
            raise  # only under the inline executor, which passes it on to the scheduler
        return EXIT_STOPPED
    except Exception as error:
        log = traceback.format_exc()
        # Separately, because a full disk may have no room for the log and still take the few bytes of the state.
        with suppress(OSError):
            folder.append_log(log)
        with suppress(OSError):
            message = " ".join(str(error).split())
            if not isinstance(error, DcbenchError | RunFailedError):  # dcbench's own messages need no type
                message = f"{type(error).__name__}: {message}"
            failure = replace(running, name="failed", kind=failure_kind(error), reason=message, seconds=elapsed())
            folder.write_state(replace(failure, last_lines=extract_last_lines(log)))
        return EXIT_FAILED


def failure_kind(error: Exception) -> FailureKind:
    """Return the failure kind of an exception."""
    if isinstance(error, RunFailedError):
        return error.kind
    message = str(error).lower()
    if isinstance(error, torch.cuda.OutOfMemoryError | MemoryError) or any(words in message for words in OUT_OF_MEMORY):
        return "out_of_memory"
    return "error"


def skip_reason(spec: RunSpec) -> str | None:
    """Return why a plug-in of the spec cannot do this run, from its optional `skip(spec)`; None if all can."""
    for kind, name in spec.plugins:
        skip = getattr(registry.load(kind, name), "skip", None)
        if skip is not None and (reason := skip(spec)):
            return str(reason)
    return None


if __name__ == "__main__":
    sys.exit(main())
