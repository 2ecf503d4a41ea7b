"""Compare the true labels that a run was scored with, and the choice of its images, with the dataset itself."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dcbench import registry
from dcbench.core.spec import RunSpec
from dcbench.errors import DataError, PluginError
from dcbench.recompute.stored_predictions import StoredPredictions
from dcbench.training.metrics import IntArray

IMAGE_FIELDS = ("dataset", "limit", "test_limit", "image_size", "input_channels", "seed")
"""Fields of a spec that may choose the images; the audit calls every other field that changes them confounded."""


@dataclass(frozen=True, kw_only=True)
class TrueLabels:
    """The images that a spec chooses from a dataset, and their labels.

    Attributes:
        dataset: The name of the dataset.
        splits: `training` and `test` -> the positions and the labels of the images, `(n,)` each; nothing if the
            dataset could not be read.
        not_read: Why it could not be read; empty if it was.
    """

    dataset: str
    splits: dict[str, tuple[IntArray, IntArray]]
    not_read: str = ""

    def find_problems(self, stored: StoredPredictions) -> list[str]:
        """Return what is wrong with the images and labels that a run was scored with."""
        problems = []
        recorded = {
            "training": (stored.indices, stored.labels),
            "test": (stored.test_indices, stored.test_labels),
        }
        for name, (true_indices, true_labels) in self.splits.items():
            indices, labels = recorded[name]
            if not np.array_equal(indices, true_indices):
                problems.append(f"the {name} images are not those that the spec chooses from {self.dataset}")
            elif wrong := int((labels != true_labels).sum()):
                problems.append(f"{wrong} of {len(labels)} {name} labels are not those of {self.dataset}")
        return problems


def read_true_labels(spec: RunSpec, data_dir: Path) -> TrueLabels:
    """Return the labels of the images that the spec chooses, from the dataset's own files; download nothing."""
    files = registry.facts("datasets", spec.dataset).get("files", [])
    if not all((data_dir / file).exists() for file in files):
        reason = f"{spec.dataset} is not in {data_dir}; name its folder with --data-dir"
        return TrueLabels(dataset=spec.dataset, splits={}, not_read=reason)

    # Imported here because this loads torch, which nothing else needs.
    from dcbench.training.datasets import load_test, load_training

    try:
        splits = {"training": load_training(spec, data_dir), "test": load_test(spec, data_dir)}
    except (DataError, PluginError) as error:
        return TrueLabels(dataset=spec.dataset, splits={}, not_read=str(error))
    return TrueLabels(
        dataset=spec.dataset, splits={name: (split.indices, split.labels) for name, split in splits.items()}
    )
