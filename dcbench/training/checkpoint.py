"""Write and read checkpoints, from which a run continues as if it had not been interrupted.

All random numbers come from the seed tree, so a checkpoint holds no state of a generator.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from dcbench.core.spec import RunSpec
from dcbench.core.store.run_dir import RunDir
from dcbench.training.deepcluster.learner import Learner, replace_head
from dcbench.training.metrics import IntArray


@dataclass
class CheckpointSchedule:
    """Decide when the next checkpoint is due; `interval` is in seconds."""

    interval: float
    _last: float = field(default_factory=time.monotonic, init=False)

    def due(self) -> bool:
        """Return whether the interval has passed; if it has, the next one starts."""
        if time.monotonic() - self._last < self.interval:
            return False
        self._last = time.monotonic()
        return True


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A run after the row of `epoch`."""

    run_id: str
    epoch: int
    learner: dict[str, Any]
    """State of the network and of its optimizers, and the labels."""
    previous: IntArray
    """Assignment `(n,)` of that row."""
    predictions: dict[str, IntArray]
    """Predictions up to that row, as PredictionRecord stacks them."""
    facts: dict[str, Any]
    """Contents of audit.json up to that row."""


def save_checkpoint(
    folder: RunDir,
    learner: Learner,
    epoch: int,
    previous: IntArray,
    predictions: dict[str, IntArray],
    facts: dict[str, Any],
) -> None:
    """Replace the checkpoint atomically; if the disk is full, log it and let the run continue."""
    optimizers = {"trunk_optimizer": learner.trunk_optimizer, "head_optimizer": learner.head_optimizer}
    contents = {
        "run_id": folder.path.name,
        "epoch": epoch,
        "learner": {
            "network": learner.network.state_dict(),
            "labels": None if learner.labels is None else torch.from_numpy(learner.labels),
            **{name: optimizer and optimizer.state_dict() for name, optimizer in optimizers.items()},
        },
        "previous": torch.from_numpy(previous),
        "predictions": {name: torch.from_numpy(array) for name, array in predictions.items()},
        "facts": facts,
    }
    try:
        with folder.open_checkpoint() as file:
            torch.save(contents, file)
    except (OSError, RuntimeError) as error:  # torch reports a full disk as a RuntimeError
        folder.append_log(f"no checkpoint after epoch {epoch}: {error}")


def resume_from_checkpoint(
    folder: RunDir, learner: Learner, spec: RunSpec, data: Mapping[str, Any]
) -> Checkpoint | None:
    """Load the run's checkpoint into the learner; without a usable one, log why and return None.

    A usable checkpoint is complete, belongs to this run, was made on the same images (`data` holds their digests), and
    its rows are in metrics.csv. If None is returned, the learner may be partly changed.
    """
    if not folder.checkpoint_file.exists():
        return None
    try:
        saved = read_checkpoint(folder)
        if saved.run_id != folder.path.name or saved.facts["data"] != data or not folder.cut_metrics(saved.epoch + 1):
            raise ValueError("it belongs to another run, other images or other columns")
        state = saved.learner
        if state["labels"] is not None:
            # Methods have heads of different sizes, so make one of the saved size before loading its weights.
            learner.labels = state["labels"].numpy().astype(np.int64)
            classes = len(state["network"]["head.weight"])
            learner.head_optimizer = replace_head(learner.network, classes, spec, saved.epoch)
            learner.head_optimizer.load_state_dict(state["head_optimizer"])
        learner.network.load_state_dict(state["network"])
        if learner.trunk_optimizer is not None:
            learner.trunk_optimizer.load_state_dict(state["trunk_optimizer"])
    except Exception as error:  # a damaged file makes its readers raise errors of any type
        reason = f"{type(error).__name__}: {error}"
        folder.append_log(f"{folder.checkpoint_file}: cannot be used ({reason}); the run starts from the beginning")
        return None
    return saved


def read_checkpoint(folder: RunDir) -> Checkpoint:
    """Read the run's checkpoint; a damaged file can raise an error of any type."""
    # weights_only: a file must not be able to run code.
    contents = torch.load(folder.checkpoint_file, map_location="cpu", weights_only=True)
    return Checkpoint(
        run_id=contents["run_id"],
        epoch=contents["epoch"],
        learner=contents["learner"],
        previous=contents["previous"].numpy().astype(np.int64),
        predictions={name: tensor.numpy() for name, tensor in contents["predictions"].items()},
        facts=contents["facts"],
    )
