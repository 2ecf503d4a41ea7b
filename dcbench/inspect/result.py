"""What one run learned, as plain arrays: what the run half gathers, and the pictures are drawn from.

In: arrays and facts by the names of ARRAYS and TOLD. Out: learned.npz, which anybody can read with NumPy; it holds
no pickles. Below them the counts that pictures and tables are made of.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
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
Ints = npt.NDArray[np.int64]

ARRAYS = {
    "assignment": "(n,) cluster of each training image that the run used",
    "labels": "(n,) its true label",
    "indices": "(n,) its position in the dataset",
    "clusters": "(s,) ids of the clusters shown, the largest first",
    "means": "(s, c, h, h) uint8, mean image of each",
    "nearest": "(s, a) positions of the images nearest its centroid, -1 where it has fewer",
    "distances": "(s, a) their Euclidean distances, where k-means worked",
    "filter_counts": "(1 or 2,) how many filters the first and the last convolution have",
    "filters": "(f, i, kh, kw) weights of the first trained convolution",
    "filters_before": "(f, i, kh, kw) the same in the untrained network",
    "first_answers": "(f, a) positions of the images that each filter of that convolution answers to most",
    "first_strengths": "(f, a) how much, after batch norm",
    "first_ties": "(f,) how many images answer as much as the first",
    "first_boxes": "(f, a, 4) where: top, left, height and width of what the filter saw there, as shares of the side",
    "last_answers": "(g, a) the same as first_answers for the last convolution",
    "last_strengths": "(g, a) the same for the last convolution",
    "last_ties": "(g,) the same for the last convolution",
    "map_positions": "(m,) positions of the images on the map",
    "map": "(m, 2) where they are on it",
    "map_different": "how many different points the features of these images are",
    "trustworthiness": "how far the map's neighbours are neighbours in the features, 1 at best (scikit-learn's)",
    "shown": "(u,) positions of the images that `images` holds, ascending",
    "images": "(u, c, h, h) uint8, those images, at most 64 px",
}
"""Name -> what the array holds. Positions count the training images that the run used: rows of `labels`."""

TOLD = {
    "spec": "the run's spec",
    "run_id": "the run's id",
    "state": "its state",
    "epoch": "training passes behind the weights, or behind the last assignment",
    "class_names": "names of the classes",
    "rows": "its rows of metrics.csv up to that epoch, as written",
    "checks": "pairs (whether it is as it should be, sentence)",
    "missing": "array -> why it is not there",
    "way_out": "the command that gives what is missing for want of weights",
}
"""Name -> what the fact says; those that do not exist are left out."""


@dataclass(frozen=True)
class InspectionResult:
    """Arrays by the names of ARRAYS, and facts, plain JSON, by the names of TOLD."""

    arrays: Mapping[str, Array]
    facts: Mapping[str, Any]

    def __getitem__(self, name: str) -> Array:
        return self.arrays[name]

    def __contains__(self, name: str) -> bool:
        return name in self.arrays

    @property
    def counts(self) -> Ints:
        """Images of each cluster and class `(k, classes)`."""
        table = np.zeros((self.facts["spec"]["k"], len(self.facts["class_names"])), dtype=np.int64)
        np.add.at(table, (self["assignment"], self["labels"]), 1)
        return table

    def image(self, position: int) -> Array:
        """The image `(c, h, h)` at a position that is shown."""
        found: Array = self["images"][np.searchsorted(self["shown"], position)]
        return found

    def noted(self, *checks: Check) -> InspectionResult:
        """The same with these checks before its own."""
        return replace(self, facts={**self.facts, "checks": [*checks, *self.facts["checks"]]})

    def save(self, path: Path) -> None:
        """Write the file, whole or not at all."""
        archive = io.BytesIO()
        arrays: dict[str, Any] = {"facts": np.array(json.dumps(self.facts)), **self.arrays}
        np.savez_compressed(archive, **arrays)
        write_atomic(path, archive.getvalue())


def read(path: Path) -> InspectionResult:
    """The file that `save` wrote."""
    with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    return InspectionResult(arrays, json.loads(str(arrays.pop("facts"))))


def of_assignment(subject: InspectedRun) -> InspectionResult:
    """What a run without weights shows: its last assignment beside the labels."""
    arrays = subject.folder.read_assignments("assignment", "labels", "indices") or {}
    classes = class_names(subject.spec.dataset, int(arrays["labels"].max(initial=-1)) + 1)
    for name, below in (("assignment", subject.spec.k), ("labels", len(classes))):
        if not arrays[name].size or arrays[name].min() < 0 or arrays[name].max() >= below:
            told = f"{name} are not whole numbers from 0 to {below - 1}; restore it, or inspect with --replay"
            raise ResultsError(f"{subject.folder.assignments_file}: {told}")
    facts = facts_of(subject, subject.spec.epochs, classes)
    facts["missing"] = {name: "needs the run's weights" for name in ARRAYS if name not in arrays}
    facts["checks"] = [(True, "The clusters are the run's recorded last assignment; nothing was computed anew.")]
    return InspectionResult(arrays, facts | {"way_out": subject.way_out})


def facts_of(subject: InspectedRun, epoch: int, classes: list[str]) -> dict[str, Any]:
    """What is told of any run, as it was after this epoch."""
    state = f"{subject.state.name} ({subject.state.kind})" if subject.state.kind else subject.state.name
    return {
        "run_id": subject.spec.run_id,
        "spec": subject.spec.model_dump(),
        "state": state,
        "epoch": epoch,
        "class_names": classes,
        "rows": run_record.read_rows(subject.folder)[: epoch + 1],
        "checks": [],
        "missing": {},
    }


def class_names(dataset: str, classes: int) -> list[str]:
    """The names that the dataset's facts give its classes, else their numbers."""
    named = registry.facts("datasets", dataset).get("class_names")
    return list(named) if named else [str(label) for label in range(classes)]


def largest(counts: Ints, number: int) -> Ints:
    """Ids of the `number` largest clusters that hold any image, the largest first, equal ones by id."""
    sizes = counts.sum(axis=1)
    order: Ints = np.argsort(-sizes, kind="stable")[:number]
    filled: Ints = order[sizes[order] > 0]
    return filled


def majority(counts: Ints) -> tuple[Ints, npt.NDArray[np.float64]]:
    """The most frequent label of each cluster and its share; -1 and NaN for an empty one."""
    sizes = counts.sum(axis=1)
    shares = np.divide(counts.max(axis=1), sizes, out=np.full(len(counts), np.nan), where=sizes > 0)
    return np.where(sizes > 0, counts.argmax(axis=1), -1), shares
