"""Turn features into pseudo-labels: PCA, whitening, L2 normalisation, k-means, and the refilling of empty clusters.

These are the "reduce" and "cluster" steps of loop.py. Each stage uses the backend that the spec names for it, so
backends can be mixed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from dcbench import registry
from dcbench.core.spec import RunSpec
from dcbench.training import backends, seeds
from dcbench.training.costs import StageClock
from dcbench.training.metrics import IntArray

PERTURBATION = 1 / 1024
"""Relative perturbation of the two centroids that share a split cluster, as in the published implementation."""

REFIT_STARTS = 10
REFIT_SEED = 0
REFIT_ITERATIONS = 20
"""The refit belongs to the evaluation, so its seed, starts and iterations are the same for every run and row."""


@dataclass(frozen=True, kw_only=True)
class FeatureSpace:
    """The space that k-means works in, fitted on the training images."""

    points: Tensor
    """Preprocessed features `(n, d)` of the training images."""
    fitted: dict[str, backends.Transform]
    """Each fitted stage, `pca` and `whiten`, in the order of application."""

    outputs: dict[str, Tensor]
    """Output of each fitted stage on the training images, for the audit."""
    unit_length: bool
    """Whether each image's features are scaled to unit length at the end."""

    def transform(self, features: Tensor, whitened: bool = True) -> Tensor:
        """Bring raw features of other images into this space; with `whitened` False, skip the whitening."""
        for stage, transform in self.fitted.items():
            if whitened or stage != "whiten":
                features = transform(features)
        return F.normalize(features) if self.unit_length else features


def preprocess(features: Tensor, spec: RunSpec, clock: StageClock) -> FeatureSpace:
    """Fit PCA and whitening to raw features `(n, d)` as the spec says, and apply them (section 3.4 of the paper)."""
    fitted: dict[str, backends.Transform] = {}
    outputs: dict[str, Tensor] = {}
    points = features
    if spec.pca_dim is not None:
        with clock.stage("pca"):
            fitted["pca"] = registry.load("backends", spec.pca_backend).fit_pca(points, spec.pca_dim)
            points = outputs["pca"] = fitted["pca"](points)
    if spec.whiten:
        with clock.stage("whiten"):
            fitted["whiten"] = registry.load("backends", spec.whiten_backend).fit_whitening(points)
            points = outputs["whiten"] = fitted["whiten"](points)
    if spec.l2_normalize:
        with clock.stage("kmeans"):
            points = F.normalize(points)
    return FeatureSpace(points=points, fitted=fitted, outputs=outputs, unit_length=spec.l2_normalize)


@dataclass(frozen=True, kw_only=True)
class Clustering:
    """The clusters of the training images."""

    assignment: IntArray
    """Cluster `(n,)` of each image, in the order of the images."""
    centroids: Tensor
    """Centroid `(k, d)` of each cluster."""

    refilled_count: int
    """Number of clusters that k-means left empty and that dcbench refilled."""
    split_count: int | None
    """Number of clusters that the library refilled during its iterations; None if it does not say."""

    call: backends.Call | None
    """The library call that did the k-means."""
    start_indices: tuple[IntArray, ...] = ()
    """For each start of k-means, the indices `(k,)` of the points that were its first centroids."""


def cluster(space: FeatureSpace, spec: RunSpec, epoch: int, clock: StageClock) -> Clustering:
    """Cluster the training images by k-means (equation 2 of the paper), with the random numbers of this epoch."""
    with clock.stage("kmeans"):
        starts = [draw_first_centroids(len(space.points), spec, epoch, start) for start in range(spec.kmeans_restarts)]
        kmeans = run_kmeans(space.points, starts, spec)
        rng = seeds.numpy_generator(spec, "refill", epoch)
        return replace(refill_empty_clusters(space.points, kmeans, rng), start_indices=tuple(starts))


