"""Import everything that a run may need into the fork server, so that the processes it forks import nothing.

It must not compute anything: see `dcbench.execution.executors.local`.
"""

from __future__ import annotations

import importlib.readers  # noqa: F401  (with sklearn.datasets.data and .descr, what load_digits imports when called)
from contextlib import suppress

import faiss  # noqa: F401
import sklearn.cluster
import sklearn.datasets.data
import sklearn.datasets.descr
import sklearn.decomposition  # noqa: F401
import torch._dynamo
import torch.utils.serialization.config  # noqa: F401  (imported by the first torch.save)
import torchvision  # noqa: F401

from dcbench import registry
from dcbench.execution import worker  # noqa: F401

for kind in ("methods", "datasets", "archs", "backends"):
    for name in registry.plugin_names(kind):
        # A plug-in that cannot be imported must not stop the server; runs that use it report the error.
        with suppress(Exception):
            # Only dcbench's own, because other packages may compute when they are imported.
            if registry.find(kind, name).sha256 is None:
                registry.load(kind, name)
