"""Checkpoints: what a run needs to go on after any row as if it had never stopped.

In: the learner, the last assignment and the facts gathered so far. Out: checkpoint.pt, loaded with
`weights_only=True`, so that a file on disk can bring numbers but no code. All random numbers come from the seed
tree, so none of their state is kept.
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
from dcbench.training.deepcluster.heads import new_head
from dcbench.training.deepcluster.samplers import Ints
from dcbench.training.deepcluster.training import Learner


@dataclass
class CheckpointSchedule:
    """When to write the next checkpoint."""

    interval: float
    _last: float = field(default_factory=time.monotonic)

    def due(self) -> bool:
        """Whether the interval has passed; asking starts the next one."""
        if time.monotonic() - self._last < self.interval:
            return False
        self._last = time.monotonic()
        return True


@dataclass(frozen=True)
class Checkpoint:
    """A run after the row of `epoch`."""

    run_id: str
    epoch: int
    learner: dict[str, Any]
    previous: Ints
    facts: dict[str, Any]


def save_checkpoint(folder: RunDir, learner: Learner, epoch: int, previous: Ints, facts: dict[str, Any]) -> None:
    """Write the checkpoint of this row, whole or not at all; a full disk costs the checkpoint and not the run."""
    contents = {
        "run_id": folder.path.name,
        "epoch": epoch,
        "learner": _state(learner),
        "previous": torch.from_numpy(previous),
        "facts": facts,
    }
    try:
        with folder.open_checkpoint() as file:
            torch.save(contents, file)
    except (OSError, RuntimeError) as error:  # torch tells of a full disk in an error of its own
        folder.append_log(f"no checkpoint after epoch {epoch}: {error}")


def resume_from_checkpoint(
    folder: RunDir, learner: Learner, spec: RunSpec, data: Mapping[str, Any]
) -> Checkpoint | None:
    """Put the run's checkpoint in place; None, and a line in the log, when there is none that can be used.

    It must be whole, of this very run, on the same images (`data` as the witness tells it), and with its rows.
    """
    if not folder.checkpoint_file.exists():
        return None
    try:
        saved = read_checkpoint(folder)
        if saved.run_id != folder.path.name or saved.facts["data"] != data or not folder.cut_metrics(saved.epoch + 1):
            raise ValueError("of another run, other images or other columns")
        _restore(learner, saved, spec)
    except Exception as error:  # a file that is not whole makes its readers raise anything
        folder.append_log(
            f"{folder.checkpoint_file}: cannot be used ({type(error).__name__}: {error}); the run starts anew"
        )
        return None
    return saved


def read_checkpoint(folder: RunDir) -> Checkpoint:
    """The checkpoint on disk; one that is not whole makes its readers raise anything."""
    contents = torch.load(folder.checkpoint_file, map_location="cpu", weights_only=True)
    previous = contents["previous"].numpy().astype(np.int64)
    return Checkpoint(contents["run_id"], contents["epoch"], contents["learner"], previous, contents["facts"])


def _restore(learner: Learner, saved: Checkpoint, spec: RunSpec) -> None:
    """Weights, optimizers and labels of the checkpoint."""
    state = saved.learner
    if state["labels"] is not None:
        learner.labels = state["labels"].numpy().astype(np.int64)
        classes = len(state["network"]["head.weight"])
        learner.head_optimizer = new_head(learner.network, classes, spec, saved.epoch)
        learner.head_optimizer.load_state_dict(state["head_optimizer"])
    learner.network.load_state_dict(state["network"])
    if learner.trunk_optimizer is not None:
        learner.trunk_optimizer.load_state_dict(state["trunk_optimizer"])


def _state(learner: Learner) -> dict[str, Any]:
    optimizers = {"trunk_optimizer": learner.trunk_optimizer, "head_optimizer": learner.head_optimizer}
    return {
        "network": learner.network.state_dict(),
        "labels": None if learner.labels is None else torch.from_numpy(learner.labels),
        **{name: optimizer and optimizer.state_dict() for name, optimizer in optimizers.items()},
    }
