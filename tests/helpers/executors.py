"""What forked children do in the tests; imports nothing that the server might lack."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path


def nothing():
    """Be a child that ends at once."""


def work(arguments, told):
    """Work on a run, and tell what had to be imported for it."""
    before = set(sys.modules)
    from dcbench.execution import worker

    code = worker.main(arguments)
    Path(told).write_text(json.dumps({"code": code, "new": sorted(set(sys.modules) - before)}))


def tell_gpu(arguments, gpu):
    """In place of a worker: leave the GPU that was given in the run's folder."""
    Path(arguments[0], "gpu").write_text(gpu)


def with_a_child(arguments, gpu):
    """In place of a worker: start a process in the worker's session, and wait for it."""
    os.setsid()
    child = subprocess.Popen(["sleep", "600"])
    Path(arguments[0], "part").write_text(str(child.pid))
    Path(arguments[0], "part").rename(Path(arguments[0], "child"))
    child.wait()


def deaf(warnings, path):
    """Say that it is ready, and end with code 3 at the SIGTERM after so many that it does not heed."""
    left = [warnings]

    def hear(number, frame):
        if not left[0]:
            sys.exit(3)
        left[0] -= 1

    signal.signal(signal.SIGTERM, hear)
    Path(path).write_text("ready")
    while True:
        time.sleep(0.01)
