"""A small matrix for the tests of findings, and the metrics that they use."""

from __future__ import annotations

from dcbench.analysis.summary import OUTCOMES
from dcbench.core.columns import CLUSTERING

SMALL = """name: small
axes:
  dataset: [mnist, cifar10]
  optimizer: [sgd, adam]
  backend: [faiss, sklearn]
seeds: [0, 1, 2]
settings: {epochs: 2}
"""


METRICS_USED = [metric for metric in OUTCOMES if metric.name in ("nmi_true", "ami_true", "seconds", CLUSTERING)]
