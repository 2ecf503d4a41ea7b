"""Measure whether the backends are interchangeable: compare every two of them, stage by stage.

In: ParitySettings, and where to work. Out: a Bench of what is held equal, then one ParityRow for each measure.

The protocol. All backends get the features of one untrained network, in one process, on one device, after a warm-up.
Each stage compares one step, and holds equal what leads to it:

    stage     held equal                                   compared
    pca       features                                     subspace and variance kept
    whiten    reduced matrix (the torch backend's)         deviation of the covariance from the identity
    kmeans    whitened matrix of unit length (torch's),    assignment after one iteration and at the end, first
              first centroids of each start                iteration with a difference, objective at the end
    chain     features, indices of the first centroids     assignment at the end, after each backend's own PCA
    defaults  features, seed of each start                 the same measures of the library's own default settings

The rows of a single backend hold its seconds, and how far two of its own starts agree: what chance alone changes.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, partial
from types import ModuleType
from typing import Any, ParamSpec, TypeVar

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from scipy.linalg import subspace_angles
from torch import Tensor

from dcbench import registry
from dcbench.core.spec import STAGE_BACKENDS, RunSpec
from dcbench.core.worker_config import WorkerConfig
from dcbench.parity.table import ParityRow, ParitySettings
from dcbench.training import metrics, provenance, threads
from dcbench.training.backends import KMeansResult, Transform, compute_objective
from dcbench.training.costs import StageClock
from dcbench.training.datasets import load_training
from dcbench.training.deepcluster import images, pseudo_labels
from dcbench.training.deepcluster.features import extract_features
from dcbench.training.deepcluster.network import build_network

REFERENCE_BACKEND = "torch"
"""Backend that computes the matrices which whitening and k-means are compared on."""

PROBE_LENGTH = 1024.0
"""Length of the vectors that probe a transform: so long that float32 resolves its axes beside its offset."""

Iterations = Callable[[int], KMeansResult]
"""Returns what a backend's k-means has found after that many iterations from one start."""

A = ParamSpec("A")
R = TypeVar("R")


@dataclass(frozen=True, kw_only=True)
class Reduction:
    """A PCA: the reduced features `(n, dim)`, the axes `(d, dim)` that it projects on, and the time it took."""

    points: Tensor
    axes: npt.NDArray[np.float64]
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Bench:
    """What is held equal for all backends."""

    settings: ParitySettings
    features: Tensor
    """Features of the untrained network, `(n, d)`."""
    backends: dict[str, ModuleType]
    clock: StageClock
    facts: dict[str, Any]
    """Provenance of the comparison."""

    def time_call(self, function: Callable[A, R], *args: A.args, **kwargs: A.kwargs) -> tuple[R, float]:
        """Call a function; return its result and its seconds, with the device idle before and after."""
        with self.clock.stage("call"):
            result = function(*args, **kwargs)
        return result, self.clock.take()["call"]


class StageRows:
    """The values of one stage, by measure and backends: one value, or one for each start."""

    def __init__(self, bench: Bench, stage: str, k: int | None = None) -> None:
        self.stage, self.k = stage, k
        self._pairs = list(itertools.combinations(bench.backends, 2))
        self._values: dict[tuple[str, str, str], list[float]] = {}

    def add(self, measure: str, backend: str, *values: float) -> None:
        """Add values of one backend alone."""
        self._values.setdefault((measure, backend, ""), []).extend(values)

    def compare(self, measure: str, results: Mapping[str, R], compare: Callable[[R, R], float | None]) -> None:
        """Add a value of every two backends; none if one has no result, or the comparison gives None."""
        for first, second in self._pairs:
            # The row exists in any case, so that the table shows that there is no value.
            values = self._values.setdefault((measure, first, second), [])
            if first in results and second in results:
                value = compare(results[first], results[second])
                values += [] if value is None else [value]

    def compare_starts(self, assignments: list[dict[str, Tensor]]) -> None:
        """Add the agreement of each start of a backend with its next one."""
        for backend in assignments[0]:
            pairs = itertools.pairwise(assignments)
            self.add("ari_of_starts", backend, *(measure_ari(old[backend], new[backend]) for old, new in pairs))

    def __iter__(self) -> Iterator[ParityRow]:
        for (measure, first, second), values in self._values.items():
            yield ParityRow(
                stage=self.stage, measure=measure, backend_a=first, backend_b=second, k=self.k, values=tuple(values)
            )


