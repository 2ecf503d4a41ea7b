"""A small matrix, and made-up runs of the pixel baseline."""

from __future__ import annotations

from dcbench.core.columns import COLUMNS
from dcbench.core.spec import RunSpec

TEXT = """name: m
axes: {dataset: [mnist, cifar10], optimizer: [sgd, adam]}
seeds: [0, 1]
settings: {epochs: 2}
"""


def pixels(**values):
    """Return the row of a pixel baseline, by default of raw pixels on MNIST."""
    spec = RunSpec(method="pixels", dataset="mnist", pca_dim=None, whiten=False, l2_normalize=False)
    values_of_run = {
        "run_id": "p",
        "state": "done",
        "kind": None,
        "reason": "",
        "last_lines": "",
        "health": None,
        "seconds": 1.0,
    }
    values_of_run |= (
        {"timing": "exclusive", "backend": spec.backend} | dict.fromkeys(COLUMNS) | {"test_refit_nmi_true": 0.5}
    )
    return spec.model_dump() | values_of_run | values
