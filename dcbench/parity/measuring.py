"""Are the backends interchangeable? Each pair compared on the features of the untrained network, stage by stage.

In: a Comparison, and where to work. Out: Lines, as they are measured; parity_table.py says what their columns mean.
Every stage but `chain` and `defaults` gives the backends the very same input, so that it shows that stage alone.
"""

from __future__ import annotations

import itertools
import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, partial
from types import ModuleType
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from scipy.linalg import subspace_angles
from torch import Tensor

from dcbench import registry
from dcbench.core.spec import STAGE_BACKENDS, RunSpec
from dcbench.core.worker_config import WorkerConfig
from dcbench.parity.table import ParityRow, ParitySettings
from dcbench.training import backends, metrics, provenance, threads
from dcbench.training.datasets import Split, load_training
from dcbench.training.deepcluster import images, pseudo_labels
from dcbench.training.deepcluster.clock import StageClock
from dcbench.training.deepcluster.features import extract_features
from dcbench.training.deepcluster.network import build_network

REFERENCE = "torch"
"""The backend that makes the one matrix on which whitening and k-means are compared."""

STRETCH = 1024.0
"""Length of the vectors that a transform is asked about: so long that float32 keeps its axes beside its offset."""

Trail = Callable[[int], backends.KMeansResult]
"""Iteration -> what one backend's k-means has found after it, from one start."""


@dataclass(frozen=True)
class Reduction:
    """One library's PCA: its output `(n, dim)`, its axes `(d, dim)` and its seconds."""

    points: Tensor
    axes: np.ndarray
    seconds: float


@dataclass(frozen=True)
class Bench:
    """The raw features `(n, d)`, the backends to compare on them, and the clock that times them."""

    asked: ParitySettings
    features: Tensor
    parts: dict[str, ModuleType]
    clock: StageClock
    facts: dict[str, Any]

    def timed(self, work: Callable[[], Any]) -> tuple[Any, float]:
        """What the work returns, and its seconds."""
        with self.clock.stage("work"):
            result = work()
        return result, self.clock.take()["work"]


class Tally(defaultdict[tuple[str, ...], list[float]]):
    """Values by measure and backends: one, or one for each start."""

    def __init__(self, bench: Bench) -> None:
        super().__init__(list)
        self.pairs = list(itertools.combinations(bench.parts, 2))

    def compare(self, measure: str, found: Mapping[str, Any], how: Callable[[Any, Any], float | None]) -> None:
        """Compare what every two backends found; no value where one of them found nothing, or `how` says None."""
        for one, other in self.pairs:
            value = how(found[one], found[other]) if one in found and other in found else None
            self[measure, one, other] += [] if value is None else [value]

    def compare_starts(self, ends: list[dict[str, Tensor]]) -> None:
        """Adjusted Rand index of each backend's own start with its next: what another start alone changes."""
        for name in ends[0]:
            self["ari_of_starts", name] += [_ari(one[name], other[name]) for one, other in itertools.pairwise(ends)]

    def lines(self, stage: str, k: int | None = None) -> Iterator[ParityRow]:
        """A line for each measure and its backends, also where there is no value."""
        for (measure, *names), values in self.items():
            yield ParityRow(stage, measure, *names, k=k, values=tuple(values))


# --- the comparison -------------------------------------------------------------------------


def prepare(settings: ParitySettings, config: WorkerConfig) -> Bench:
    """Features of the untrained network, and libraries that have warmed up."""
    if config.gpu:
        os.environ["CUDA_VISIBLE_DEVICES"] = config.gpu  # before torch looks
    threads.limit_threads(config.threads)
    device = torch.device(config.device)
    spec = settings.spec(settings.ks[0])
    split = load_training(spec, config.data_dir)
    features = _untrained(spec, split, device)
    for name in settings.backends:
        pseudo_labels.warm_up(_all_by(spec, name), device)
    data = {"images": len(split.labels), "sha256": split.digest()}
    facts = provenance.gather_provenance(spec, data, device, config.threads, 1, config.command)
    facts |= {
        "features_of": "the untrained network",
        "k": settings.ks,
        "backends": settings.backends,
        "starts": settings.starts,
    }
    parts = {name: registry.load("backends", name) for name in settings.backends}
    return Bench(settings, features, parts, StageClock(device), facts)


