"""scikit-learn's 1,797 real handwritten digits: no download; the last 20 % are the test split."""

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
    """Grey levels 0..16 as 0..255, and the positions in the whole collection."""
    found = _all()
    part = np.arange(len(found.target))[: FACTS["train"]] if train else np.arange(len(found.target))[FACTS["train"] :]
    return np.rint(found.images[part, None] * (255 / 16)).astype(np.uint8), found.target[part], part


@cache
def _all() -> Any:
    """The whole collection, read once for both splits."""
    return load_digits()
