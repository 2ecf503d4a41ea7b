"""Functions that forked children call in the tests; imports only modules that the server has imported too."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path


def nothing():
    """End at once."""


def work(arguments, report_file):
    """Work on a run, and report its exit code and the modules that had to be imported."""
    before = set(sys.modules)
    from dcbench.execution import worker

    code = worker.main(arguments)
    Path(report_file).write_text(json.dumps({"code": code, "new": sorted(set(sys.modules) - before)}))


def write_gpu(arguments, gpu):
    """Write the given GPU into the run's folder, in place of a worker."""
    Path(arguments[0], "gpu").write_text(gpu)


def start_a_child(arguments, gpu):
    """Start a process in the worker's session and wait for it, in place of a worker."""
    os.setsid()
    child = subprocess.Popen(["sleep", "600"])
    Path(arguments[0], "part").write_text(str(child.pid))
    Path(arguments[0], "part").rename(Path(arguments[0], "child"))
    child.wait()


def ignore_signals(count, ready_file):
    """Create `ready_file`, ignore this many SIGTERMs, and end with code 3 at the next one."""
    remaining = [count]

    def handle(number, frame):
        if not remaining[0]:
            sys.exit(3)
        remaining[0] -= 1

    signal.signal(signal.SIGTERM, handle)
    Path(ready_file).write_text("ready")
    while True:
        time.sleep(0.01)
