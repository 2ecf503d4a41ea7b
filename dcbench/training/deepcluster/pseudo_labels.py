"""Preprocessed features to pseudo-labels: k-means, and the refilling of empty clusters."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from dcbench import registry
from dcbench.core.spec import RunSpec
from dcbench.training import backends, seeds
from dcbench.training.deepcluster.clock import StageClock
from dcbench.training.deepcluster.preprocessing import FeatureSpace, preprocess
from dcbench.training.deepcluster.samplers import Ints

PERTURBATION = 1 / 1024
"""Relative change, up and down, of the two centroids that share a split cluster."""

REFIT_STARTS = 10
REFIT_SEED = 0
REFIT_ITERATIONS = 20
"""The refit is part of the measure, not of the run: its starts and iterations are the same for every run and row."""


@dataclass(frozen=True)
class Clustering:
    """Cluster of each image `(n,)`, centroids `(k, d)`, how many clusters had to be refilled or split, and by what.

    `starts` are the points `(k,)` that each start of k-means really got as its first centroids.
    """

    assignment: Ints
    centroids: Tensor
    refilled: int
    split: int | None
    call: backends.Call | None = None
    starts: tuple[Ints, ...] = ()


def cluster(space: FeatureSpace, spec: RunSpec, row: int, clock: StageClock) -> Clustering:
    """Cluster the training images; `row` is the epoch whose random numbers are used."""
    with clock.stage("kmeans"):
        starts = [first_centroids(len(space.points), spec, row, start) for start in range(spec.kmeans_restarts)]
        found = best_of(space.points, starts, spec)
        assignment = found.assignment.cpu().numpy().astype(np.int64)
        rng = seeds.numpy_generator(spec.seed, "refill", row)
        return replace(refill(space.points, assignment, found, rng), starts=tuple(starts))


def refit(points: Tensor, classes: int, spec: RunSpec) -> backends.KMeans:
    """Cluster `(n, d)` anew into as many clusters as there are classes: best objective of ten fixed starts."""
    k = min(classes, len(points))
    draws = (seeds.numpy_generator(REFIT_SEED, "refit", start) for start in range(REFIT_STARTS))
    measure = spec.model_copy(update={"kmeans_iterations": REFIT_ITERATIONS})
    return best_of(points, [rng.choice(len(points), k, replace=False) for rng in draws], measure)


def warm_up(spec: RunSpec, device: torch.device) -> None:
    """Let each chosen library initialise itself on a few numbers, so that no stage is timed cold."""
    points = torch.linspace(-1, 1, 64 * 8, device=device).reshape(64, 8).sin()
    small = spec.model_copy(update={"pca_dim": spec.pca_dim and 4})
    preprocess(points, small, StageClock(device))
    registry.load("backends", spec.kmeans_backend).kmeans(points, points[:2].clone(), 2)


def best_of(points: Tensor, starts: Iterable[Ints], spec: RunSpec) -> backends.KMeans:
    """k-means from points of these indices; of several starts the one with the lowest objective."""
    kmeans = registry.load("backends", spec.kmeans_backend).kmeans
    found = [
        kmeans(points, points[torch.from_numpy(first).to(points.device)], spec.kmeans_iterations) for first in starts
    ]
    if len(found) == 1:
        return found[0]
    return min(found, key=lambda one: backends.objective(points, one))


def first_centroids(count: int, spec: RunSpec, row: int, restart: int) -> Ints:
    """Indices `(k,)` of the random points that k-means starts from, the same for every backend."""
    return seeds.numpy_generator(spec.seed, "kmeans", row, restart).choice(count, spec.k, replace=False)


def refill(points: Tensor, assignment: Ints, kmeans: backends.KMeans, rng: np.random.Generator) -> Clustering:
    """Fill clusters still empty at the end, by the rule of the published implementation.

    A cluster is chosen with probability proportional to its size (among those with two images or more), its
    centroid copied and perturbed by 1/1024 up and down, and its images shared out to the nearer of the two.
    """
    assignment, centroids = assignment.copy(), kmeans.centroids.clone()
    empty = np.flatnonzero(np.bincount(assignment, minlength=len(centroids)) == 0)
    for label in empty:
        sizes = np.bincount(assignment, minlength=len(centroids)) * 1.0
        sizes[sizes < 2] = 0
        donor = int(rng.choice(len(sizes), p=sizes / sizes.sum()))
        up_down = torch.ones_like(centroids[donor]) + PERTURBATION
        up_down[1::2] -= 2 * PERTURBATION
        centroids[label] = centroids[donor] * up_down
        centroids[donor] = centroids[donor] * (2 - up_down)
        members = np.flatnonzero(assignment == donor)
        assignment[_moved(points, members, centroids[[donor, int(label)]], rng)] = label
    return Clustering(assignment, centroids, len(empty), kmeans.split, kmeans.call)


def _moved(points: Tensor, members: Ints, pair: Tensor, rng: np.random.Generator) -> Ints:
    """The members nearer to the second centroid; a random half when one side would stay empty."""
    inside = points[torch.from_numpy(members).to(points.device)]
    nearer = torch.cdist(inside, pair).argmin(dim=1).cpu().numpy() == 1
    if nearer.all() or not nearer.any():
        return rng.choice(members, len(members) // 2, replace=False)
    return members[nearer]
