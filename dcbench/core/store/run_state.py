"""The state of a run: pending, running, done, failed or skipped. RunState is the content of state.json."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from pydantic import ConfigDict

StateName = Literal["pending", "running", "done", "failed", "skipped"]

STATES: tuple[StateName, ...] = get_args(StateName)

FailureKind = Literal["error", "out_of_memory", "nan", "timeout", "crash", "lost"]

LAST_LINES = 12
"""Number of lines of its log that the state of a failed run keeps."""


@dataclass(frozen=True, kw_only=True)
class RunState:
    """The state of one run."""

    # A file with an unknown key was edited by hand or written by another version of dcbench: it is not trusted.
    __pydantic_config__ = ConfigDict(extra="forbid")

    name: StateName = "pending"
    kind: FailureKind | None = None
    """Kind of failure; None unless the run failed."""
    reason: str = ""
    """Why the run failed, was skipped or was stopped."""
    seconds: float | None = None
    """Seconds that the last attempt took; None before it ended."""
    started: str | None = None
    """When the last attempt started, in ISO format with the time zone."""
    host: str | None = None
    pid: int | None = None
    last_lines: tuple[str, ...] = ()


STOPPED = RunState(reason="stopped; run the matrix again to go on")


def extract_last_lines(text: str) -> tuple[str, ...]:
    """Return the last lines of a log that are not blank, each cut to 300 characters."""
    return tuple(line.rstrip()[:300] for line in text.splitlines() if line.strip())[-LAST_LINES:]
