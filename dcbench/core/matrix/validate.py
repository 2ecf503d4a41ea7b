"""Check that the dataset, method and architecture of a spec allow its values, such as k and pca_dim.

A matrix is checked when it is planned. Image folders are checked again when their images have been counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dcbench import registry
from dcbench.core.spec import RunSpec


@dataclass(frozen=True, kw_only=True)
class SpecProblem:
    """A value that the dataset, method or architecture of a spec does not allow."""

    fields: tuple[str, ...]
    """Fields that cause the problem, the most likely one first."""
    message: str


def count_training_images(spec: RunSpec, available: int | None = None) -> int | None:
    """Return the number of training images of a run, or None for an image folder that has not been counted."""
    total = available if available is not None else registry.facts("datasets", spec.dataset).get("train")
    if total is None:
        return spec.limit
    return int(total if spec.limit is None else min(spec.limit, total))


def has_network(spec: RunSpec) -> bool:
    """Return whether the method of the spec trains a network."""
    return bool(registry.facts("methods", spec.method)["network"])


def count_features(spec: RunSpec) -> int:
    """Return the length of the feature vector of one image."""
    if not has_network(spec):
        return spec.input_channels * spec.image_size**2
    facts = registry.facts("archs", spec.arch)
    # The width scales the fully connected layers in the 224 px geometry only.
    return int(facts["features_32"]) if spec.geometry == 32 else int(facts["features_224"] * spec.width)


def find_spec_problems(spec: RunSpec, available: int | None = None) -> Iterator[SpecProblem]:
    """Yield every value that the spec's parts do not allow; `available` is the number of training images on disk."""
    dataset = registry.facts("datasets", spec.dataset)
    total = available if available is not None else dataset.get("train")
    if total is not None and spec.limit is not None and spec.limit > total:
        message = f"limit {spec.limit} is more than the {total} training images of {spec.dataset}"
        yield SpecProblem(fields=("limit", "dataset"), message=message)
    total_test = dataset.get("test")
    if total_test is not None and spec.test_limit is not None and spec.test_limit > total_test:
        message = f"test_limit {spec.test_limit} is more than the {total_test} test images of {spec.dataset}"
        yield SpecProblem(fields=("test_limit", "dataset"), message=message)

    if not has_network(spec):
        features_of = "the pixels"
        if spec.epochs:
            message = f"epochs {spec.epochs}: the method {spec.method} trains nothing; set epochs to 0"
            yield SpecProblem(fields=("epochs", "method"), message=message)
    else:
        features_of = f"{spec.arch} at width {spec.width:g}"
        smallest = registry.facts("archs", spec.arch)["smallest_image"]
        if spec.image_size < smallest:
            message = f"image_size {spec.image_size} is too small: {spec.arch} needs {smallest} px"
            yield SpecProblem(fields=("image_size", "arch"), message=message)
    features = count_features(spec)
    if spec.pca_dim is not None and spec.pca_dim > features:
        message = f"pca_dim {spec.pca_dim} is more than the {features} features of {features_of}"
        yield SpecProblem(fields=("pca_dim", "arch", "width"), message=message)

    images = count_training_images(spec, available)
    if images is None:
        return
    # n images have at most n clusters, and vary in at most n directions.
    for name in ("k", "pca_dim"):
        if (getattr(spec, name) or 0) > images:
            message = f"{name} {getattr(spec, name)} is more than the {images} training images"
            yield SpecProblem(fields=(name, "limit", "dataset"), message=message)
