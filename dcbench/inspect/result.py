"""Hold what one run learned as plain arrays and facts, and read and write them.

In: arrays and facts by the names of ARRAYS and RUN_FACTS. Out: learned.npz, which NumPy reads without pickles, and
the counts of images that figures and tables are made of.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dcbench import registry
from dcbench.core.store import run_record
from dcbench.core.store.files import write_atomic
from dcbench.errors import ResultsError
from dcbench.inspect.subject import Check, InspectedRun

Array = npt.NDArray[Any]
IntArray = npt.NDArray[np.int64]

ARRAYS = {
    "assignment": "(n,) cluster of each training image that the run used",
    "labels": "(n,) its true label",
    "indices": "(n,) its position in the dataset",
    "clusters": "(s,) ids of the clusters shown, the largest first",
    "means": "(s, c, h, h) uint8, mean image of each",
    "nearest": "(s, a) positions of the images nearest its centroid, -1 where it has fewer",
    "distances": "(s, a) their Euclidean distances, in the space in which k-means worked",
    "filter_counts": "(1 or 2,) number of filters of the first and of the last convolution",
    "filters": "(f, i, kh, kw) weights of the first trained convolution",
    "filters_before": "(f, i, kh, kw) the same in the untrained network",
    "first_answers": "(f, a) positions of the images that activate each filter of that convolution most",
    "first_strengths": "(f, a) their activations, after batch norm",
    "first_ties": "(f,) number of images with the same activation as the first",
    "first_boxes": "(f, a, 4) top, left, height and width of what the filter saw there, as shares of the side",
    "last_answers": "(g, a) the same as first_answers for the last convolution",
    "last_strengths": "(g, a) the same for the last convolution",
    "last_ties": "(g,) the same for the last convolution",
    "map_positions": "(m,) positions of the images on the map",
    "map": "(m, 2) their coordinates",
    "map_different": "number of different points among the features of these images",
    "trustworthiness": "how far neighbours on the map are neighbours in the features; 1 is best (scikit-learn)",
    "shown": "(u,) positions of the images that `images` holds, ascending",
    "images": "(u, c, h, h) uint8, these images, at most 64 px",
}
"""Name -> what the array holds. Positions count the training images that the run used: rows of `labels`."""

RUN_FACTS = {
    "spec": "the spec of the run",
    "run_id": "the id of the run",
    "state": "its state",
    "epoch": "training passes before these weights, or before the last assignment",
    "class_names": "names of the classes",
    "rows": "its rows of metrics.csv up to this epoch, as written",
    "checks": "pairs (whether the check passed, sentence)",
    "missing": "array -> reason why it is missing",
    "way_out": "the command that computes what is missing for lack of weights",
}
"""Name -> what the fact says; a fact that does not exist is left out."""


@dataclass(frozen=True, kw_only=True)
class InspectionResult:
    """Arrays by the names of ARRAYS, and facts as plain JSON values by the names of RUN_FACTS."""

    arrays: Mapping[str, Array]
    facts: Mapping[str, Any]

    def __getitem__(self, name: str) -> Array:
        return self.arrays[name]

    def __contains__(self, name: str) -> bool:
        return name in self.arrays

    @property
    def counts(self) -> IntArray:
        """Number of images of each cluster and class `(k, classes)`."""
        table = np.zeros((self.facts["spec"]["k"], len(self.facts["class_names"])), dtype=np.int64)
        # Not `table[...] += 1`, which counts a repeated pair of indices once only.
        np.add.at(table, (self["assignment"], self["labels"]), 1)
        return table

    def image(self, position: int) -> Array:
        """Return the image `(c, h, h)` at a position in `shown`."""
        # Only the images that some figure shows are kept; `shown` is ascending, so that a search finds their rows.
        image: Array = self["images"][np.searchsorted(self["shown"], position)]
        return image

    def with_checks(self, checks: Sequence[Check]) -> InspectionResult:
        """Return a copy with these checks before its own."""
        return replace(self, facts={**self.facts, "checks": [*checks, *self.facts["checks"]]})

    def save(self, path: Path) -> None:
        """Write learned.npz, whole or not at all."""
        archive = io.BytesIO()
        # JSON text in an array of one string, because anything else than numbers and text would need a pickle.
        arrays: dict[str, Any] = {"facts": np.array(json.dumps(self.facts)), **self.arrays}
        np.savez_compressed(archive, **arrays)
        write_atomic(path, archive.getvalue())


def read_result(path: Path) -> InspectionResult:
    """Return what `save` wrote."""
    with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    return InspectionResult(arrays=arrays, facts=json.loads(str(arrays.pop("facts"))))


def inspect_assignment(run: InspectedRun) -> InspectionResult:
    """Return the last assignment of a run without weights, which needs neither torch nor the images."""
    arrays = run.folder.read_assignments("assignment", "labels", "indices") or {}
    classes = read_class_names(run.spec.dataset, int(arrays["labels"].max(initial=-1)) + 1)
    # A damaged file can hold numbers that NumPy would take as indices from the end.
    for name, count in (("assignment", run.spec.k), ("labels", len(classes))):
        if not arrays[name].size or arrays[name].min() < 0 or arrays[name].max() >= count:
            raise ResultsError(
                f"{run.folder.assignments_file}: {name} are not whole numbers from 0 to {count - 1}; restore the file, "
                "or inspect the run with --replay"
            )
    facts = collect_facts(run, run.spec.epochs, classes)
    facts["missing"] = {name: "needs the run's weights" for name in ARRAYS if name not in arrays}
    facts["checks"] = [Check(True, "The clusters are the last assignment that the run recorded, not computed again.")]
    return InspectionResult(arrays=arrays, facts=facts | {"way_out": run.replay_hint})


def collect_facts(run: InspectedRun, epoch: int, class_names: list[str]) -> dict[str, Any]:
    """Return the facts of any run, as it was after this epoch; `checks` and `missing` are still empty."""
    state = f"{run.state.name} ({run.state.kind})" if run.state.kind else run.state.name
    return {
        "run_id": run.spec.run_id,
        "spec": run.spec.model_dump(),
        "state": state,
        "epoch": epoch,
        "class_names": class_names,
        "rows": run_record.read_rows(run.folder)[: epoch + 1],
        "checks": [],
        "missing": {},
    }


def read_class_names(dataset: str, class_count: int) -> list[str]:
    """Return the names that the dataset's facts give its classes, or else their numbers."""
    names = registry.facts("datasets", dataset).get("class_names")
    return list(names) if names else [str(label) for label in range(class_count)]


def find_largest(counts: IntArray, number: int) -> IntArray:
    """Return the ids of the `number` largest rows of `counts` that hold any image, the largest first."""
    sizes = counts.sum(axis=1)
    order: IntArray = np.argsort(-sizes, kind="stable")[:number]  # stable, so that equal ones come by id
    filled: IntArray = order[sizes[order] > 0]
    return filled


def find_majority_labels(counts: IntArray) -> tuple[IntArray, npt.NDArray[np.float64]]:
    """Return the most frequent label of each cluster and its share; -1 and NaN for an empty cluster."""
    sizes = counts.sum(axis=1)
    shares = np.divide(counts.max(axis=1), sizes, out=np.full(len(counts), np.nan), where=sizes > 0)
    return np.where(sizes > 0, counts.argmax(axis=1), -1), shares
