"""What a spec asks of its parts that they cannot give: k beyond the images, pca_dim beyond the features.

In: a spec, and the number of training images when the dataset's facts do not tell. Out: problems, each with
the fields to blame. Used when planning and, for image folders, again when the images have been counted.
"""

from __future__ import annotations

from collections.abc import Iterator

from dcbench import registry
from dcbench.core.spec import RunSpec

Problem = tuple[tuple[str, ...], str]
"""The fields to blame, the most telling first, and the message."""


def count_training_images(spec: RunSpec, available: int | None = None) -> int | None:
    """Images the run trains on; None when only the image folder itself can tell."""
    total = available if available is not None else registry.facts("datasets", spec.dataset).get("train")
    if total is None:
        return spec.limit
    return int(total if spec.limit is None else min(spec.limit, total))


def has_network(spec: RunSpec) -> bool:
    """Whether the spec's method trains a network at all."""
    return bool(registry.facts("methods", spec.method)["network"])


def count_features(spec: RunSpec) -> int:
    """Length of one image's feature vector; in the 224 px geometry it scales with width."""
    if not has_network(spec):
        return spec.input_channels * spec.image_size**2
    facts = registry.facts("archs", spec.arch)
    return int(facts["features_32"]) if spec.geometry == 32 else int(facts["features_224"] * spec.width)


def find_spec_problems(spec: RunSpec, available: int | None = None) -> Iterator[Problem]:
    """Everything the spec asks that cannot be; `available` counts the training images on disk."""
    total = available if available is not None else registry.facts("datasets", spec.dataset).get("train")
    if total is not None and spec.limit is not None and spec.limit > total:
        yield ("limit", "dataset"), f"limit {spec.limit} is more than the {total} training images of {spec.dataset}"
    tested = registry.facts("datasets", spec.dataset).get("test")
    if tested is not None and spec.test_limit is not None and spec.test_limit > tested:
        told = f"test_limit {spec.test_limit} is more than the {tested} test images of {spec.dataset}"
        yield ("test_limit", "dataset"), told
    yield from _network_problems(spec)
    features, images = count_features(spec), count_training_images(spec, available)
    if spec.pca_dim is not None and spec.pca_dim > features:
        source = f"{spec.arch} at width {spec.width:g}" if has_network(spec) else "the pixels"
        told = f"pca_dim {spec.pca_dim} is more than the {features} features of {source}"
        yield ("pca_dim", "arch", "width"), told
    if images is None:
        return
    for name in ("k", "pca_dim"):
        if (getattr(spec, name) or 0) > images:
            yield (name, "limit", "dataset"), f"{name} {getattr(spec, name)} is more than the {images} training images"


def _network_problems(spec: RunSpec) -> Iterator[Problem]:
    if not has_network(spec):
        if spec.epochs:
            yield (
                ("epochs", "method"),
                f"epochs {spec.epochs}: the method {spec.method} trains nothing; set epochs to 0",
            )
        return
    smallest = registry.facts("archs", spec.arch)["smallest_image"]
    if spec.image_size < smallest:
        yield ("image_size", "arch"), f"image_size {spec.image_size} is too small: {spec.arch} needs {smallest} px"