# --- the protocol -----------------------------------------------------------------------------


def prepare(settings: ParitySettings, config: WorkerConfig) -> Bench:
    """Make what is held equal: the features of the untrained network, and backends that have warmed up."""
    if config.gpu:
        # torch reads this when it first uses CUDA, and never again.
        os.environ["CUDA_VISIBLE_DEVICES"] = config.gpu
    threads.limit_threads(config.threads)
    device = torch.device(config.device)
    # The number of clusters has no influence on images and features, so any will do.
    spec = settings.make_spec(settings.k_values[0])
    split = load_training(spec, config.data_dir)
    training = images.make_training_images(torch.from_numpy(split.pixels), spec.image_size, device)
    features = extract_features(build_network(spec, device), training, spec.precision)
    for name in settings.backends:
        pseudo_labels.warm_up_backends(spec.model_copy(update=dict.fromkeys(STAGE_BACKENDS, name)), device)
    data = {"images": len(split.labels), "sha256": split.digest()}
    facts = provenance.gather_provenance(spec, data, device, config.threads, 1, config.command)
    facts |= {
        "features_of": "the untrained network", "k": settings.k_values, "backends": settings.backends,
        "starts": settings.starts,
    }  # fmt: skip
    backends = {name: registry.load("backends", name) for name in settings.backends}
    return Bench(settings=settings, features=features, backends=backends, clock=StageClock(device), facts=facts)


def measure(bench: Bench) -> Iterator[ParityRow]:
    """Go through the stages of the protocol, and yield the rows of each."""
    reductions = {name: reduce_features(bench, backend.fit_pca) for name, backend in bench.backends.items()}
    yield from compare_pca(bench, reductions)

    reference = registry.load("backends", REFERENCE_BACKEND)
    reduced = reference.fit_pca(bench.features, bench.settings.pca_dim)(bench.features)
    yield from compare_whitening(bench, reduced)

    points = preprocess(reference, reduced)
    chains = {name: preprocess(backend, reductions[name].points) for name, backend in bench.backends.items()}
    # The torch backend has no defaults of its own.
    defaults = {
        name: reduce_features(bench, partial(backend.default_pca, seed=0))
        for name, backend in bench.backends.items()
        if hasattr(backend, "default_pca")
    }
    yield from compare_default_pca(bench, reductions, defaults)
    for k in bench.settings.k_values:
        spec = bench.settings.make_spec(k)
        yield from compare_kmeans(bench, points, spec)
        yield from compare_chains(bench, chains, spec)
        yield from compare_default_kmeans(bench, defaults, points, spec)


def compare_pca(bench: Bench, reductions: dict[str, Reduction]) -> Iterator[ParityRow]:
    """Compare the subspaces that the backends find in the same features, and the variance that these keep."""
    rows, total = StageRows(bench, "pca"), measure_variance(bench.features)
    shares = {name: measure_variance(reduction.points) / total for name, reduction in reductions.items()}
    for name, reduction in reductions.items():
        rows.add("explained_variance", name, shares[name])
        rows.add("seconds_pca", name, reduction.seconds)
    rows.compare("largest_angle", reductions, measure_largest_angle)
    rows.compare("explained_variance_ratio", shares, measure_ratio)
    yield from rows


def compare_whitening(bench: Bench, reduced: Tensor) -> Iterator[ParityRow]:
    """Compare the covariance of the same reduced features `(n, dim)` with the identity, after each whitening."""
    rows = StageRows(bench, "whiten")
    for name, backend in bench.backends.items():
        whitened, seconds = bench.time_call(whiten, backend, reduced)
        # A library that divides by n, as faiss does, is off by 1/n: torch.cov divides by n - 1.
        covariance = torch.cov(whitened.double().T).reshape(whitened.shape[1], -1)
        deviation = (covariance - torch.eye(len(covariance), device=covariance.device)).abs().max()
        rows.add("identity_deviation", name, float(deviation))
        rows.add("seconds_whiten", name, seconds)
    yield from rows


