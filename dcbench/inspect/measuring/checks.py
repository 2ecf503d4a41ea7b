"""Check what is measured against what the run recorded: its images, and its clusters image by image.

Other images raise a DataError, since no figure would then be of this run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from dcbench.errors import DataError
from dcbench.inspect.measuring.weights import Weights
from dcbench.inspect.result import IntArray
from dcbench.inspect.subject import Check, InspectedRun
from dcbench.replay.run_diff import TOLERANCE
from dcbench.training import metrics
from dcbench.training.datasets import Split
from dcbench.training.deepcluster.pseudo_labels import Clustering


def check_images(run: InspectedRun, split: Split) -> Check:
    """Check that the images are those that the run was trained on; DataError if they are not."""
    recorded = run.folder.read_provenance().get("dataset", {}).get("sha256")
    if recorded is None:
        return Check(False, "The run does not record its images, so they cannot be compared with those used here.")
    if recorded != split.digest():
        raise DataError(
            f"{run.spec.dataset}: these are not the images that the run was made on (their digests differ); "
            "name the folder that has those with --data-dir"
        )
    return Check(True, f"The {len(split.labels):,} images are those that the run was made on (SHA-256).")


def check_clustering(
    run: InspectedRun, split: Split, weights: Weights, clustering: Clustering, rows: list[dict[str, str]]
) -> Iterator[Check]:
    """Yield how the clustering computed here compares with the recorded one, and what else a reader must know of it."""
    if weights.epoch < run.spec.epochs:
        yield Check(
            False,
            f"The weights are the last ones saved, after epoch {weights.epoch} of {run.spec.epochs}; "
            f"the run is {run.state.name}.",
        )
    if weights.recorded_assignment is not None:
        recorder = "repetition" if run.is_replay else "run"
        yield _compare_assignments(clustering.assignment, weights.recorded_assignment, recorder)
    else:
        yield _compare_scores(split, clustering, rows[weights.epoch] if weights.epoch < len(rows) else {})
    if clustering.refilled_count:
        yield Check(
            False,
            f"k-means left clusters empty, which were filled by splitting others: {clustering.refilled_count}.",
        )
    if run.spec.method == "supervised":
        yield Check(True, "The network was trained with the true labels; its clusters only serve the scores.")


def _compare_assignments(assignment: IntArray, recorded: IntArray, recorder: str) -> Check:
    """Compare the clusters image by image; `recorder` is what recorded them, the run or its repetition."""
    count = len(assignment)
    if recorded.shape != assignment.shape:
        raise DataError(f"the run recorded the clusters of {len(recorded)} images; there are {count} here")
    # Cluster ids can be compared as they are, because k-means starts from the same points under the same ids.
    moved = int((recorded != assignment).sum())
    if not moved:
        return Check(
            True,
            f"Clustered again from the weights, all {count:,} images are in the cluster that the {recorder} recorded.",
        )
    return Check(
        False,
        f"Clustered again from the weights, {moved:,} of {count:,} images are in another cluster than the {recorder} "
        "recorded. Another device, number of threads or library version can cause that. The figures show the "
        "clustering computed here.",
    )


def _compare_scores(split: Split, clustering: Clustering, row: Mapping[str, str]) -> Check:
    """Compare the scores of the clustering, because no assignment was recorded."""
    recorded = {name: float(row[name]) for name in metrics.TRUTH_SCORES if row.get(name)}
    computed = {name: metrics.TRUTH_SCORES[name](split.labels, clustering.assignment) for name in recorded}
    reason = "The run's folder does not have the last assignment (published results leave it out)"
    if not recorded:
        return Check(False, f"{reason}, nor scores to compare with.")
    # Other library versions can change the last digits of the score of one and the same clustering.
    if all(np.isclose(computed[name], recorded[name], rtol=0, atol=TOLERANCE) for name in recorded):
        return Check(True, f"{reason}; all {len(recorded)} scores of the clustering computed here are those recorded.")
    name = max(recorded, key=lambda score: abs(computed[score] - recorded[score]))
    return Check(
        False,
        f"{reason}, and the clustering computed here has other scores than recorded ({name} {computed[name]:.4f} "
        f"instead of {recorded[name]:.4f}). The figures show the clustering computed here.",
    )
