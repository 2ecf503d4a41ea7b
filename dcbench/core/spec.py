"""RunSpec, the complete and frozen description of one run, and its run_id.

Devices, folders and the number of jobs are not part of a run's identity, so the spec does not contain them.
"""

from __future__ import annotations

import hashlib
import json
import re
from functools import cache
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from dcbench.errors import SpecError, unknown_name

Optimizer = Literal["sgd", "adam"]
Positive = Annotated[int, Field(ge=1)]
Rate = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Decay = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)]

DEFAULT_LR = {"sgd": 0.05, "adam": 0.001}
"""Learning rate where the matrix sets none: the published one for SGD, at which Adam collapses, so Adam has its own."""

STAGE_BACKENDS = ("pca_backend", "whiten_backend", "kmeans_backend")

CONDITIONS = ("dataset",)
"""Fields that are given and not chosen: none of their values is better, a score is only higher or lower with it."""

SMALL_GEOMETRY_BELOW = 128
"""Images with a side (px) below this get the 32 px geometry, larger ones the published 224 px geometry."""


class RunSpec(BaseModel):
    """Everything that decides what a run computes; each field with its unit and help."""

    # Strict, so that `k: "10"` or `whiten: 1` is a mistake and not a second spelling of the same run.
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    method: str = Field("deepcluster", description="deepcluster, or a baseline: pixels, supervised")
    dataset: str = Field("digits", description="dataset name, or imagefolder:PATH")
    limit: Positive | None = Field(
        None, description="training images used, class-balanced, chosen by the seed; none: all"
    )
    test_limit: Positive | None = Field(
        None, description="test images scored, class-balanced, chosen by the seed; none: all"
    )
    image_size: Annotated[int, Field(ge=8)] = Field(
        32, description="side in pixels; under 128 the 32 px geometry, else the published 224 px one"
    )
    input_channels: Annotated[int, Field(ge=1, le=3)] = Field(
        3, description="3 colour, 2 Sobel gradients of grey, 1 grey"
    )
    arch: str = Field("alexnet", description="architecture of the trunk")
    width: Annotated[float, Field(gt=0, le=64, allow_inf_nan=False)] = Field(
        1.0, description="factor on the convolutions' channels (224 px geometry: on the FC layers too)"
    )
    k: Annotated[int, Field(ge=2)] = Field(10, description="number of clusters")
    epochs: Annotated[int, Field(ge=0)] = Field(100, description="training passes over the images")
    batch_size: Annotated[int, Field(ge=2)] = Field(128, description="images per training step")
    optimizer: Optimizer = Field("sgd", description="trunk optimizer")
    lr: Rate = Field(0.05, description="trunk learning rate; default 0.05 for SGD, 0.001 for Adam")
    momentum: Share = Field(0.9, description="trunk momentum (SGD)")
    weight_decay: Decay = Field(1e-5, description="trunk weight decay (L2)")
    beta1: Share = Field(0.9, description="Adam's first-moment decay, trunk and head")
    beta2: Share = Field(0.999, description="Adam's second-moment decay, trunk and head")
    top_optimizer: Optimizer = Field("sgd", description="optimizer of the head, independent of the trunk's")
    top_lr: Rate = Field(0.05, description="head learning rate; default 0.05 for SGD, 0.001 for Adam")
    top_momentum: Share = Field(0.0, description="head momentum (SGD)")
    top_weight_decay: Decay = Field(1e-5, description="head weight decay (L2)")
    pca_backend: str = Field("faiss", description="library that does the PCA")
    whiten_backend: str = Field("faiss", description="library that does the whitening")
    kmeans_backend: str = Field("faiss", description="library that does the k-means")
    pca_dim: Positive | None = Field(256, description="dimensions kept by the PCA; none: no PCA")
    whiten: bool = Field(True, description="scale the kept dimensions to unit variance")
    l2_normalize: bool = Field(True, description="scale each image's features to unit length")
    kmeans_iterations: Positive = Field(20, description="k-means iterations, at most")
    kmeans_restarts: Positive = Field(1, description="k-means starts; the best objective is kept")
    sampler: Literal["uniform", "natural", "weighted", "published_code"] = Field(
        "uniform",
        description="images uniform over clusters, as they are, with inverse-size loss weights, or as the published "
        "code draws, whose shares are nearly those of the clusters",
    )
    reassign_every: Positive = Field(1, description="epochs between clusterings")
    augment: Literal["none", "crop", "crop_flip", "published"] = Field(
        "crop", description="training images: plain, crops of scale 0.6-1, with flips, or the published crops"
    )
    precision: Literal["float32", "bfloat16"] = Field(
        "float32", description="auto in a matrix: float32 on a CPU, bfloat16 autocast on a GPU"
    )
    seed: Annotated[int, Field(ge=0, lt=2**63)] = Field(0, description="root of the seed tree")
    repeat: Annotated[int, Field(ge=0)] = Field(
        0, description="number of the repeat: the same images, other random numbers for everything else"
    )

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, values: dict[str, Any]) -> dict[str, Any]:
        return expand_shorthands(values)

    @property
    def backend(self) -> str:
        """The backend of all three stages, or the mixture `pca+whiten+kmeans`."""
        return join_backends([getattr(self, stage) for stage in STAGE_BACKENDS])

    @property
    def plugins(self) -> list[tuple[str, str]]:
        """The plug-ins that the run uses, as (kind, name) pairs."""
        backends = dict.fromkeys(getattr(self, stage) for stage in STAGE_BACKENDS)
        plugins = [("methods", self.method), ("datasets", self.dataset), ("archs", self.arch)]
        return plugins + [("backends", backend) for backend in backends]

    @property
    def geometry(self) -> int:
        """32 or 224: the geometry of the architecture for this image size."""
        return 32 if self.image_size < SMALL_GEOMETRY_BELOW else 224

    @property
    def run_id(self) -> str:
        """A readable slug and 12 hex digits of the hash of all values that differ from the frozen defaults."""
        values = self.model_dump()
        hashed = {
            name: value
            for name, value in values.items()
            if name not in FROZEN_DEFAULTS or FROZEN_DEFAULTS[name] != value
        }
        digest = hashlib.sha256(json.dumps(hashed, sort_keys=True).encode()).hexdigest()
        # The slug is for the reader only: it names what the method uses and may be cut, since the digest tells all.
        words = [self.dataset.replace("\\", "/").rstrip("/").split("/")[-1]]
        words += [self.method] if self.method != "deepcluster" else []
        words += [self.arch] if self.method != "pixels" else []
        words += [f"c{self.input_channels}"]
        words += [self.optimizer, self.top_optimizer] if self.method == "deepcluster" else []
        words += [self.backend, f"s{self.seed}" + (f"r{self.repeat}" if self.repeat else "")]
        slug = re.sub(r"[^A-Za-z0-9_+.]+", "-", "-".join(words)).strip("-.")[:100]
        return f"{slug}-{digest[:12]}"

    def to_text(self) -> str:
        """Return the canonical spec.yaml: one `field: value` a line, in the order of the fields."""
        # Every JSON value is also a YAML value, so a person can read and edit the file as YAML.
        return "".join(f"{name}: {json.dumps(value)}\n" for name, value in self.model_dump().items())


