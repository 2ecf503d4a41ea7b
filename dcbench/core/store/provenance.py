"""Extract the environment of a run from its provenance.json, and compare two environments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# Without the command line, the times and the neighbours on the device, which change no result.
ENVIRONMENT_FACTS = ("dcbench", "commit", "python", "libraries", "platform", "device", "cpu", "threads", "dataset")
"""The facts that can change what a run computes, or that tell machines apart."""


def diff_values(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Return every name whose value differs, with both values; a missing value is None."""
    names = dict.fromkeys([*first, *second])
    return {name: (first.get(name), second.get(name)) for name in names if first.get(name) != second.get(name)}


def extract_environment(provenance: Mapping[str, Any]) -> dict[str, Any]:
    """Return the environment as a flat mapping: libraries by name, facts of the dataset as `dataset.NAME`."""
    facts: dict[str, Any] = {}
    for name in ENVIRONMENT_FACTS:
        value = provenance.get(name)
        prefix = "" if name == "libraries" else f"{name}."
        facts |= {f"{prefix}{key}": inner for key, inner in value.items()} if isinstance(value, dict) else {name: value}
    plugins = provenance.get("plugins")
    for name, plugin in plugins.items() if isinstance(plugins, dict) else ():
        facts[f"plugin {name}"] = plugin.get("sha256") if isinstance(plugin, dict) else plugin
    return {name: value for name, value in facts.items() if value is not None}
