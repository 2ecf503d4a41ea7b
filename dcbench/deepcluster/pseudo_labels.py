"""Features to pseudo-labels: PCA, whitening, L2 normalisation, k-means, refilling of empty clusters.

Each stage is done by the backend that the spec names for it, so that every mixture can run.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from dcbench import backends, rooms, seeds
from dcbench.deepcluster.clock import StageClock
from dcbench.deepcluster.samplers import Ints
from dcbench.spec import RunSpec

PERTURBATION = 1 / 1024
"""Relative change, up and down, of the two centroids that share a split cluster."""


@dataclass(frozen=True)
class Clustering:
    """Cluster of each image `(n,)`, centroids `(k, d)`, and how many clusters had to be refilled or split."""

    assignment: Ints
    centroids: Tensor
    refilled: int
    split: int | None


def cluster(features: Tensor, spec: RunSpec, row: int, clock: StageClock) -> Clustering:
    """Cluster raw features `(n, d)` as the spec says; `row` is the epoch whose random numbers are used."""
    with clock.stage("pca"):
        reduced = rooms.load("backends", spec.pca_backend).fit_pca(features, spec.pca_dim)(features)
    if spec.whiten:
        with clock.stage("whiten"):
            reduced = rooms.load("backends", spec.whiten_backend).fit_whitening(reduced)(reduced)
    with clock.stage("kmeans"):
        if spec.l2_normalize:
            reduced = F.normalize(reduced)
        found = best_of(reduced, spec, row)
        assignment = found.assignment.cpu().numpy().astype(np.int64)
        rng = seeds.numpy_generator(spec.seed, "refill", row)
        return refill(reduced, assignment, found, rng)


def warm_up(spec: RunSpec, device: torch.device) -> None:
    """Let each chosen library initialise itself on a few numbers, so that no stage is timed cold."""
    points = torch.linspace(-1, 1, 64 * 8, device=device).reshape(64, 8).sin()
    rooms.load("backends", spec.pca_backend).fit_pca(points, 4)(points)
    rooms.load("backends", spec.whiten_backend).fit_whitening(points)(points)
    rooms.load("backends", spec.kmeans_backend).kmeans(points, points[:2].clone(), 2)


def best_of(points: Tensor, spec: RunSpec, row: int) -> backends.KMeans:
    """k-means from the seed tree's first centroids; of several starts the one with the lowest objective."""
    kmeans = rooms.load("backends", spec.kmeans_backend).kmeans
    found = []
    for restart in range(spec.kmeans_restarts):
        first = first_centroids(len(points), spec, row, restart)
        found.append(kmeans(points, points[torch.from_numpy(first).to(points.device)], spec.kmeans_iterations))
    if len(found) == 1:
        return found[0]
    return min(found, key=lambda one: backends.objective(points, one))


def first_centroids(count: int, spec: RunSpec, row: int, restart: int) -> Ints:
    """Indices `(k,)` of the random points that k-means starts from, the same for every backend."""
    return seeds.numpy_generator(spec.seed, "kmeans", row, restart).choice(count, spec.k, replace=False)


def refill(points: Tensor, assignment: Ints, found: backends.KMeans, rng: np.random.Generator) -> Clustering:
    """Fill clusters still empty at the end, by the rule of the published implementation.

    A cluster is chosen with probability proportional to its size (among those with two images or more), its
    centroid copied and perturbed by 1/1024 up and down, and its images shared out to the nearer of the two.
    """
    assignment, centroids = assignment.copy(), found.centroids.clone()
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
    return Clustering(assignment, centroids, len(empty), found.split)


def _moved(points: Tensor, members: Ints, pair: Tensor, rng: np.random.Generator) -> Ints:
    """The members nearer to the second centroid; a random half when one side would stay empty."""
    inside = points[torch.from_numpy(members).to(points.device)]
    nearer = torch.cdist(inside, pair).argmin(dim=1).cpu().numpy() == 1
    if nearer.all() or not nearer.any():
        return rng.choice(members, len(members) // 2, replace=False)
    return members[nearer]
