"""Plans of matrices given as text, and settings of a run that takes a fraction of a second."""

from __future__ import annotations

from dcbench.core.matrix.expand import Plan, parse_matrix

TINY = "{limit: 60, width: 0.05, pca_dim: 8, epochs: 1, batch_size: 32, k: 4}"
"""Settings of a run that takes a fraction of a second."""


def plan_of(text: str) -> Plan:
    return parse_matrix(text, "m.yaml", "float32")
