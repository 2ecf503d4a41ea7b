"""The thread count of every library that computes: torch, faiss, and what scikit-learn and NumPy stand on."""

from __future__ import annotations

import faiss
import threadpoolctl
import torch

_POOLS = threadpoolctl.ThreadpoolController()
"""Every thread pool of the libraries above, looked for once: it takes .03 s, which workers have behind them."""


def limit_threads(count: int) -> None:
    """Let each library of this process compute with `count` CPU threads."""
    torch.set_num_threads(count)
    faiss.omp_set_num_threads(count)
    _POOLS.limit(limits=count)
