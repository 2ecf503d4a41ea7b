"""The contract of each kind of plug-in: what `dcbench check-plugin` checks, and the tests on all built-in ones.

In: a kind and the name of a plug-in. Out: for each check its sentence, and what is wrong where the check fails.
Imports: registry, core, training, execution, analysis, figures.
"""

from __future__ import annotations

import importlib
import signal
import tempfile
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from dcbench import registry

Check = Callable[[str, Path], None]
"""A check takes the plug-in's name and a folder to work in, and raises where the plug-in is wrong."""

KINDS_WITH_CHECKS = ("datasets", "archs", "methods", "backends", "executors", "figures")

DEADLINE = 300.0
"""Longest time (s) of a check."""

CLOSING_TIME = 15.0
"""Time (s) that a check which is over its deadline has for cleaning up, until it is interrupted again."""


class DeadlineError(BaseException):
    """A check took too long. No Exception, since a plug-in may catch all of those and go on."""


@dataclass(frozen=True, kw_only=True)
class CheckResult:
    """What a check found: the sentence that must hold, and the problem; None when it holds."""

    sentence: str
    problem: str | None


def list_checks(kind: str) -> list[Check]:
    """Return the checks of a kind in the order in which a plug-in's author wants to see them."""
    module = importlib.import_module(f"dcbench.contracts.{kind}")
    return [function for name, function in vars(module).items() if name.startswith("check_")]


def sentence_of(check: Check) -> str:
    """Return the sentence that a check stands for: the first line of its docstring."""
    return (check.__doc__ or check.__name__).splitlines()[0].rstrip(".")


def run_checks(
    kind: str, plugin: str, data_dir: Path | None = None, deadline: float = DEADLINE
) -> Iterator[CheckResult]:
    """Run every check of the kind on a plug-in; whatever a check raises is its problem.

    `data_dir` is where a dataset's files are; other kinds, and datasets without files, get an empty folder. A check
    that takes longer than the `deadline` (s) fails.
    """
    with tempfile.TemporaryDirectory() as empty:
        for number, check in enumerate(list_checks(kind)):
            folder = Path(empty, str(number))
            if kind == "datasets":
                # One folder for all checks, so that they share what is loaded from it.
                folder = data_dir or Path(empty)
            else:
                folder.mkdir()
            yield CheckResult(sentence=sentence_of(check), problem=_find_problem(check, kind, plugin, folder, deadline))


def _find_problem(check: Check, kind: str, plugin: str, folder: Path, deadline: float) -> str | None:
    """Run one check and return its problem, None when it holds."""
    try:
        with _interrupted_after(deadline):
            check(plugin, folder)
        return None
    except AssertionError as error:
        return str(error) or "it does not hold"
    # SystemExit too: a plug-in that calls sys.exit() must not end the checks silently.
    except (Exception, SystemExit) as error:
        return f"{type(error).__name__}: {error}".rstrip(": ")
    except DeadlineError as error:
        file = str(registry.find(kind, plugin).path)
        lines = [line for line in traceback.extract_tb(error.__traceback__) if line.filename == file]
        place = f"it was in {lines[-1].name}, {lines[-1].filename}:{lines[-1].lineno}" if lines else ""
        return "; ".join(filter(None, (f"it did not end within {deadline:g} s", str(error), place)))


@contextmanager
def _interrupted_after(seconds: float) -> Iterator[None]:
    """Raise DeadlineError in the block when the time is over; in other threads than the main one nothing is raised.

    Only a signal interrupts a plug-in that hangs, and Python delivers signals to the main thread.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise DeadlineError

    handler = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, seconds, CLOSING_TIME)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
