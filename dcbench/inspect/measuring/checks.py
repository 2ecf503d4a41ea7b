"""Whether what is looked at is what the run recorded: its images, and its clusters image by image.

In: the run, and what was computed here. Out: pairs (as it should be, sentence) for the page; a DataError where the
images are others, since then no picture would be the run's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from dcbench.errors import DataError
from dcbench.inspect.measuring.weights import Weights
from dcbench.inspect.subject import Check, InspectedRun
from dcbench.replay.run_diff import TOLERANCE
from dcbench.training import metrics
from dcbench.training.datasets import Split
from dcbench.training.deepcluster.pseudo_labels import Clustering


def same_images(subject: InspectedRun, split: Split) -> Check:
    """The images must be those that the run was made on."""
    recorded = subject.folder.read_provenance().get("dataset", {}).get("sha256")
    if recorded is None:
        return (
            False,
            "The run does not record which images it was made on, so it cannot be checked that these are the same.",
        )
    if recorded != split.digest():
        raise DataError(
            f"{subject.spec.dataset}: these are not the images that the run was made on (their digests differ); "
            "name the folder that has those with --data-dir"
        )
    return True, f"The {len(split.labels):,} images are those that the run was made on (SHA-256)."


def of_clustering(
    subject: InspectedRun, split: Split, weights: Weights, clustering: Clustering, rows: list[dict[str, str]]
) -> Iterator[Check]:
    """How the clustering computed here stands to the recorded one, and what else a reader must know of it."""
    if weights.epoch < subject.spec.epochs:
        last = f"The weights are those after epoch {weights.epoch} of {subject.spec.epochs}, the last saved"
        yield False, f"{last}; the run is {subject.state.name}."
    if weights.recorded is None:
        yield _same_scores(split, clustering, rows[weights.epoch] if weights.epoch < len(rows) else {})
    else:
        yield _same_clusters(clustering, weights, "repetition" if subject.repeated else "run")
    if clustering.refilled:
        yield (
            False,
            f"Clusters that k-means left empty, and that were filled by splitting others: {clustering.refilled}.",
        )
    if subject.spec.method == "supervised":
        yield True, "The network was trained with the true labels; its clusters only serve the scores."


def _same_clusters(clustering: Clustering, weights: Weights, who: str) -> Check:
    assert weights.recorded is not None
    images = len(clustering.assignment)
    if weights.recorded.shape != clustering.assignment.shape:
        raise DataError(f"the run recorded the clusters of {len(weights.recorded)} images; there are {images} here")
    moved = int((weights.recorded != clustering.assignment).sum())
    anew = "Clustered anew from the weights"
    if not moved:
        return True, f"{anew}, all {images:,} images are in the cluster that the {who} recorded."
    return False, (
        f"{anew}, {moved:,} of {images:,} images are in another cluster than the {who} recorded: another device, "
        "another number of threads or other versions can do that. The pictures show the clustering computed here."
    )


def _same_scores(split: Split, clustering: Clustering, row: Mapping[str, Any]) -> Check:
    """Without a recorded assignment, its scores must do."""
    told = {name: float(row[name]) for name in metrics.TRUTH if row.get(name)}
    here = {name: metrics.TRUTH[name](split.labels, clustering.assignment) for name in told}
    without = "The run's folder does not have the last assignment (published results leave it out)"
    if not told:
        return False, f"{without}, nor scores to compare with."
    if all(np.isclose(here[name], told[name], rtol=0, atol=TOLERANCE) for name in told):
        return True, f"{without}; all {len(told)} scores of the clustering computed here are those that it recorded."
    name = max(told, key=lambda score: abs(here[score] - told[score]))
    return False, (
        f"{without}, and the clustering computed here scores otherwise than recorded ({name} {here[name]:.4f} instead "
        f"of {told[name]:.4f}): the pictures show the clustering computed here."
    )
