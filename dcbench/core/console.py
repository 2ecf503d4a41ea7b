"""The console that every command prints to, and the colours of run states on it.

Callers look up `console.stdout` at each use, so that a test or a notebook can replace it.
"""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Console

STATE_COLOURS = {"pending": "dim", "running": "cyan", "done": "green", "failed": "red", "skipped": "yellow"}
"""State -> colour, in the order in which states are counted."""

# Without soft_wrap rich would break long paths and run ids at the width of the terminal, and on a pipe at 80 columns.
stdout = Console(highlight=False, soft_wrap=True)


def format_state_counts(counts: Mapping[str, int]) -> str:
    """Return the number of runs in each state that any run is in: `3 done, 1 failed`."""
    return ", ".join(f"{counts[name]} {name}" for name in STATE_COLOURS if counts.get(name)) or "none"


def style_state(name: str, failure: str | None = None) -> str:
    """Return a state in its colour as rich markup, with the kind of failure if there was one."""
    kind = f" ({failure})" if failure else ""
    return f"[{STATE_COLOURS[name]}]{name}{kind}[/]"
