"""Waiting for worker processes, and the spec of a tiny run."""

from __future__ import annotations

import time

from dcbench.core.spec import make_spec
from dcbench.core.store.run_dir import RunDir

TINY = {"limit": 60, "width": 0.05, "pca_dim": 8, "epochs": 1, "batch_size": 32, "k": 4}


def wait_for(condition, seconds=90.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.05)


def prepare_run(tmp_path, **values):
    """Return the folder of a tiny run with these values, with its spec in it."""
    spec = make_spec(TINY | values)
    folder = RunDir(tmp_path / spec.run_id)
    folder.prepare(spec)
    return folder
