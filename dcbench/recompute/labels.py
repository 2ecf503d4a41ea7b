"""Compare the true labels that a run was scored with, and the choice of its images, with the dataset itself."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dcbench import registry
from dcbench.core.spec import RunSpec
from dcbench.errors import DataError, PluginError
from dcbench.recompute.stored_predictions import StoredPredictions


@dataclass(frozen=True, kw_only=True)
class LabelCheck:
    """What comparing the labels with the dataset came to.

    Attributes:
        problems: What is wrong with the labels or the images.
        not_checked: Why nothing was compared; empty if it was.
    """

    problems: tuple[str, ...] = ()
    not_checked: str = ""


def check_labels(stored: StoredPredictions, spec: RunSpec, data_dir: Path) -> LabelCheck:
    """Compare the images and labels of both splits with those that the spec chooses from the dataset's own files."""
    files = registry.facts("datasets", spec.dataset).get("files", [])
    if not all((data_dir / file).exists() for file in files):
        return LabelCheck(not_checked=f"{spec.dataset} is not in {data_dir}; name its folder with --data-dir")

    # Imported here because this loads torch, which nothing else needs.
    from dcbench.training.datasets import load_test, load_training

    try:
        training, test = load_training(spec, data_dir), load_test(spec, data_dir)
    except (DataError, PluginError) as error:
        return LabelCheck(not_checked=str(error))
    problems = []
    for name, split, indices, labels in (
        ("training", training, stored.indices, stored.labels),
        ("test", test, stored.test_indices, stored.test_labels),
    ):
        if not np.array_equal(indices, split.indices):
            problems.append(f"the {name} images are not those that the spec chooses from {spec.dataset}")
        elif wrong := int((labels != split.labels).sum()):
            problems.append(f"{wrong} of {len(labels)} {name} labels are not those of {spec.dataset}")
    return LabelCheck(problems=tuple(problems))
