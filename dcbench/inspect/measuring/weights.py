"""Load the network of a run: from its checkpoint or, if nothing was trained, from its seed."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from dcbench import registry
from dcbench.errors import ResultsError
from dcbench.inspect.measuring.filters import read_first_filters
from dcbench.inspect.result import Array, IntArray
from dcbench.inspect.subject import InspectedRun
from dcbench.training.checkpoint import read_checkpoint
from dcbench.training.deepcluster.network import Network, PixelFeatures


@dataclass(frozen=True, kw_only=True)
class Weights:
    """The weights of a run.

    Attributes:
        network: The network, or what replaces it where the pixels are the features.
        epoch: Number of training passes that it has had.
        recorded_assignment: Cluster `(n,)` of each image that the run recorded for this epoch; None if it did not.
        untrained_filters: Weights of the first convolution before training; None without a convolution.
    """

    network: Network | PixelFeatures
    epoch: int
    recorded_assignment: IntArray | None
    untrained_filters: Array | None


def load_weights(run: InspectedRun, device: torch.device) -> Weights:
    """Return the weights that the run has left; ResultsError if its checkpoint is torn or is another run's."""
    network = registry.load("methods", run.spec.method).begin(run.spec, device).network
    untrained_filters = read_first_filters(network)
    assignments = run.folder.read_assignments("assignment")
    recorded = assignments["assignment"] if assignments else None
    if run.source == "seed":
        return Weights(network=network, epoch=0, recorded_assignment=recorded, untrained_filters=untrained_filters)
    file = run.folder.checkpoint_file
    try:
        saved = read_checkpoint(run.folder)
    except Exception as error:  # torch.load raises errors of any type on a torn file
        raise ResultsError(
            f"{file}: cannot be read ({type(error).__name__}); remove it, and {run.replay_hint}"
        ) from error
    if saved.run_id != run.spec.run_id:
        raise ResultsError(f"{file}: is of run {saved.run_id}; remove it, and {run.replay_hint}")
    # The trunk only: the features do not depend on the head, and its size changes with the method.
    saved_network = saved.learner["network"]
    network.trunk.load_state_dict({name: saved_network[f"trunk.{name}"] for name in network.trunk.state_dict()})
    # assignments.npz is of the last row; the checkpoint of an earlier one has its own assignment.
    is_last_row = run.state.name == "done" and saved.epoch == run.spec.epochs
    if recorded is None or not is_last_row:
        recorded = saved.previous
    return Weights(
        network=network, epoch=saved.epoch, recorded_assignment=recorded, untrained_filters=untrained_filters
    )
