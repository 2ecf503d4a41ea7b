"""A small matrix whose effects are planted, and an analysis of it."""

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


SPOKEN_OF = [one for one in OUTCOMES if one.name in ("nmi_true", "ami_true", "seconds", CLUSTERING)]
