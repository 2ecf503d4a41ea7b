"""TODO: one sentence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

ENVIRONMENT_FACTS = ("dcbench", "commit", "python", "libraries", "platform", "device", "cpu", "threads", "dataset")
"""The facts of provenance.json that can change what a run computes, or that tell machines apart."""


def diff_values(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Every name whose value differs, with both values; None where one has no such name."""
    names = dict.fromkeys([*ours, *theirs])
    return {name: (ours.get(name), theirs.get(name)) for name in names if ours.get(name) != theirs.get(name)}


def extract_environment(provenance: Mapping[str, Any]) -> dict[str, Any]:
    """The facts of MADE_WITH in one level: libraries by their own names, the dataset's as `dataset.<fact>`."""
    facts: dict[str, Any] = {}
    for name in ENVIRONMENT_FACTS:
        value = provenance.get(name)
        prefix = "" if name == "libraries" else f"{name}."
        facts |= {f"{prefix}{key}": inner for key, inner in value.items()} if isinstance(value, dict) else {name: value}
    return {name: value for name, value in facts.items() if value is not None}
