"""Python processes that the kernel ends with the process that started them, so that a killed pytest leaves none behind.

A user's `dcbench run` must live on when its shell ends (`nohup`), so dcbench itself never asks for this.
"""

from __future__ import annotations

import sys

PR_SET_PDEATHSIG, SIGKILL = 1, 9

_BOUND = (
    f"import ctypes, os, sys; ctypes.CDLL(None).prctl({PR_SET_PDEATHSIG}, {SIGKILL}); "
    "os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
)


def bound_python(*arguments: str) -> list[str]:
    """Return the command that runs Python with these arguments, in a process that ends with its parent."""
    return [sys.executable, "-c", _BOUND, *arguments]