def expand_shorthands(values: dict[str, Any]) -> dict[str, Any]:
    """Return the values with `backend` set for each stage that has no backend of its own, and learning rates added."""
    expanded = dict(values)
    backend = expanded.pop("backend", None)
    for stage in STAGE_BACKENDS if backend is not None else ():
        expanded.setdefault(stage, backend)
    for optimizer, lr in (("optimizer", "lr"), ("top_optimizer", "top_lr")):
        expanded.setdefault(lr, DEFAULT_LR["adam" if expanded.get(optimizer) == "adam" else "sgd"])
    return expanded


def join_backends(backends: list[str]) -> str:
    """Return the one name if all stages agree, else the three joined by `+` in the order pca, whiten, kmeans."""
    return backends[0] if len(set(backends)) == 1 else "+".join(backends)


FROZEN_DEFAULTS: dict[str, Any] = {
    "method": "deepcluster", "dataset": "digits", "limit": None, "test_limit": None, "image_size": 32,
    "input_channels": 3,
    "arch": "alexnet", "width": 1.0, "k": 10, "epochs": 100, "batch_size": 128,
    "optimizer": "sgd", "momentum": 0.9, "weight_decay": 1e-5, "beta1": 0.9, "beta2": 0.999,
    "top_optimizer": "sgd", "top_momentum": 0.0, "top_weight_decay": 1e-5,
    "pca_backend": "faiss", "whiten_backend": "faiss", "kmeans_backend": "faiss",
    "pca_dim": 256, "whiten": True, "l2_normalize": True, "kmeans_iterations": 20, "kmeans_restarts": 1,
    "sampler": "uniform", "reassign_every": 1, "augment": "crop", "precision": "float32", "seed": 0,
    "repeat": 0,
}  # fmt: skip
"""Values that are left out of the hash. Frozen: a new field adds the value that old runs had and never changes another
line, so no run is ever renamed. The learning rates are always hashed."""