def compare_kmeans(bench: Bench, points: Tensor, spec: RunSpec) -> Iterator[ParityRow]:
    """Compare k-means of the same points `(n, dim)` from the same first centroids, start by start."""
    rows, assignments = StageRows(bench, "kmeans", spec.k), []
    for start in range(bench.settings.starts):
        first_centroids = choose_first_centroids(points, spec, start)
        ends: dict[str, KMeansResult] = {}
        for name, backend in bench.backends.items():
            ends[name], seconds = bench.time_call(backend.kmeans, points, first_centroids, spec.kmeans_iterations)
            rows.add("seconds_kmeans", name, seconds)
        paths = {name: follow_iterations(backend, points, first_centroids) for name, backend in bench.backends.items()}
        rows.compare("agreement_first_iteration", paths, measure_first_agreement)
        rows.compare("parting_iteration", paths, partial(find_first_difference, last=spec.kmeans_iterations))
        objectives = {name: compute_objective(points, end) for name, end in ends.items()}
        rows.compare("objective_ratio", objectives, measure_ratio)
        assignments.append({name: end.assignment for name, end in ends.items()})
        rows.compare("ari", assignments[-1], measure_ari)
    rows.compare_starts(assignments)
    yield from rows


def compare_chains(bench: Bench, chains: dict[str, Tensor], spec: RunSpec) -> Iterator[ParityRow]:
    """Compare the last assignments where each backend has also done its own PCA and whitening."""
    rows = StageRows(bench, "chain", spec.k)
    for start in range(bench.settings.starts):
        assignments = {}
        for name, points in chains.items():
            # The same indices give each backend the points at its own place of the same images.
            first_centroids = choose_first_centroids(points, spec, start)
            end = bench.backends[name].kmeans(points, first_centroids, spec.kmeans_iterations)
            assignments[name] = end.assignment
        rows.compare("ari", assignments, measure_ari)
    yield from rows


def compare_default_pca(
    bench: Bench, reductions: dict[str, Reduction], defaults: dict[str, Reduction]
) -> Iterator[ParityRow]:
    """Compare the subspaces of the libraries' default PCA with their exact ones, and with each other."""
    rows = StageRows(bench, "defaults")
    for name, reduction in defaults.items():
        rows.add("angle_to_exact", name, measure_largest_angle(reduction, reductions[name]))
        rows.add("seconds_pca", name, reduction.seconds)
    rows.compare("largest_angle", defaults, measure_largest_angle)
    yield from rows


def compare_default_kmeans(
    bench: Bench, defaults: dict[str, Reduction], points: Tensor, spec: RunSpec
) -> Iterator[ParityRow]:
    """Compare each library's default k-means after its own default PCA.

    The objectives are those of the assignments in `points` `(n, dim)`, because only in one space can they be compared.
    """
    rows, assignments = StageRows(bench, "defaults", spec.k), []
    for start in range(bench.settings.starts):
        ends: dict[str, Tensor] = {}
        for name, reduction in defaults.items():
            unit_length = F.normalize(reduction.points)
            ends[name], seconds = bench.time_call(bench.backends[name].default_kmeans, unit_length, spec.k, start)
            rows.add("seconds_kmeans", name, seconds)
        assignments.append(ends)
        rows.compare("ari", ends, measure_ari)
        objectives = {name: measure_scatter(points, end, spec.k) for name, end in ends.items()}
        rows.compare("objective_ratio", objectives, measure_ratio)
    rows.compare_starts(assignments)
    yield from rows


# --- the steps --------------------------------------------------------------------------------


def reduce_features(bench: Bench, fit: Callable[[Tensor, int], Transform]) -> Reduction:
    """Fit a PCA to the features, apply it, and time both."""
    transform, fit_seconds = bench.time_call(fit, bench.features, bench.settings.pca_dim)
    points, apply_seconds = bench.time_call(transform, bench.features)
    return Reduction(points=points, axes=read_axes(transform, bench.features), seconds=fit_seconds + apply_seconds)


