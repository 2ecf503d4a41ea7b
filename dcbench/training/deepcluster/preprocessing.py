"""Features before k-means: PCA, whitening, L2 normalisation.

Each stage is done by the backend that the spec names for it, so that every mixture can run. All is fitted on training
images; test images are brought into the same space.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

from dcbench import registry
from dcbench.core.spec import RunSpec
from dcbench.training.backends import Transform
from dcbench.training.deepcluster.clock import StageClock


@dataclass(frozen=True)
class FeatureSpace:
    """Preprocessed training features `(n, d)`, with each fitted stage and what came out of it.

    `unit` says whether every image's features were scaled to unit length in the end.
    """

    points: Tensor
    fitted: dict[str, Transform]
    outputs: dict[str, Tensor]
    unit: bool

    def place(self, features: Tensor, whitened: bool = True) -> Tensor:
        """Other images' raw features in this space; with `whitened` False all but the whitening is done."""
        for stage, transform in self.fitted.items():
            if whitened or stage != "whiten":
                features = transform(features)
        return F.normalize(features) if self.unit else features


def preprocess(features: Tensor, spec: RunSpec, clock: StageClock) -> FeatureSpace:
    """Fit and apply what the spec asks for to raw features `(n, d)`."""
    fitted: dict[str, Transform] = {}
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
    return FeatureSpace(points, fitted, outputs, spec.l2_normalize)
