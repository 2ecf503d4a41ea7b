"""Which facts of provenance.json describe the environment of a run, and how two sets of facts differ.

In: the facts of one run or of two. Out: facts on one level, and the pairs of values that differ.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# The command line, the times and the neighbours on the device are left out: they change no result.
ENVIRONMENT_FACTS = ("dcbench", "commit", "python", "libraries", "platform", "device", "cpu", "threads", "dataset")
"""The facts that can change what a run computes, or that tell machines apart."""


def diff_values(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Return every name whose value differs, with both values; a missing value is None."""
    names = dict.fromkeys([*first, *second])
    return {name: (first.get(name), second.get(name)) for name in names if first.get(name) != second.get(name)}


def extract_environment(provenance: Mapping[str, Any]) -> dict[str, Any]:
    """Return the environment facts on one level: libraries by their names, those of the dataset as `dataset.NAME`."""
    facts: dict[str, Any] = {}
    for name in ENVIRONMENT_FACTS:
        value = provenance.get(name)
        prefix = "" if name == "libraries" else f"{name}."
        facts |= {f"{prefix}{key}": inner for key, inner in value.items()} if isinstance(value, dict) else {name: value}
    plugins = provenance.get("plugins")
    for name, plugin in plugins.items() if isinstance(plugins, dict) else ():
        facts[f"plugin {name}"] = plugin.get("sha256") if isinstance(plugin, dict) else plugin
    return {name: value for name, value in facts.items() if value is not None}
