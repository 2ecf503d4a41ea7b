"""Baselines of a matrix: runs of another method that give its scores a meaning.

In: the specs of the cells, and names of methods that are baselines. Out: one spec for each difference that matters
to the method, counted apart from the cells. What matters stands in the method's FACTS.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from dcbench import registry
from dcbench.core.matrix.validate import count_features, has_network
from dcbench.core.spec import RunSpec, make_spec


def list_baselines() -> list[str]:
    """The methods that are baselines."""
    return [name for name in registry.plugin_names("methods") if "baseline" in registry.facts("methods", name)]


def make_baselines(cells: Iterable[RunSpec], names: Iterable[str]) -> list[RunSpec]:
    """The baseline specs of these cells, each once; settings that do not tell them apart are the first cell's."""
    listed = list(cells)
    found: dict[tuple[Any, ...], RunSpec] = {}
    for name in names:
        for spec in listed:
            for key, baseline in _of_cell(name, spec):
                found.setdefault(key, baseline)
    return list(dict.fromkeys(found.values()))


def _of_cell(method: str, spec: RunSpec) -> Iterator[tuple[tuple[Any, ...], RunSpec]]:
    rule = registry.facts("methods", method)["baseline"]
    classes = registry.facts("datasets", spec.dataset).get("classes", spec.k)
    told = {name: getattr(spec, name) for name in (*rule["each"], *rule["first"])} | {"method": method}
    for number, variant in enumerate(rule["variants"]):
        sets = {name: classes if value == "classes" else value for name, value in (rule["sets"] | variant).items()}
        baseline = _fitting(make_spec(told | sets))
        key = (method, number, *(getattr(baseline, name) for name in rule["each"]))
        yield key, baseline


def _fitting(spec: RunSpec) -> RunSpec:
    """Pixels of grey images are not repeated into colours, and have no more PCA dimensions than pixels."""
    if has_network(spec):
        return spec
    if spec.input_channels == 3 and registry.facts("datasets", spec.dataset)["channels"] == 1:
        spec = spec.model_copy(update={"input_channels": 1})
    return spec.model_copy(update={"pca_dim": spec.pca_dim and min(spec.pca_dim, count_features(spec))})