def measure(bench: Bench) -> Iterator[ParityRow]:
    """Everything that is compared, from the PCA to the libraries' defaults."""
    own = {name: _reduce(bench, part.fit_pca) for name, part in bench.parts.items()}
    yield from compare_pca(bench, own)
    reference = registry.load("backends", REFERENCE)
    same = reference.fit_pca(bench.features, bench.asked.pca_dim)(bench.features)
    yield from compare_whitening(bench, same)
    points = _preprocessed(reference, same)
    chains = {name: _preprocessed(part, own[name].points) for name, part in bench.parts.items()}
    defaults = _default_reductions(bench)
    yield from compare_default_pca(bench, own, defaults)
    for k in bench.asked.ks:
        spec = bench.asked.spec(k)
        yield from compare_kmeans(bench, points, spec)
        yield from compare_chains(bench, chains, spec)
        yield from compare_default_kmeans(bench, defaults, points, spec)


def compare_pca(bench: Bench, own: dict[str, Reduction]) -> Iterator[ParityRow]:
    """The subspaces that the libraries find in the same features, and the variance these keep."""
    tally, total = Tally(bench), _variance(bench.features)
    shares = {name: _variance(reduced.points) / total for name, reduced in own.items()}
    for name, reduced in own.items():
        tally["explained_variance", name] += [shares[name]]
        tally["seconds_pca", name] += [reduced.seconds]
    tally.compare("largest_angle", own, _largest_angle)
    tally.compare("explained_variance_ratio", shares, _ratio)
    yield from tally.lines("pca")


def compare_whitening(bench: Bench, reduced: Tensor) -> Iterator[ParityRow]:
    """How far the whitened covariance of the same reduced features `(n, dim)` is from the identity.

    A library that divides by n where the covariance divides by n - 1 is 1/n off, as faiss is.
    """
    tally = Tally(bench)
    for name, part in bench.parts.items():
        whitened, seconds = bench.timed(partial(_fitted, part.fit_whitening, reduced))
        tally["identity_deviation", name] += [_identity_deviation(whitened)]
        tally["seconds_whiten", name] += [seconds]
    yield from tally.lines("whiten")


def compare_kmeans(bench: Bench, points: Tensor, spec: RunSpec) -> Iterator[ParityRow]:
    """k-means of the same points `(n, dim)` from the same first centroids, start by start."""
    tally, last, ends = Tally(bench), spec.kmeans_iterations, []
    for start in range(bench.asked.starts):
        first, found = _first(points, spec, start), {}
        for name, part in bench.parts.items():
            found[name], seconds = bench.timed(partial(part.kmeans, points, first, last))
            tally["seconds_kmeans", name] += [seconds]
        trails = {name: _trail(part, points, first) for name, part in bench.parts.items()}
        tally.compare("agreement_first_iteration", trails, _agreement)
        tally.compare("parting_iteration", trails, partial(find_first_difference, last=last))
        tally.compare(
            "objective_ratio", {name: backends.compute_objective(points, end) for name, end in found.items()}, _ratio
        )
        ends.append({name: end.assignment for name, end in found.items()})
        tally.compare("ari", ends[-1], _ari)
    tally.compare_starts(ends)
    yield from tally.lines("kmeans", spec.k)


def find_first_difference(one: Trail, other: Trail, last: int) -> int | None:
    """The first iteration after which any point is in another cluster; None when there is none up to the last."""
    before = None
    for iteration in range(1, last + 1):
        now = one(iteration).assignment
        if not torch.equal(now, other(iteration).assignment):
            return iteration
        if before is not None and torch.equal(before, now):  # nothing moves any more, in either
            return None
        before = now
    return None


def compare_chains(bench: Bench, chains: dict[str, Tensor], spec: RunSpec) -> Iterator[ParityRow]:
    """The end assignments where each library has also done its own PCA and whitening."""
    tally = Tally(bench)
    for start in range(bench.asked.starts):
        ends = {}
        for name, points in chains.items():
            found = bench.parts[name].kmeans(points, _first(points, spec, start), spec.kmeans_iterations)
            ends[name] = found.assignment
        tally.compare("ari", ends, _ari)
    yield from tally.lines("chain", spec.k)


def compare_default_pca(bench: Bench, own: dict[str, Reduction], defaults: dict[str, Reduction]) -> Iterator[ParityRow]:
    """How far the libraries' own PCA is from the exact one, and from each other."""
    tally = Tally(bench)
    for name, reduced in defaults.items():
        tally["angle_to_exact", name] += [_largest_angle(reduced, own[name])]
        tally["seconds_pca", name] += [reduced.seconds]
    tally.compare("largest_angle", defaults, _largest_angle)
    yield from tally.lines("defaults")


