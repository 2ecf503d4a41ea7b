"""What forked children do in the tests; imports nothing that the server might lack."""

import json
import os
import sys
from pathlib import Path


def nothing():
    """Be a child that ends at once."""


def work(arguments, told):
    """Work on a run, and tell what had to be imported for it."""
    before = set(sys.modules)
    from dcbench import worker

    code = worker.main(arguments)
    Path(told).write_text(json.dumps({"code": code, "new": sorted(set(sys.modules) - before)}))


def tell_gpu(arguments, gpu):
    """In place of a worker: leave the GPU that was given in the run's folder."""
    Path(arguments[0], "gpu").write_text(f"{gpu} {os.getpid()}")