def read_axes(transform: Transform, like: Tensor) -> npt.NDArray[np.float64]:
    """Return the axes `(d, dim)` of an affine transform of data such as `like` `(n, d)`, read from what it does."""
    # f(x) = A x + b, so f(x) - f(0) is A x: long unit vectors give the columns of A, whatever the library keeps inside.
    size = like.shape[1]
    probes = torch.cat([like.new_zeros(1, size), PROBE_LENGTH * torch.eye(size, device=like.device)])
    ends = transform(probes).double()
    axes: npt.NDArray[np.float64] = ((ends[1:] - ends[0]) / PROBE_LENGTH).cpu().numpy()
    return axes


def whiten(backend: ModuleType, reduced: Tensor) -> Tensor:
    """Fit a whitening to reduced features `(n, dim)`, and apply it to them."""
    whitened: Tensor = backend.fit_whitening(reduced)(reduced)
    return whitened


def preprocess(backend: ModuleType, reduced: Tensor) -> Tensor:
    """Whiten reduced features, and scale each vector to unit length: what k-means gets in a run."""
    return F.normalize(whiten(backend, reduced))


def choose_first_centroids(points: Tensor, spec: RunSpec, start: int) -> Tensor:
    """Return the first centroids `(k, dim)` of a start: the points that a run with this seed would take."""
    indices = pseudo_labels.draw_first_centroids(len(points), spec, 0, start)
    return points[torch.from_numpy(indices).to(points.device)]


def follow_iterations(backend: ModuleType, points: Tensor, first_centroids: Tensor) -> Iterations:
    """Return a function that does k-means one iteration after another, and remembers each."""

    # Each iteration goes on from the last one's centroids, so that looking at 20 of them costs 20 and not 210.
    @cache
    def after(iteration: int) -> KMeansResult:
        centroids = after(iteration - 1).centroids if iteration > 1 else first_centroids
        result: KMeansResult = backend.kmeans(points, centroids, 1)
        return result

    return after


# --- the measures -----------------------------------------------------------------------------


def find_first_difference(first: Iterations, second: Iterations, last: int) -> int | None:
    """Return the first iteration after which any point is in another cluster; None if there is none up to `last`."""
    previous = None
    for iteration in range(1, last + 1):
        assignment = first(iteration).assignment
        if not torch.equal(assignment, second(iteration).assignment):
            return iteration
        # Both stand still at the same place, so no later iteration can differ.
        if previous is not None and torch.equal(previous, assignment):
            return None
        previous = assignment
    return None


def measure_first_agreement(first: Iterations, second: Iterations) -> float:
    """Return the share of points that are in the same cluster after one iteration."""
    # Cluster ids can be compared, because both started from the same first centroids.
    return float((first(1).assignment == second(1).assignment).double().mean())


def measure_variance(data: Tensor) -> float:
    """Return the sum of the variances of all columns."""
    return float(data.double().var(dim=0).sum())


def measure_scatter(points: Tensor, assignment: Tensor, k: int) -> float:
    """Return the sum of squared distances of points `(n, dim)` to the means of their clusters."""
    sums = points.new_zeros(k, points.shape[1], dtype=torch.float64).index_add_(0, assignment, points.double())
    means = sums / torch.bincount(assignment, minlength=k).clamp_min(1)[:, None]
    return compute_objective(points, KMeansResult(assignment=assignment, centroids=means))


def measure_largest_angle(first: Reduction, second: Reduction) -> float:
    """Return the largest principal angle (rad) between two subspaces."""
    # SciPy computes small angles from their sines (Knyazev and Argentati 2002): rounding hides them in their cosines.
    return float(subspace_angles(first.axes, second.axes)[0])


def measure_ratio(first: float, second: float) -> float | None:
    """Return the ratio of two numbers; None if the second is 0."""
    return first / second if second else None


def measure_ari(first: Tensor, second: Tensor) -> float:
    """Return the adjusted Rand index of two assignments `(n,)`."""
    return metrics.ari_true(first.cpu().numpy(), second.cpu().numpy())
