"""What the forkserver imports, so that its children import nothing; imported for its effect only.

Every part is loaded here. One that fails to load is left to the run that asks for it, which will say why.
"""

from __future__ import annotations

import importlib.readers  # noqa: F401  (with the next two, what load_digits imports when it is called)
from contextlib import suppress

import faiss  # noqa: F401
import sklearn.cluster
import sklearn.datasets.data
import sklearn.datasets.descr
import sklearn.decomposition  # noqa: F401
import torch._dynamo
import torch.utils.serialization.config  # noqa: F401  (the first torch.save imports it)
import torchvision  # noqa: F401

from dcbench import registry
from dcbench.execution import worker  # noqa: F401

for room in ("methods", "datasets", "archs", "backends"):
    for part in registry.plugin_names(room):
        with suppress(Exception):
            registry.load(room, part)
