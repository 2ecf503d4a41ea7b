"""dcbench compares the choices of deep clustering: every axis provably acts, every number can be traced.

The functions of the public API are loaded when they are first used, so that `import dcbench` is instant.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dcbench.api import MatrixResults, RunSpec, compare, load_results, read_matrix, run_matrix, write_report

__version__ = "0.1.0"

__all__ = ["MatrixResults", "RunSpec", "compare", "load_results", "read_matrix", "run_matrix", "write_report"]


def __getattr__(name: str) -> Any:
    """Load a function or class of the API on first use."""
    if name not in __all__:
        raise AttributeError(f"module 'dcbench' has no attribute {name!r}")
    from dcbench import api

    return getattr(api, name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
