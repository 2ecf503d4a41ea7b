"""Waiting for worker processes, and the spec of a tiny run."""

from __future__ import annotations

import time

TINY = {"limit": 60, "width": 0.05, "pca_dim": 8, "epochs": 1, "batch_size": 32, "k": 4}


def wait_for(condition, seconds=90.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.05)
