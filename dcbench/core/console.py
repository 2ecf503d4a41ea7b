"""What a person sees on the terminal, a file a subject; what the subjects share lives here.

The files print with `console.stdout`, looked up at each use, so that another console can stand in its place.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from rich.console import Console

from dcbench.core.store.run_state import STATES, RunState

COLOURS = {"pending": "dim", "running": "cyan", "done": "green", "failed": "red", "skipped": "yellow"}

stdout = Console(highlight=False, soft_wrap=True)


def told(counts: dict[str, int] | Counter[Any]) -> str:
    """How many runs are in each state, leaving out the states of none."""
    return ", ".join(f"{counts[name]} {name}" for name in STATES if counts[name]) or "none"


def styled(state: RunState) -> str:
    """A state in its colour, with the kind of failure."""
    kind = f" ({state.kind})" if state.kind else ""
    return f"[{COLOURS[state.name]}]{state.name}{kind}[/]"
