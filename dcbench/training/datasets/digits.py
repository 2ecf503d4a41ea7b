"""scikit-learn's 1,797 handwritten digits, 8 px and grey: no download; the last 20 % are the test split."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.datasets import load_digits

from dcbench.core.spec import RunSpec
from dcbench.training.datasets import Labels, Pixels

FACTS = {"train": 1438, "test": 359, "classes": 10, "channels": 1, "side": 8, "duplicates": 0}


def load(data_dir: Path, spec: RunSpec, train: bool) -> tuple[Pixels, Labels, Labels]:
    """Cut a split from the collection."""
    digits = _read_digits()
    every = np.arange(len(digits.target))
    positions = every[: FACTS["train"]] if train else every[FACTS["train"] :]
    # The grey levels go from 0 to 16.
    pixels = np.rint(digits.images[positions, None] * (255 / 16)).astype(np.uint8)
    return pixels, digits.target[positions], positions


@cache
def _read_digits() -> Any:
    """Read the collection, once for both splits."""
    return load_digits()