def refit(points: Tensor, classes: int, spec: RunSpec, start_seed: int = REFIT_SEED) -> backends.KMeansResult:
    """Cluster points `(n, d)` again, with as many clusters as classes; return the best of ten fixed starts."""
    k = min(classes, len(points))
    generators = (seeds.numpy_generator(start_seed, "refit", start) for start in range(REFIT_STARTS))
    refit_spec = spec.model_copy(update={"kmeans_iterations": REFIT_ITERATIONS})
    return run_kmeans(points, [rng.choice(len(points), k, replace=False) for rng in generators], refit_spec)


def warm_up_backends(spec: RunSpec, device: torch.device) -> None:
    """Call each backend of the spec on a few points, so that its initialisation is not timed."""
    points = torch.linspace(-1, 1, 64 * 8, device=device).reshape(64, 8).sin()
    small = spec.model_copy(update={"pca_dim": spec.pca_dim and 4})
    preprocess(points, small, StageClock(device))
    registry.load("backends", spec.kmeans_backend).kmeans(points, points[:2].clone(), 2)


def run_kmeans(points: Tensor, starts: Iterable[IntArray], spec: RunSpec) -> backends.KMeansResult:
    """Run k-means from the points of each start's indices `(k,)`; return the result with the lowest objective."""
    kmeans = registry.load("backends", spec.kmeans_backend).kmeans
    results: list[backends.KMeansResult] = [
        kmeans(points, points[torch.from_numpy(indices).to(points.device)], spec.kmeans_iterations)
        for indices in starts
    ]
    if len(results) == 1:  # as published; the objective would cost a pass over the points
        return results[0]
    return min(results, key=lambda result: backends.compute_objective(points, result))


def draw_first_centroids(count: int, spec: RunSpec, epoch: int, restart: int) -> IntArray:
    """Draw the indices `(k,)` of the points that k-means starts from.

    They are drawn here and not by the library, so that every backend starts from the same points.
    """
    return seeds.numpy_generator(spec, "kmeans", epoch, restart).choice(count, spec.k, replace=False)


def refill_empty_clusters(points: Tensor, kmeans: backends.KMeansResult, rng: np.random.Generator) -> Clustering:
    """Fill the clusters of `points` `(n, d)` that k-means left empty (section 3.3 of the paper).

    As in the published implementation, each of them takes images from a donor: a cluster of at least two images, drawn
    with probability proportional to its size. The donor's centroid is copied, the two copies are perturbed by 1/1024 in
    opposite directions, and each image of the donor goes to the nearer one.
    """
    assignment = kmeans.assignment.cpu().numpy().astype(np.int64)  # a copy
    centroids = kmeans.centroids.clone()
    empty = np.flatnonzero(np.bincount(assignment, minlength=len(centroids)) == 0)
    for label in empty:
        sizes = np.bincount(assignment, minlength=len(centroids)) * 1.0
        sizes[sizes < 2] = 0
        donor = int(rng.choice(len(sizes), p=sizes / sizes.sum()))
        # Even dimensions go up and odd ones down for the new centroid, the other way round for the donor.
        up_down = torch.ones_like(centroids[donor]) + PERTURBATION
        up_down[1::2] -= 2 * PERTURBATION
        centroids[label] = centroids[donor] * up_down
        centroids[donor] = centroids[donor] * (2 - up_down)
        members = np.flatnonzero(assignment == donor)
        member_points = points[torch.from_numpy(members).to(points.device)]
        pair = centroids[[donor, int(label)]]
        nearer_to_new = torch.cdist(member_points, pair).argmin(dim=1).cpu().numpy() == 1
        if nearer_to_new.all() or not nearer_to_new.any():
            # Equal points are all nearer to the same centroid; a random half keeps both clusters filled.
            moved = rng.choice(members, len(members) // 2, replace=False)
        else:
            moved = members[nearer_to_new]
        assignment[moved] = label
    return Clustering(
        assignment=assignment,
        centroids=centroids,
        refilled_count=len(empty),
        split_count=kmeans.split_count,
        call=kmeans.call,
    )
