"""The contract of each kind of plug-in: what `dcbench check-plugin` checks, and the tests on all built-in ones.

In: a kind and the name of a plug-in. Out: for each check its sentence, and what is wrong where the check fails.
Imports: registry, core, training, execution, analysis, figures.
"""

from __future__ import annotations

import importlib
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

Check = Callable[[str, Path], None]
"""A check takes the plug-in's name and a folder to work in, and raises where the plug-in is wrong."""

KINDS_WITH_CHECKS = ("datasets", "archs", "methods", "backends", "executors", "figures")


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


def run_checks(kind: str, plugin: str, data_dir: Path | None = None) -> Iterator[CheckResult]:
    """Run every check of the kind on a plug-in; whatever a check raises is its problem.

    `data_dir` is where a dataset's files are; other kinds, and datasets without files, get an empty folder.
    """
    for check in list_checks(kind):
        with tempfile.TemporaryDirectory() as empty:
            folder = data_dir if kind == "datasets" and data_dir is not None else Path(empty)
            try:
                check(plugin, folder)
                problem = None
            except Exception as error:
                text = str(error) or "it does not hold"
                problem = text if isinstance(error, AssertionError) else f"{type(error).__name__}: {text}"
        yield CheckResult(sentence=sentence_of(check), problem=problem)
