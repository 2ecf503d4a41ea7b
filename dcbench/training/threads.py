"""Set the number of CPU threads of every library that computes: torch, faiss, scikit-learn, SciPy and NumPy."""

from __future__ import annotations

import faiss
import scipy.linalg  # noqa: F401  (with scikit-learn, so that their pools are loaded when the controller looks for them)
import sklearn.cluster  # noqa: F401
import threadpoolctl
import torch

# Looked for once, at import: it takes 0.03 s, and the fork server has done it before a worker starts.
_POOLS = threadpoolctl.ThreadpoolController()


def limit_threads(count: int) -> None:
    """Let each library of this process compute with `count` CPU threads."""
    torch.set_num_threads(count)
    faiss.omp_set_num_threads(count)
    # The OpenMP and BLAS pools that scikit-learn, SciPy and NumPy use.
    _POOLS.limit(limits=count)
