"""The network of a run to look at, from its checkpoint or, where nothing was trained, from its seed."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from dcbench import registry
from dcbench.errors import ResultsError
from dcbench.inspect.measuring.filters import first_weights
from dcbench.inspect.result import Array
from dcbench.inspect.subject import InspectedRun
from dcbench.training import checkpoint
from dcbench.training.checkpoint import Checkpoint
from dcbench.training.deepcluster.network import Network, Pixels
from dcbench.training.deepcluster.samplers import Ints


@dataclass(frozen=True)
class Weights:
    """The network after `epoch` passes, and the assignment `(n,)` that the run recorded then, None where it did not.

    `before` are the first convolution's weights in the untrained network; None where there is none.
    """

    network: Network | Pixels
    epoch: int
    recorded: Ints | None
    before: Array | None


def find(subject: InspectedRun, device: torch.device) -> Weights:
    """The weights that the run has left."""
    network = registry.load("methods", subject.spec.method).begin(subject.spec, device).network
    before, recorded = first_weights(network), _recorded(subject)
    if subject.source == "seed":
        return Weights(network, 0, recorded, before)
    saved = _saved(subject)
    trunk = {name.removeprefix("trunk."): value for name, value in saved.learner["network"].items()}
    network.trunk.load_state_dict({name: trunk[name] for name in network.trunk.state_dict()})
    last = subject.state.name == "done" and saved.epoch == subject.spec.epochs
    return Weights(network, saved.epoch, recorded if last and recorded is not None else saved.previous, before)


def _recorded(subject: InspectedRun) -> Ints | None:
    """The last assignment, where the run's folder has it."""
    found = subject.folder.read_assignments("assignment")
    return None if found is None else found["assignment"]


def _saved(subject: InspectedRun) -> Checkpoint:
    """The run's own checkpoint, whole."""
    file = subject.folder.checkpoint_file
    try:
        saved = checkpoint.read_checkpoint(subject.folder)
    except Exception as error:  # a file that is not whole makes its readers raise anything
        told = f"{file}: cannot be read ({type(error).__name__}); remove it, and {subject.way_out}"
        raise ResultsError(told) from error
    if saved.run_id != subject.spec.run_id:
        raise ResultsError(f"{file}: is of run {saved.run_id}; remove it, and {subject.way_out}")
    return saved