SHORTHANDS = {"backend": "sets pca_backend, whiten_backend and kmeans_backend where they are not set themselves"}
"""Names that a matrix may use in addition to the fields of the spec."""


SECTION_FIELDS = {"seed": "seeds", "repeat": "repeats"}
"""Fields with a section of their own in a matrix -> the section. Every cell gets the same values, so that runs can be
paired by them."""


def list_matrix_fields() -> list[str]:
    """Return every name that a matrix may use as an axis or a setting."""
    return [*(name for name in RunSpec.model_fields if name not in SECTION_FIELDS), *SHORTHANDS]


TWIN_CHANNELS = (1, 3)
"""Values of `input_channels` that are the same experiment for images of one channel and SGD.

The channel is repeated three times, the first layer sums its three filters, and batch norm takes the scale out. Adam's
steps do not scale with the gradients, so they are relatively larger where there are three filters."""


def format_value(value: object) -> str:
    """Return the value of a field as a matrix, a table or a figure shows it."""
    if value is None or isinstance(value, bool):
        return {None: "none", True: "true", False: "false"}[value]
    return f"{value:g}" if isinstance(value, float) else str(value)


@cache
def _type_adapter(name: str) -> TypeAdapter[Any]:
    """Return the validator of one field; building one takes far longer than using it."""
    field = RunSpec.model_fields[name]
    kind: Any = Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation
    return TypeAdapter(kind, config=ConfigDict(strict=True))


def check_field(name: str, value: Any) -> str | None:
    """Return why a field cannot have this value, in words for the user, or None if it can."""
    if name in SHORTHANDS:
        return None if isinstance(value, str) else f"expected a backend's name, not {value!r}"
    try:
        _type_adapter(name).validate_python(value)
    except ValidationError as error:
        field, problem = RunSpec.model_fields[name], error.errors()[0]
        if problem["type"] == "literal_error":
            choices = field.annotation.__args__  # type: ignore[union-attr]  # a Literal, or there were no such error
            return unknown_name(name, value, map(str, choices))
        null = " (null for none)" if field.default is None else ""
        return f"{problem['msg'].replace('Input', 'the value', 1)}{null}, not {value!r}"
    return None


def normalise_value(name: str, value: Any) -> Any:
    """Return the value as the spec stores it: 1 becomes 1.0 where the field is a float."""
    return value if name in SHORTHANDS else _type_adapter(name).validate_python(value)


def make_spec(values: dict[str, Any]) -> RunSpec:
    """Return the RunSpec of plain values; raise a SpecError that names every unknown field and every wrong value."""
    try:
        return RunSpec(**values)
    except ValidationError as error:
        messages = []
        for problem in error.errors():
            name = str(problem["loc"][0])
            if problem["type"] == "extra_forbidden":
                messages.append(unknown_name("field", name, RunSpec.model_fields))
            else:
                messages.append(f"{name}: {check_field(name, problem['input'])}")
        raise SpecError("; ".join(messages)) from None
