"""Make the baselines of a matrix: runs of another method, to which its scores are compared.

There is one for each combination of the fields that matter to the baseline, as its FACTS declare them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from dcbench import registry
from dcbench.core.matrix.validate import count_features, has_network
from dcbench.core.spec import RunSpec, make_spec


def list_baselines() -> list[str]:
    """Return the methods that are baselines."""
    return [name for name in registry.plugin_names("methods") if "baseline" in registry.facts("methods", name)]


def make_baselines(cells: Sequence[RunSpec], methods: Iterable[str]) -> list[RunSpec]:
    """Return the baselines of these cells, each once.

    A method's `baseline` facts say which fields tell its runs apart (`each`), which are taken from the first cell that
    has these values (`first`), which are set (`sets`), and which `variants` there are.
    """
    baselines: dict[tuple[Any, ...], RunSpec] = {}
    for method in methods:
        rule = registry.facts("methods", method)["baseline"]
        for cell in cells:
            # The number of classes of an image folder is unknown before it is read, so k stands for it.
            classes = registry.facts("datasets", cell.dataset).get("classes", cell.k)
            copied = {name: getattr(cell, name) for name in (*rule["each"], *rule["first"])}
            for number, variant in enumerate(rule["variants"]):
                fixed = rule["sets"] | variant | {"method": method}
                fixed = {name: classes if value == "classes" else value for name, value in fixed.items()}
                spec = _fit_to_pixels(make_spec(copied | fixed))
                key = (method, number, *(getattr(spec, name) for name in rule["each"]))
                baselines.setdefault(key, spec)
    return list(dict.fromkeys(baselines.values()))


def _fit_to_pixels(spec: RunSpec) -> RunSpec:
    """Reduce channels and PCA dimensions to those of the pixels, if the method clusters pixels."""
    if has_network(spec):
        return spec
    # Grey images in three equal channels would be the same pixels three times.
    if spec.input_channels == 3 and registry.facts("datasets", spec.dataset)["channels"] == 1:
        spec = spec.model_copy(update={"input_channels": 1})
    return spec.model_copy(update={"pca_dim": spec.pca_dim and min(spec.pca_dim, count_features(spec))})
