"""Made-up factorial designs with a known effect."""

import itertools

import numpy as np
import pandas as pd

AXES = {"a": ["one", "two"], "cell": ["x", "y", "z"]}


def factorial(effect=0.1, seeds=3, noise=0.0, cells=("x", "y", "z"), seed=0):
    """Return a run for each cell, seed and value of axis `a`; the seed changes all cells by the same amount."""
    rng = np.random.default_rng(seed)
    rows = []
    for number, (cell, value) in itertools.product(range(seeds), itertools.product(cells, ("one", "two"))):
        score = 0.5 + 0.05 * number + effect * (value == "two") + noise * rng.normal()
        rows.append({"cell": cell, "a": value, "seed": number, "score": score, "lr": 0.1 if value == "one" else 0.2})
    return pd.DataFrame(rows)


def without(frame, **which):
    """Return the frame without the runs that have all these values."""
    removed = np.logical_and.reduce([frame[name] == value for name, value in which.items()])
    return frame[~removed]
