"""Import everything that a run may need, in the fork server, so that the processes it forks import nothing.

Imported for its effect only. It must compute nothing: see `dcbench.execution.executors.local`.
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
        # A plug-in that cannot be imported must not stop the server: the run that needs it reports the error.
        with suppress(Exception):
            # Only dcbench's own: nobody knows whether another package computes when it is imported.
            if registry.find(kind, name).sha256 is None:
                registry.load(kind, name)
