"""Describe a comparison of backends: its settings, the rows that it gives, and the two files that keep them.

In: the options of `dcbench parity`, and what was measured. Out, without torch, so that the report can read it:

    <results>/parity/<dataset>-<limit>.csv    the table, a line for each measure
    <results>/parity/<dataset>-<limit>.json   its provenance: versions, device, threads, dataset digest, command

The columns of the table, empty where a value does not exist:

    dataset, limit            the images; an empty limit stands for all of them
    k                         number of clusters; empty for a measure without clusters
    stage, measure            a key of PARITY_STAGES and of MEASURES
    backend_a, backend_b      the two backends; a ratio is a/b; an empty b stands for a measure of a alone
    value, lowest, highest    median and range over the starts of k-means
    count                     number of values; of parting_iteration, the starts in which the backends differ at all
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dcbench import registry
from dcbench.core.matrix.validate import find_spec_problems
from dcbench.core.spec import RunSpec, make_spec
from dcbench.core.store.files import explain_os_error, write_atomic
from dcbench.errors import PluginError, ResultsError, SpecError

DEFAULT_LIMIT = 10_000
"""Number of images that are compared on by default; a smaller dataset is used whole."""

PARITY_STAGES = {
    "pca": "each library's PCA of the same features",
    "whiten": "each library's whitening of the same reduced matrix (torch's)",
    "kmeans": "k-means on the same preprocessed matrix (torch's) from the same first centroids",
    "chain": "each library's own PCA, whitening and k-means, from the same points as first centroids",
    "defaults": "each library as it comes; torch has no defaults of its own",
}
"""What is compared in each stage, in the order of the table."""


@dataclass(frozen=True, kw_only=True)
class MeasureFormat:
    """How a measure is shown: its label with the unit, and the format of its numbers."""

    label: str
    number_format: str


MEASURES = {
    "largest_angle": MeasureFormat(label="largest angle of subspaces (rad)", number_format=".1e"),
    "angle_to_exact": MeasureFormat(label="angle to its exact subspace (rad)", number_format=".1e"),
    "explained_variance": MeasureFormat(label="explained variance, share", number_format=".6f"),
    "explained_variance_ratio": MeasureFormat(label="explained variance, a/b", number_format=".7f"),
    "identity_deviation": MeasureFormat(label="covariance less identity, largest", number_format=".1e"),
    "agreement_first_iteration": MeasureFormat(label="same cluster after 1 iteration", number_format=".6g"),
    "parting_iteration": MeasureFormat(label="first iteration with a difference", number_format="g"),
    "objective_ratio": MeasureFormat(label="objective at the end, a/b", number_format=".5f"),
    "ari": MeasureFormat(label="adjusted Rand index at the end", number_format=".4f"),
    # The yardstick of `ari` where the libraries start differently: what another start alone changes.
    "ari_of_starts": MeasureFormat(label="ARI of two of its own starts", number_format=".4f"),
    # In stage `defaults` with the whitening.
    "seconds_pca": MeasureFormat(label="PCA (s)", number_format=".3g"),
    "seconds_whiten": MeasureFormat(label="whitening (s)", number_format=".3g"),
    "seconds_kmeans": MeasureFormat(label="k-means (s)", number_format=".3g"),
}
"""Every measure, in the order of the table."""

PARITY_COLUMNS = (
    "dataset", "limit", "k", "stage", "measure", "backend_a", "backend_b", "value", "lowest", "highest", "count",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class ParitySettings:
    """What is compared: the backends, and the features and clusterings to compare them on."""

    dataset: str
    """Dataset whose images give the features."""
    limit: int | None
    """Number of images, class-balanced; None for all."""
    k_values: tuple[int, ...]
    """Numbers of clusters."""
    backends: tuple[str, ...]
    """Names of the backends, at least two."""
    starts: int = 10
    """Starts of k-means, each from other first centroids."""
    pca_dim: int = 256
    """Dimensions that the PCA keeps."""
    width: float = 0.25
    """Width of the untrained network."""

    def make_spec(self, k: int) -> RunSpec:
        """Return the spec of the run whose row 0 has these features and first centroids."""
        values = {"dataset": self.dataset, "limit": self.limit, "width": self.width, "pca_dim": self.pca_dim, "k": k}
        return make_spec(values)


def parse_settings(
    *, dataset: str, limit: int | None, k_values: str, backends: str | None, starts: int, pca_dim: int
) -> ParitySettings:
    """Return the settings that the options of the command line stand for.

    `k_values` and `backends` are lists such as `10,100` and `faiss,torch`; None stands for the default limit and for
    all backends. Raises PluginError or SpecError if an option has a value that cannot be used.
    """
    if problem := registry.name_problem("datasets", dataset):
        raise PluginError(f"--dataset {dataset}: {problem}")
    total = registry.facts("datasets", dataset).get("train")
    if limit is None and total is not None:
        limit = min(DEFAULT_LIMIT, total)
    # dict.fromkeys drops what is given twice, and keeps the order.
    try:
        numbers = tuple(dict.fromkeys(int(word) for word in k_values.split(",")))
    except ValueError:
        raise SpecError(f"--k {k_values}: expected whole numbers separated by commas, like 10,100,1000") from None
    choices = registry.plugin_names("backends")
    names = tuple(choices if backends is None else dict.fromkeys(backends.split(",")))
    for name in names:
        if problem := registry.name_problem("backends", name):
            raise PluginError(f"--backends {backends}: {problem}")
    if len(names) < 2:
        raise PluginError(f"--backends {backends}: a comparison needs two or more of {', '.join(choices)}")
    settings = ParitySettings(
        dataset=dataset, limit=limit, k_values=numbers, backends=names, starts=starts, pca_dim=pca_dim
    )
    for k in settings.k_values:
        for spec_problem in find_spec_problems(settings.make_spec(k)):
            raise SpecError(f"{dataset}: {spec_problem.message}")
    return settings


@dataclass(frozen=True, kw_only=True)
class ParityRow:
    """One measure of two backends, or of one alone."""

    stage: str
    """A key of PARITY_STAGES."""
    measure: str
    """A key of MEASURES."""
    backend_a: str
    """First backend."""
    backend_b: str = ""
    """Second backend; empty for a measure of the first one alone."""
    k: int | None = None
    """Number of clusters; None for a measure without clusters."""
    values: tuple[float, ...] = ()
    """One value, or one for each start of k-means; none if the measure does not exist."""

    @property
    def value(self) -> float | None:
        """Median of the values; None if there are none."""
        return statistics.median(self.values) if self.values else None

    @property
    def bounds(self) -> tuple[float, ...]:
        """Lowest and highest value; empty if there are none."""
        return (min(self.values), max(self.values)) if self.values else ()


def sort_rows(rows: Iterable[ParityRow]) -> list[ParityRow]:
    """Return the rows in the order of the table: by stage, measure and k."""
    stages, measures = list(PARITY_STAGES), list(MEASURES)
    return sorted(rows, key=lambda row: (stages.index(row.stage), measures.index(row.measure), row.k or 0))


class ParityFiles:
    """The two files of one comparison, in <results>/parity/."""

    def __init__(self, results: Path, settings: ParitySettings) -> None:
        self.settings = settings
        # The name of an image folder holds a path, which is no file name.
        dataset = re.sub(r"[^A-Za-z0-9_+.]+", "-", settings.dataset).strip("-.")
        name = f"{dataset}-{'all' if settings.limit is None else settings.limit}"
        self.csv_file = results / "parity" / f"{name}.csv"
        self.json_file = results / "parity" / f"{name}.json"

    def prepare(self) -> None:
        """Make the folder; ResultsError if it cannot be written, before minutes are spent on measuring."""
        folder = self.csv_file.parent
        with explain_os_error(folder):
            folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK):
            raise ResultsError(f"{folder}: cannot be written; choose a folder you can write with --results")

    def write(self, rows: Iterable[ParityRow], facts: Mapping[str, Any]) -> None:
        """Write both files; each is replaced as a whole."""
        text = io.StringIO()
        table = csv.writer(text, lineterminator="\n")
        table.writerow(PARITY_COLUMNS)
        for row in sort_rows(rows):
            place = [self.settings.dataset, self.settings.limit, row.k, row.stage, row.measure]
            numbers = [f"{number:.9g}" for number in (row.value, *row.bounds) if number is not None] or [""] * 3
            table.writerow([*place, row.backend_a, row.backend_b, *numbers, len(row.values)])
        with explain_os_error(self.csv_file.parent):
            write_atomic(self.json_file, json.dumps(facts, indent=1) + "\n")
            write_atomic(self.csv_file, text.getvalue())
