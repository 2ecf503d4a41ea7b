"""TODO: one sentence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from pydantic import ConfigDict

StateName = Literal["pending", "running", "done", "failed", "skipped"]


STATES: tuple[StateName, ...] = get_args(StateName)


FailureKind = Literal["error", "out_of_memory", "nan", "timeout", "crash", "lost"]
"""Kinds of failure."""


@dataclass(frozen=True, kw_only=True)
class RunState:
    """The one state of a run, with the kind of its failure, the reason in words, and the last lines of its log."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    name: StateName = "pending"
    kind: FailureKind | None = None
    reason: str = ""
    seconds: float | None = None
    started: str | None = None
    host: str | None = None
    pid: int | None = None
    last_lines: tuple[str, ...] = ()


LAST_LINES = 12
"""Lines of its log that a failure keeps."""


STOPPED = RunState(reason="stopped; run the matrix again to go on")


def extract_last_lines(text: str) -> tuple[str, ...]:
    """The last lines of a log that say anything."""
    return tuple(line.rstrip()[:300] for line in text.splitlines() if line.strip())[-LAST_LINES:]