def compare_default_kmeans(
    bench: Bench, defaults: dict[str, Reduction], points: Tensor, spec: RunSpec
) -> Iterator[ParityRow]:
    """Each library's k-means after its own PCA, all as they come; the objectives are those in `points` `(n, dim)`."""
    tally, ends = Tally(bench), []
    for start in range(bench.asked.starts):
        found = {}
        for name, reduced in defaults.items():
            work = partial(bench.parts[name].default_kmeans, F.normalize(reduced.points), spec.k, start)
            found[name], seconds = bench.timed(work)
            tally["seconds_kmeans", name] += [seconds]
        ends.append(found)
        tally.compare("ari", found, _ari)
        tally.compare("objective_ratio", {name: _scatter(points, end, spec.k) for name, end in found.items()}, _ratio)
    tally.compare_starts(ends)
    yield from tally.lines("defaults", spec.k)


# --- what it is made of ---------------------------------------------------------------------


def _untrained(spec: RunSpec, split: Split, device: torch.device) -> Tensor:
    training = images.training_images(torch.from_numpy(split.pixels), spec.image_size, device)
    return extract_features(build_network(spec, device), training, spec.precision)


def _all_by(spec: RunSpec, name: str) -> RunSpec:
    return spec.model_copy(update=dict.fromkeys(STAGE_BACKENDS, name))


def _reduce(bench: Bench, fit: Callable[[Tensor, int], backends.Transform]) -> Reduction:
    """A PCA fitted and applied, against the clock."""
    transform, fitting = bench.timed(partial(fit, bench.features, bench.asked.pca_dim))
    points, applying = bench.timed(partial(transform, bench.features))
    return Reduction(points, read_axes(transform, bench.features), fitting + applying)


def _default_reductions(bench: Bench) -> dict[str, Reduction]:
    """The libraries' own PCA and whitening, of those that have defaults."""
    own = {name: part for name, part in bench.parts.items() if hasattr(part, "default_pca")}
    return {name: _reduce(bench, partial(part.default_pca, seed=0)) for name, part in own.items()}


def read_axes(transform: backends.Transform, like: Tensor) -> np.ndarray:
    """The axes `(d, dim)` float64 of an affine transform of data such as `like` `(n, d)`, seen in what it does."""
    size = like.shape[1]
    asked = torch.cat([like.new_zeros(1, size), STRETCH * torch.eye(size, device=like.device)])
    ends = transform(asked).double()
    return ((ends[1:] - ends[0]) / STRETCH).cpu().numpy()


def _fitted(fit: Callable[[Tensor], backends.Transform], data: Tensor) -> Tensor:
    return fit(data)(data)


def _preprocessed(part: ModuleType, reduced: Tensor) -> Tensor:
    """Whitened and of unit length: what k-means gets in a run."""
    return F.normalize(_fitted(part.fit_whitening, reduced))


def _first(points: Tensor, spec: RunSpec, start: int) -> Tensor:
    """The seed tree's first centroids `(k, dim)`: the same points, whatever the backend."""
    chosen = pseudo_labels.first_centroids(len(points), spec, 0, start)
    return points[torch.from_numpy(chosen).to(points.device)]


def _trail(part: ModuleType, points: Tensor, first: Tensor) -> Trail:
    """One iteration after another, each from the centroids that the last one left, so that 20 cost 20 and not 210."""

    @cache
    def after(iteration: int) -> backends.KMeansResult:
        return part.kmeans(points, after(iteration - 1).centroids if iteration > 1 else first, 1)

    return after


# --- the measures ---------------------------------------------------------------------------


def _variance(data: Tensor) -> float:
    return float(data.double().var(dim=0).sum())


def _identity_deviation(whitened: Tensor) -> float:
    """Largest absolute entry of the covariance of `(n, dim)` less the identity."""
    covariance = torch.cov(whitened.double().T).reshape(whitened.shape[1], -1)
    return float((covariance - torch.eye(len(covariance), device=covariance.device)).abs().max())


def _scatter(points: Tensor, assignment: Tensor, k: int) -> float:
    """Sum of squared distances of points `(n, dim)` to the means of their clusters."""
    sums = points.new_zeros(k, points.shape[1], dtype=torch.float64).index_add_(0, assignment, points.double())
    means = sums / torch.bincount(assignment, minlength=k).clamp_min(1)[:, None]
    return backends.compute_objective(points, backends.KMeansResult(assignment, means))


def _largest_angle(one: Reduction, other: Reduction) -> float:
    """The largest principal angle (rad) of two subspaces, by its sine where small (Knyazev and Argentati 2002)."""
    return float(subspace_angles(one.axes, other.axes)[0])


def _agreement(one: Trail, other: Trail) -> float:
    """Share of points in the same cluster after one iteration; the clusters are those of the same first centroids."""
    return float((one(1).assignment == other(1).assignment).double().mean())


def _ratio(one: float, other: float) -> float | None:
    return one / other if other else None


def _ari(one: Tensor, other: Tensor) -> float:
    return metrics.ari_true(one.cpu().numpy(), other.cpu().numpy())
