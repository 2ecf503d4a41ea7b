"""What `dcbench parity` is asked for, and the one table that answers it.

    <results>/parity/<dataset>-<limit>.csv    a line a measure
    <results>/parity/<dataset>-<limit>.json   what it was made with: versions, device, threads, dataset digest, command

The columns of the CSV, empty where a value does not exist:

    dataset, limit            the images that were compared on; limit empty: all of them
    k                         number of clusters; empty for what has none
    stage, measure            a stage of STAGES, a measure of MEASURES
    backend_a, backend_b      the pair that the value is about, a/b where it is a ratio; b empty: a alone
    value, lowest, highest    median and range over the starts of k-means
    count                     how many values these are; of parting_iteration: how many starts parted at all
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

LIMIT = 10_000
"""Images compared on unless told otherwise, or all of a smaller dataset."""

STAGES = {
    "pca": "each library's PCA of the same features",
    "whiten": "each library's whitening of the same reduced matrix (torch's)",
    "kmeans": "k-means on the same preprocessed matrix (torch's) from the same first centroids",
    "chain": "each library's own PCA, whitening and k-means, from the same points as first centroids",
    "defaults": "each library as it comes; torch has no defaults of its own",
}
"""Stage -> what is compared in it."""

MEASURES = {
    "largest_angle": ("largest angle of subspaces (rad)", ".1e"),
    "angle_to_exact": ("angle to its exact subspace (rad)", ".1e"),
    "explained_variance": ("explained variance, share", ".6f"),
    "explained_variance_ratio": ("explained variance, a/b", ".7f"),
    "identity_deviation": ("covariance less identity, largest", ".1e"),
    "agreement_first_iteration": ("same cluster after 1 iteration", ".6g"),
    "parting_iteration": ("first iteration with a difference", "g"),
    "objective_ratio": ("objective at the end, a/b", ".5f"),
    "ari": ("adjusted Rand index at the end", ".4f"),
    "ari_of_starts": ("ARI of two of its own starts", ".4f"),
    "seconds_pca": ("PCA (s)", ".3g"),
    "seconds_whiten": ("whitening (s)", ".3g"),
    "seconds_kmeans": ("k-means (s)", ".3g"),
}
"""Measure -> its label with the unit, and its number format. In stage `defaults`, seconds_pca includes the whitening,
and both libraries' objectives are sums of squares about the clusters' means in the matrix of stage `kmeans`.
ari_of_starts is the yardstick of ari where the libraries start differently: what another start alone changes."""

COLUMNS = ("dataset", "limit", "k", "stage", "measure", "backend_a", "backend_b", "value", "lowest", "highest", "count")


@dataclass(frozen=True)
class ParitySettings:
    """Which backends are compared, on how many images of what, with which numbers of clusters."""

    dataset: str
    limit: int | None
    ks: tuple[int, ...]
    backends: tuple[str, ...]
    starts: int = 10
    pca_dim: int = 256
    width: float = 0.25

    def spec(self, k: int) -> RunSpec:
        """The run whose row 0 gives the features and the first centroids."""
        values = {"dataset": self.dataset, "limit": self.limit, "width": self.width, "pca_dim": self.pca_dim, "k": k}
        return make_spec(values)


def parse_settings(
    dataset: str, limit: int | None, ks: str, backends: str | None, starts: int, pca_dim: int
) -> ParitySettings:
    """The comparison that the command line's words ask for; errors say what is wrong with them."""
    if problem := registry.name_problem("datasets", dataset):
        raise PluginError(f"--dataset {dataset}: {problem}")
    total = registry.facts("datasets", dataset).get("train")
    limit = limit if limit is not None or total is None else min(LIMIT, total)
    comparison = ParitySettings(dataset, limit, _numbers(ks), _backends(backends), starts, pca_dim)
    for k in comparison.ks:
        for _, message in find_spec_problems(comparison.spec(k)):
            raise SpecError(f"{dataset}: {message}")
    return comparison


def _numbers(words: str) -> tuple[int, ...]:
    try:
        return tuple(dict.fromkeys(int(word) for word in words.split(",")))
    except ValueError:
        raise SpecError(f"--k {words}: expected whole numbers with commas between them, like 10,100,1000") from None


def _backends(words: str | None) -> tuple[str, ...]:
    known = registry.plugin_names("backends")
    names = tuple(dict.fromkeys(words.split(","))) if words is not None else tuple(known)
    for name in names:
        if problem := registry.name_problem("backends", name):
            raise PluginError(f"--backends {words}: {problem}")
    if len(names) < 2:
        raise PluginError(f"--backends {words}: a comparison needs two or more of {', '.join(known)}")
    return names


@dataclass(frozen=True)
class ParityRow:
    """One measure of a pair of backends, or of `backend_a` alone: a value, or one for each start."""

    stage: str
    measure: str
    backend_a: str
    backend_b: str = ""
    k: int | None = None
    values: tuple[float, ...] = ()

    @property
    def value(self) -> float | None:
        """The median; None where there is no value."""
        return statistics.median(self.values) if self.values else None

    @property
    def range(self) -> tuple[float, ...]:
        """Lowest and highest; nothing where there is no value."""
        return (min(self.values), max(self.values)) if self.values else ()


def sort_rows(lines: Iterable[ParityRow]) -> list[ParityRow]:
    """The lines by stage, measure and k; what belongs together stands together."""
    stages, measures = list(STAGES), list(MEASURES)
    return sorted(lines, key=lambda line: (stages.index(line.stage), measures.index(line.measure), line.k or 0))


class ParityFiles:
    """<results>/parity/: the table of one dataset and limit, and what it was made with."""

    def __init__(self, results: Path, comparison: ParitySettings) -> None:
        self.settings = comparison
        dataset = re.sub(r"[^A-Za-z0-9_+.]+", "-", comparison.dataset).strip("-.")
        name = f"{dataset}-{'all' if comparison.limit is None else comparison.limit}"
        self.csv_file = results / "parity" / f"{name}.csv"
        self.json_file = results / "parity" / f"{name}.json"

    def prepare(self) -> None:
        """Make the folder; a ResultsError before minutes are spent on what could not be written."""
        folder = self.csv_file.parent
        with explain_os_error(folder):
            folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK):
            raise ResultsError(f"{folder}: cannot be written; choose a folder you can write with --results")

    def write(self, lines: Iterable[ParityRow], facts: Mapping[str, Any]) -> None:
        """Put both files in place."""
        with explain_os_error(self.csv_file.parent):
            write_atomic(self.json_file, json.dumps(facts, indent=1) + "\n")
            write_atomic(self.csv_file, self._text(lines))

    def _text(self, lines: Iterable[ParityRow]) -> str:
        told = io.StringIO()
        table = csv.writer(told, lineterminator="\n")
        table.writerow(COLUMNS)
        table.writerows(self._row(line) for line in sort_rows(lines))
        return told.getvalue()

    def _row(self, line: ParityRow) -> list[object]:
        place = [self.settings.dataset, self.settings.limit, line.k, line.stage, line.measure]
        found = () if line.value is None else (line.value, *line.range)
        numbers = [f"{number:.9g}" for number in found] or [""] * 3
        return [*place, line.backend_a, line.backend_b, *numbers, len(line.values)]
